# Copyright (c) mmavs developers. All rights reserved.
from pathlib import Path

import pytest

from mmavs.utils.checkpoint import load_checkpoint_file

HERE = Path(__file__).resolve().parent


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
