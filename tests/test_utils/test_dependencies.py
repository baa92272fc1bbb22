# Copyright (c) mmavs developers. All rights reserved.
"""A missing or too old part gives one clear error that says which command mends it."""

import sys
from types import ModuleType

import pytest

from mmavs.utils.dependencies import REQUIRED, check_dependencies, version_tuple


@pytest.mark.parametrize(
    ('version', 'expected'),
    [
        ('2.11.0', (2, 11, 0)),
        ('2.11.0+cu130', (2, 11, 0)),
        ('0.10.8rc1', (0, 10, 8)),
        ('1.2', (1, 2)),
        ('3.0.0.dev20260101', (3, 0, 0)),
    ],
)
def test_version_tuple(version, expected):
    assert version_tuple(version) == expected


def test_version_tuple_of_no_version():
    with pytest.raises(ValueError, match='"unknown" is no version number'):
        version_tuple('unknown')


@pytest.fixture
def old_part(monkeypatch):
    module = ModuleType('an_old_part')
    module.__version__ = '1.9.4+cpu'
    monkeypatch.setitem(sys.modules, 'an_old_part', module)


def test_what_is_installed_here_is_enough():
    check_dependencies()
    assert set(REQUIRED) == {'torch', 'mmengine', 'mmcv', 'mmdet', 'mmseg'}


def test_missing():
    with pytest.raises(ImportError) as error:
        check_dependencies({'mm_not_there': ('2.0', 'onedl-mm-not-there')})
    assert str(error.value) == (
        'mmavs needs mm_not_there>=2.0, which is not installed. Mend it with: '
        'pip install "onedl-mm-not-there>=2.0", or all at once: bash tools/setup_env.sh'
    )


def test_too_old(old_part):
    with pytest.raises(ImportError, match=r'mmavs needs an_old_part>=1.10, found 1.9.4\+cpu'):
        check_dependencies({'an_old_part': ('1.10', 'old-part')})


def test_new_enough(old_part):
    check_dependencies({'an_old_part': ('1.9.4', 'old-part')})
    check_dependencies({'an_old_part': ('1.8.10', 'old-part')})


def test_a_part_that_lacks_a_part_of_its_own(monkeypatch, tmp_path):
    """Then the missing one is named, not the one that is there."""
    (tmp_path / 'mm_half_there.py').write_text('import not_there_either\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="No module named 'not_there_either'"):
        check_dependencies({'mm_half_there': ('1.0', 'half-there')})
