# Copyright (c) mmavs developers. All rights reserved.
"""tools/setup_env.sh fails with one clear line, and check_env.py says what is missing."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def setup_env(root, tmp_path):
    """Runs the script for an environment in a temporary folder."""

    def run(*arguments, **variables):
        environment = {
            **{name: value for name, value in os.environ.items() if name != 'MMAVS_PYTHON'},
            'MMAVS_VENV': str(tmp_path / 'venv'),
            'MMAVS_SETUP_LOG': str(tmp_path / 'setup.log'),
            **variables,
        }
        command = ['bash', str(root / 'tools' / 'setup_env.sh'), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return run


def assert_one_line(result, *parts):
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith('setup_env: ERROR: ')
    for part in parts:
        assert part in line


def executable(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{body}\n')
    path.chmod(0o755)
    return path


def test_help(setup_env):
    result = setup_env('--help')
    assert result.returncode == 0
    for word in ('--active', '--tests', '--docs', '--with-ops', 'MMAVS_VENV', 'MMAVS_PYTHON'):
        assert word in result.stdout


def test_unknown_argument(setup_env):
    assert_one_line(setup_env('--wiht-ops'), "unknown argument '--wiht-ops'", '--help')


def test_no_python(setup_env, tmp_path):
    old = executable(tmp_path / 'python3.9', 'exit 1')
    result = setup_env(MMAVS_PYTHON=str(old))
    assert_one_line(
        result, f'no Python 3.10 to 3.13 among: {old}', 'apt-get install', 'MMAVS_PYTHON'
    )


def test_no_venv_module(setup_env, tmp_path):
    body = f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'
    python = executable(tmp_path / 'python3', body)
    result = setup_env(MMAVS_PYTHON=str(python))
    assert_one_line(result, f'{python} lacks the module venv', 'apt-get install python3-venv')
    assert not (tmp_path / 'venv').exists()


def test_a_folder_that_is_no_environment(setup_env, tmp_path):
    (tmp_path / 'venv').mkdir()
    (tmp_path / 'venv' / 'thesis.tex').write_text('')
    assert_one_line(setup_env(), 'is no virtual environment', 'MMAVS_VENV')
    assert (tmp_path / 'venv' / 'thesis.tex').exists()


def test_a_folder_that_cannot_be_made(setup_env):
    assert_one_line(setup_env(MMAVS_VENV='/proc/venv'), '/proc/venv cannot be made', 'MMAVS_VENV')


def test_too_little_disk(setup_env, tmp_path):
    executable(tmp_path / 'bin' / 'df', 'echo header; echo "/dev/x 1 1 204800 1% /"')
    result = setup_env(PATH=f'{tmp_path / "bin"}:{os.environ["PATH"]}')
    assert_one_line(result, '200 MB free', 'needs about 6000 MB', 'MMAVS_VENV')


def test_an_unknown_installer(setup_env, tmp_path):
    executable(tmp_path / 'venv' / 'bin' / 'python', f'exec {sys.executable} -S "$@"')
    assert_one_line(setup_env(MMAVS_INSTALLER='conda'), "is 'conda': expected uv or pip")


def test_no_network(setup_env, tmp_path):
    """Nothing listens on port 9; uv cannot be fetched, so pip gets its try and fails."""
    subprocess.run([sys.executable, '-m', 'venv', str(tmp_path / 'venv')], check=True)
    path = ':'.join(p for p in os.environ['PATH'].split(':') if not os.path.exists(f'{p}/uv'))
    result = setup_env(
        PATH=path,
        PIP_INDEX_URL='http://127.0.0.1:9/simple',
        PIP_RETRIES='0',
        PIP_CONFIG_FILE='/dev/null',
    )
    assert 'uv is not to be had: pip installs' in result.stdout
    assert_one_line(
        result, 'installing the packages failed', 'check the network', str(tmp_path / 'setup.log')
    )


@pytest.fixture
def check_env(root):
    spec = importlib.util.spec_from_file_location('check_env', root / 'tools/misc/check_env.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts made-up distributions where importlib.metadata finds them."""

    def install(name, version, **files):
        folder = tmp_path / f'{name}-{version}.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
        )
        for file, content in files.items():
            (folder / f'{file}.json').write_text(json.dumps(content))

    monkeypatch.syspath_prepend(str(tmp_path))
    return install


@pytest.mark.parametrize(
    ('version', 'pin', 'expected'),
    [
        ('2.11.0', 'mm_torch==2.11.0', []),
        ('2.11.0+cpu', 'mm_torch==2.11.0', []),
        ('2.11.0+cu130', 'mm_torch==2.11.0', []),
        ('2.10.0+cpu', 'mm_torch==2.11.0', ['mm_torch==2.11.0 (found 2.10.0+cpu)']),
        ('2.11.0.post1', 'mm_torch==2.11.0', ['mm_torch==2.11.0 (found 2.11.0.post1)']),
        ('2.11.0', 'mm_torch>=2.1,<3', []),
        ('2.11.0', 'mm_torch==1.0; python_version < "3"', []),
    ],
)
def test_versions(version, pin, expected, check_env, installed):
    installed('mm_torch', version)
    assert check_env.unmet_requirements([pin]) == expected


