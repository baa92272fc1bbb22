# Copyright (c) mmavs developers. All rights reserved.
"""The package as a user gets it: by wheel, editable, and from an sdist."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from built_package import FILES, SOURCES, build, copy_checkout
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.runner import CheckpointLoader

import mmavs
from mmavs.utils.checkpoint import load_from_local

MIM_PARTS = ('configs/_base_/default_runtime.py', 'tools/train.py', 'model-index.yml')


@pytest.fixture(scope='module')
def checkout(root, tmp_path_factory):
    return copy_checkout(root, tmp_path_factory.mktemp('checkout'))


def test_wheel(checkout, tmp_path):
    wheel = build(checkout, tmp_path, 'wheel')
    assert wheel.name == f'mmavs-{mmavs.__version__}-py3-none-any.whl'
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f'mmavs-{mmavs.__version__}.dist-info/METADATA').decode()
    assert {f'mmavs/.mim/{part}' for part in MIM_PARTS} <= names
    modules = {str(path.relative_to(checkout)) for path in (checkout / 'mmavs').rglob('*.py')}
    assert modules <= names
    assert {name.split('/')[0] for name in names} == {
        'mmavs',
        f'mmavs-{mmavs.__version__}.dist-info',
    }
    assert not [name for name in names if 'test_nothing' in name or name.endswith('.pyc')]
    assert 'Requires-Dist: timm\n' in metadata
    for extra in ('all', 'docs', 'mim', 'optional', 'tests'):
        assert f'Provides-Extra: {extra}\n' in metadata
    assert re.search(r'Requires-Dist: onedl-mmcv>=\S+; extra == "mim"', metadata)
    assert not (checkout / 'mmavs' / '.mim').exists()


def test_editable(checkout, tmp_path):
    target = tmp_path / 'wheel'
    target.mkdir()
    mim = checkout / 'mmavs' / '.mim'
    mim.mkdir()
    (mim / 'left_over.txt').write_text('of an earlier install')
    try:
        wheel = build(checkout, target, 'editable')
        for part in MIM_PARTS:
            assert (mim / part).is_file()
        assert not (mim / 'left_over.txt').exists()
        added = checkout / 'configs' / 'added_later.py'
        added.write_text('a = 1\n')
        assert (mim / 'configs' / 'added_later.py').is_file()
        added.unlink()
        installed = tmp_path / 'site'
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(installed)
        found = find_mmavs(installed, tmp_path)
        assert found == str(checkout / 'mmavs' / '__init__.py')
    finally:
        shutil.rmtree(mim)


def find_mmavs(site, cwd):
    """Where a Python with this site folder finds mmavs, without importing it."""
    code = (
        f'import site, importlib.util; site.addsitedir({str(site)!r}); '
        "print(importlib.util.find_spec('mmavs').origin)"
    )
    command = [sys.executable, '-S', '-E', '-c', code]  # -E: whatever PYTHONPATH says
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_wheel_comes_out_of_the_sdist(checkout, tmp_path):
    for name in ('sdist', 'wheel'):
        (tmp_path / name).mkdir()
    with tarfile.open(build(checkout, tmp_path / 'sdist', 'sdist')) as archive:
        archive.extractall(tmp_path, filter='data')
    (unpacked,) = tmp_path.glob('mmavs-*')
    made = {'PKG-INFO', 'mmavs.egg-info', 'setup.cfg'}
    assert {path.name for path in unpacked.iterdir()} == {
        *SOURCES,
        *FILES,
        *made,
        'pyproject.toml',
    }
    assert not list(unpacked.rglob('*.pyc'))
    with zipfile.ZipFile(build(unpacked, tmp_path / 'wheel', 'wheel')) as archive:
        assert {f'mmavs/.mim/{part}' for part in MIM_PARTS} <= set(archive.namelist())


def test_model_index_names_files_that_are_there(root):
    lines = (root / 'model-index.yml').read_text().splitlines()
    metafiles = [line.strip('- ') for line in lines if line.lstrip().startswith('- ')]
    assert metafiles
    assert [name for name in metafiles if not (root / name).is_file()] == []


def test_versions_agree(root):
    citation = (root / 'CITATION.cff').read_text()
    assert f'\nversion: {mmavs.__version__}\n' in citation


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12', '3.13'])
def test_the_pins_meet_what_the_package_asks_for(root, python):
    from packaging.requirements import Requirement

    def read(name):
        lines = (root / 'requirements' / f'{name}.txt').read_text().splitlines()
        items = [Requirement(line) for line in lines if line and not line.startswith('#')]
        # The newest patch release: a marker may compare either variable.
        versions = {'python_version': python, 'python_full_version': f'{python}.99'}
        return [item for item in items if not item.marker or item.marker.evaluate(versions)]

    pins = read('pinned')
    assert len({item.name for item in pins}) == len(pins), 'one pin a package'
    pinned = {}
    for item in pins:
        (specifier,) = item.specifier
        assert specifier.operator == '==', item
        pinned[item.name] = specifier.version
    for requirement in [*read('runtime'), *read('mminstall')]:
        assert requirement.name in pinned, f'{requirement} has no pin for Python {python}'
        assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_the_supported_pythons_are_said_alike(root):
    script = (root / 'tools' / 'setup_env.sh').read_text()
    assert '(3, 10) <= sys.version_info[:2] <= (3, 13)' in script
    assert "python_requires='>=3.10'" in (root / 'setup.py').read_text()
    assert 'target-version = "py310"' in (root / 'pyproject.toml').read_text()
    for name in ('README.md', 'docs/en/install.md'):
        assert 'Python 3.10 to 3.13' in (root / name).read_text(), name


def test_importing_mmavs_sets_up_mmengine():
    assert MODULE2PACKAGE['mmavs'] == 'mmavs'
    assert CheckpointLoader._get_checkpoint_loader('some/file.pth') is load_from_local
    assert all(hasattr(loader, 'mmavs_safe') for loader in CheckpointLoader._schemes.values())
