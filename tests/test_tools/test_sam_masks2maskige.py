# Copyright (c) mmavs developers. All rights reserved.
"""The converter of stored masks to Maskiges, as a user calls it."""

import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image

SCRIPT = 'tools/dataset_converters/sam_masks2maskige.py'


@pytest.fixture(scope='module')
def main(root):
    spec = importlib.util.spec_from_file_location('sam_masks2maskige', root / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Worker processes look the functions up by the name of their module.
    sys.modules['sam_masks2maskige'] = module
    spec.loader.exec_module(module)
    yield lambda *args: module.main([str(arg) for arg in args])
    del sys.modules['sam_masks2maskige']


@pytest.fixture
def tree(tmp_path):
    """Masks of two frames: a square within a half; nothing."""
    masks = np.zeros((2, 8, 12), bool)
    masks[0, :, :6] = True
    masks[1, 2:4, 2:4] = True
    for name, value in (('v/x.mp4_1', masks), ('v/w/0', np.zeros((0, 8, 12), bool))):
        path = tmp_path / 'sam' / f'{name}_mask.npy'
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, value)
    index = np.zeros((8, 12), np.uint8)
    index[:, :6] = 2
    index[2:4, 2:4] = 1
    return tmp_path / 'sam', index


def load(path):
    with Image.open(path) as picture:
        assert picture.mode == 'P'
        return np.array(picture)


@pytest.mark.parametrize('nproc', [1, 2])
def test_beside_the_masks_and_again_nothing(main, tree, nproc, capfd):
    folder, index = tree
    assert main(folder, '--nproc', nproc) == 0
    assert '2 converted, 0 were there already, 0 refused' in capfd.readouterr().out
    assert np.array_equal(load(folder / 'v/x.mp4_1_mask_color.png'), index)
    assert not load(folder / 'v/w/0_mask_color.png').any()
    assert main(folder, '--nproc', nproc) == 0
    assert '0 converted, 2 were there already' in capfd.readouterr().out
    assert main(folder, '--overwrite') == 0
    assert '2 converted' in capfd.readouterr().out


def test_other_size_into_another_tree(main, tree, tmp_path):
    folder, index = tree
    assert main(folder, '--out-dir', tmp_path / 'out', '--size', 6, 4) == 0
    assert not list(folder.rglob('*.png'))
    loaded = load(tmp_path / 'out/v/x.mp4_1_mask_color.png')
    expected = np.asarray(Image.fromarray(index).resize((6, 4), Image.Resampling.NEAREST))
    assert np.array_equal(loaded, expected) and set(np.unique(loaded)) == {0, 1, 2}


def test_bad_files_are_refused_and_the_others_converted(main, tree, capfd):
    folder, _ = tree
    np.save(folder / 'a_mask.npy', np.zeros((2, 3), bool))
    np.save(folder / 'b_mask.npy', np.array([{}], object), allow_pickle=True)
    (folder / 'c_mask.npy').write_bytes(b'')
    np.savez(folder / 'd.npz', np.zeros((1, 2, 3), bool))
    (folder / 'd.npz').rename(folder / 'd_mask.npy')
    assert main(folder) == 1
    output = capfd.readouterr()
    assert '2 converted, 0 were there already, 4 refused' in output.out
    for name in 'abcd':
        assert f'{name}_mask.npy was not read' in output.err
    assert 'expected bool (K, h, w)' in output.err
    assert 'Traceback' not in output.err


def test_nothing_to_convert_and_a_wrong_size(main, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match=r'There is no file \*_mask\.npy in'):
        main(tmp_path)
    with pytest.raises(SystemExit):
        main(tmp_path, '--size', 0, 5)
    assert '--size must be at least 1 1' in capsys.readouterr().err
