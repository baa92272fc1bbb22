# Copyright (c) mmavs developers. All rights reserved.
"""Wheels and sdists of this checkout, made in a copy of it, so that builds leave nothing here."""

import shutil
import subprocess
import sys

SOURCES = ('configs', 'mmavs', 'requirements', 'tools')
FILES = ('LICENSE', 'MANIFEST.in', 'README.md', 'CITATION.cff', 'model-index.yml', 'setup.py')


def copy_checkout(root, target):
    """Copy what the distribution is made from, and a test that must not get into it."""
    ignore = shutil.ignore_patterns('__pycache__', '.mim', '*.egg-info')
    for name in SOURCES:
        shutil.copytree(root / name, target / name, ignore=ignore)
    for name in (*FILES, 'pyproject.toml'):
        shutil.copy2(root / name, target / name)
    (target / 'tests').mkdir()
    (target / 'tests' / 'test_nothing.py').write_text('')
    return target


def build(checkout, target, kind):
    """What pip asks the build backend for: 'wheel', 'editable' or 'sdist'. No network is used."""
    code = f'from setuptools.build_meta import build_{kind} as build; build({str(target)!r})'
    result = subprocess.run(
        [sys.executable, '-c', code], cwd=checkout, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    (archive,) = target.iterdir()
    return archive
