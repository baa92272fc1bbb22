# Copyright (c) mmavs developers. All rights reserved.
"""The converter of the official log-mel pickles, as a user calls it."""

import importlib.util
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

SCRIPT = 'tools/dataset_converters/logmel_pkl2npy.py'


class MakesFolder:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope='module')
def main(root):
    spec = importlib.util.spec_from_file_location('logmel_pkl2npy', root / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Worker processes look the functions up by the name of their module.
    sys.modules['logmel_pkl2npy'] = module
    spec.loader.exec_module(module)
    yield lambda *args: module.main([str(arg) for arg in args])
    del sys.modules['logmel_pkl2npy']


@pytest.fixture
def tree(tmp_path):
    """Three official files: float32 (5, 1, 96, 64) with requires_grad."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name in ('train/dog/-a', 'train/cat/b.c', 'val/dog/_d'):
        tensors[name] = torch.randn(5, 1, 96, 64, generator=generator)
        path = tmp_path / 'official' / f'{name}.pkl'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(tensors[name].clone().requires_grad_()))
    return tmp_path / 'official', tensors


def load(root, name):
    return np.load(root / f'{name}.npy', allow_pickle=False)


@pytest.mark.parametrize('nproc', [1, 2])
def test_converts_beside_and_again_does_nothing(main, tree, nproc, capfd):
    folder, tensors = tree
    assert main(folder, '--nproc', nproc) == 0
    assert '3 converted, 0 were there already, 0 refused' in capfd.readouterr().out
    for name, tensor in tensors.items():
        logmel = load(folder, name)
        assert logmel.dtype == np.float32 and np.array_equal(logmel, tensor.numpy())
    times = [path.stat().st_mtime_ns for path in folder.rglob('*.npy')]
    assert main(folder, '--nproc', nproc) == 0
    assert '0 converted, 3 were there already, 0 refused' in capfd.readouterr().out
    assert [path.stat().st_mtime_ns for path in folder.rglob('*.npy')] == times
    assert not list(folder.rglob('*.part'))


def test_into_another_tree_and_single_files(main, tree, tmp_path):
    folder, tensors = tree
    assert main(folder, '--out-dir', tmp_path / 'new') == 0
    assert not list(folder.rglob('*.npy'))
    for name, tensor in tensors.items():
        assert np.array_equal(load(tmp_path / 'new', name), tensor.numpy())
    assert main(folder / 'val/dog/_d.pkl', '--out-dir', tmp_path / 'one') == 0
    assert [path.name for path in (tmp_path / 'one').iterdir()] == ['_d.npy']


def test_overwrite(main, tree):
    folder, tensors = tree
    (folder / 'val/dog/_d.npy').write_bytes(b'old')
    assert main(folder) == 0
    assert (folder / 'val/dog/_d.npy').read_bytes() == b'old'
    assert main(folder, '--overwrite') == 0
    assert np.array_equal(load(folder, 'val/dog/_d'), tensors['val/dog/_d'].numpy())


def test_bad_files_are_refused_and_the_others_converted(main, tree, tmp_path, capfd):
    folder, tensors = tree
    target = tmp_path / 'made'
    bad = dict(
        code=MakesFolder(str(target)),
        shape=torch.zeros(5, 96, 64),
        double=torch.zeros(5, 1, 96, 64).double(),
        nan=torch.full((5, 1, 96, 64), torch.nan),
        array=np.zeros((5, 1, 96, 64), np.float32),
    )
    for name, value in bad.items():
        (folder / f'{name}.pkl').write_bytes(pickle.dumps(value))
    assert main(folder) == 1
    output = capfd.readouterr()
    assert '3 converted, 0 were there already, 5 refused' in output.out
    for text in (
        'code.pkl was not read: it asks for "posix.mkdir"',
        'shape.pkl holds float32 (5, 96, 64), expected float32 (T, 1, 96, 64)',
        'double.pkl holds float64 (5, 1, 96, 64)',
        'nan.pkl holds NaN',
        'array.pkl was not read: it asks for "numpy',
    ):
        assert text in output.err
    assert not target.exists()
    assert sorted(path.stem for path in folder.rglob('*.npy')) == ['-a', '_d', 'b.c']


def test_nothing_to_convert(main, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r'There is no \.pkl file in .*audio_log_mel folder'
    ):
        main(tmp_path)


def test_from_the_command_line(root, tree):
    folder, _ = tree
    command = [sys.executable, SCRIPT, str(folder)]
    env = {**os.environ, 'PYTHONPATH': str(root)}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and '3 converted' in done.stdout
    assert 'elapsed' in done.stdout  # the progress bar
