# Copyright (c) mmavs developers. All rights reserved.
from pathlib import Path

import pytest

import mmavs  # noqa: F401  puts the placeholder of mmcv._ext in place before mmdet is imported


@pytest.fixture(scope='session')
def root():
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]
