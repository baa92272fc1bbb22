# Copyright (c) mmavs developers. All rights reserved.
import importlib.util
import socket
import sys
import uuid
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

import mmavs  # noqa: F401  puts the placeholder of mmcv._ext in place before mmdet is imported


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


@pytest.fixture(scope='session')
def root():
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def tools(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / 'tests/test_tools'))
    monkeypatch.setenv('LOCAL_RANK', '0')
    return Tools(root, monkeypatch)


@pytest.fixture
def free_port():
    """A port of this machine that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


@pytest.fixture(autouse=True)
def no_default_scope():
    """A Runner leaves its default scope behind, in which the next test would look for names."""
    DefaultScope._instance_dict.clear()
    yield
    DefaultScope._instance_dict.clear()