def test_not_installed(check_env):
    assert check_env.unmet_requirements(['mm-nothing>=1']) == ['mm-nothing>=1 (not installed)']


def test_comments_are_no_requirements(check_env, tmp_path):
    (tmp_path / 'r.txt').write_text('# a comment\n\nnumpy==2.2.6  # why\n')
    assert check_env.read_requirements(tmp_path / 'r.txt') == ['numpy==2.2.6']


@pytest.mark.parametrize(
    ('names', 'version', 'expected'),
    [
        (['opencv-python-headless'], 'headless = True', None),
        (['opencv-python-headless'], 'headless = False', 'is not of opencv-python-headless)'),
        (['opencv-python-headless'], None, 'files of opencv-python-headless not there'),
        (
            ['opencv-python-headless', 'opencv-python'],
            'headless = True',
            '(opencv-python installed',
        ),
        ([], None, None),  # the pin is unmet, which unmet_requirements says
    ],
)
def test_cv2(names, version, expected, check_env, tmp_path, monkeypatch):
    """Neither build is imported."""
    monkeypatch.setattr(
        check_env.metadata, 'distributions', lambda name: iter([name] if name in names else [])
    )
    origin = tmp_path / 'cv2' / '__init__.py'
    if version:
        origin.parent.mkdir()
        origin.write_text('raise ImportError')
        (origin.parent / 'version.py').write_text(f'{version}\n')
    spec = importlib.util.spec_from_file_location('cv2', origin)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec if version else None)
    found = check_env.unmet_cv2()
    if expected is None:
        assert found == []
    else:
        (line,) = found
        assert line.startswith('cv2 (')
        assert expected in line


@pytest.mark.parametrize('kind', ['uv', 'pip'])
def test_cv2_is_mended(kind, root, setup_env, tmp_path):
    """Only what is wrong is touched: the Qt build is removed, then the headless one installed."""
    calls, mended = tmp_path / 'calls', tmp_path / 'mended'
    python = f"""case "$*" in
*check_env.py*) [ -e {mended} ] && exit 0; echo 'cv2 (opencv-python installed)'; exit 1;;
*'pip config'*|*'import mmavs'*) exit 0;;
*'-m pip'*) echo "$*" >> {calls}; case "$*" in *' install '*) touch {mended};; esac; exit 0;;
esac
exec {sys.executable} "$@\""""
    executable(tmp_path / 'venv' / 'bin' / 'python', python)
    uv = f'echo "$*" >> {calls}; case "$*" in *" install "*) touch {mended};; esac'
    executable(tmp_path / 'bin' / 'uv', uv)
    result = setup_env(MMAVS_INSTALLER=kind, PATH=f'{tmp_path / "bin"}:{os.environ["PATH"]}')
    assert result.returncode == 0, result.stderr
    remove, install = calls.read_text().splitlines()
    assert 'pip uninstall' in remove
    assert 'opencv-python' in remove.split()
    pins = (root / 'requirements' / 'pinned.txt').read_text().splitlines()
    (pin,) = (line for line in pins if line.startswith('opencv-python-headless'))
    assert install.endswith(f'--no-deps --force-reinstall {pin}')


@pytest.mark.parametrize('state', ['copy', 'elsewhere', 'without_mim', 'good'])
def test_editable(state, check_env, installed, tmp_path):
    root = tmp_path / 'a checkout'
    (root / 'mmavs' / '.mim' / 'tools').mkdir(parents=True)
    (root / 'mmavs' / '.mim' / 'configs').mkdir()
    (root / 'mmavs' / '.mim' / 'tools' / 'train.py').touch()
    if state != 'without_mim':
        (root / 'mmavs' / '.mim' / 'model-index.yml').touch()
    source = tmp_path / 'other' if state == 'elsewhere' else root
    info = {} if state == 'copy' else {'editable': True}
    installed('mmavs', '0.1.0', direct_url={'url': source.as_uri(), 'dir_info': info})
    assert (
        check_env.unmet_editable(root)
        == {
            'copy': [f'mmavs (installed as a copy, not from {root})'],
            'elsewhere': [f'mmavs (installed from {source}, not from {root})'],
            'without_mim': ['mmavs/.mim (model-index.yml not there)'],
            'good': [],
        }[state]
    )


def test_ops_are_not_compiled(check_env, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        'mmcv', tmp_path / '__init__.py', submodule_search_locations=[str(tmp_path)]
    )
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    assert check_env.unmet_ops() == ['mmcv operators (not compiled)']
