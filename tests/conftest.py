# Copyright (c) mmavs developers. All rights reserved.
import socket
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

import mmavs  # noqa: F401  puts the placeholder of mmcv._ext in place before mmdet is imported


@pytest.fixture(scope='session')
def root():
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


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
