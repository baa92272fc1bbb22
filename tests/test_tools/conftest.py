# Copyright (c) mmavs developers. All rights reserved.
import importlib.util
import sys
import uuid
from pathlib import Path

import pytest

from mmavs.utils.checkpoint import load_checkpoint_file

HERE = Path(__file__).resolve().parent


class Tools:
    """Runs tools/train.py and tools/test.py in this process, each time as a new run."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.monkeypatch = monkeypatch

    def load(self, path, *arguments):
        """The module of a tool, with these arguments on its command line."""
        self.monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        spec = importlib.util.spec_from_file_location(Path(path).stem, self.root / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def config(self, path, *arguments):
        """The config that a tool makes of these arguments."""
        module = self.load(path, *arguments)
        return module.build_config(module.parse_args())

    def run(self, path, *arguments):
        """Run a tool. mmengine remembers runs by name, so each gets one of its own."""
        options = list(map(str, arguments))
        place = options.index('--cfg-options') + 1 if '--cfg-options' in options else len(options)
        prefix = [] if '--cfg-options' in options else ['--cfg-options']
        options[place:place] = [*prefix, f'experiment_name={uuid.uuid4().hex}']
        self.load(path, *options).main()


@pytest.fixture
def tools(root, monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv('LOCAL_RANK', '0')
    return Tools(root, monkeypatch)


@pytest.fixture
def toy_config():
    return HERE / 'toy_config.py'


@pytest.fixture
def toy_lazy_config():
    return HERE / 'toy_lazy_config.py'


@pytest.fixture
def weights():
    """Reads (weight, bias) of the toy model from a checkpoint."""

    def read(path):
        state = load_checkpoint_file(path)['state_dict']
        return float(state['weight']), float(state['bias'])

    return read
