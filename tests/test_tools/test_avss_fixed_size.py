# Copyright (c) mmavs developers. All rights reserved.
"""VCT's pictures of fixed size, as a user makes them, and that the data sets read them."""

import importlib.util
import io
import sys

import numpy as np
import pytest
from PIL import Image
from toy_avss import write_avss, write_rows

from mmavs.datasets import AVSBenchMS3Dataset, AVSBenchS4Dataset, AVSBenchSemanticDataset
from mmavs.datasets.maskige import save_maskige

SCRIPT = 'tools/dataset_converters/avss_fixed_size.py'
CLIPS = [
    # vid, uid, a_obj, split, label
    ('p', 'p_0_5000', 'dog', 'train', 'v1s'),
    ('q', 'q_0_5000', 'dog', 'test', 'v1s'),
    ('q', 'q_5000_9000', 'dog', 'test', 'v1s'),
    ('r', 'r_0_5000', 'dog', 'train', 'v1m'),
    ('s', 's_0_5000', 'dog', 'val', 'v1m'),
    ('t', 't_0_5000', 'dog', 'test', 'v2'),
]
SIZES = ('--frame-size', '12', '--test-mask-size', '9')


def labels_of(uid, number):
    ids = np.zeros((20, 26), np.uint8)
    ids[: 5 + number, :9] = 4  # (0, 0, 128): a dark colour
    ids[15:, 15:] = 70
    return ids


@pytest.fixture(scope='module')
def main(root):
    spec = importlib.util.spec_from_file_location('avss_fixed_size', root / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Worker processes look the functions up by the name of their module.
    sys.modules['avss_fixed_size'] = module
    spec.loader.exec_module(module)
    yield lambda *args: module.main([str(arg) for arg in args])
    del sys.modules['avss_fixed_size']


@pytest.fixture
def avss(tmp_path):
    root = tmp_path / 'AVSS'
    write_avss(root, CLIPS, labels_of)
    return root


def squash(picture, size, mode):
    return np.asarray(Image.fromarray(picture).resize((size, size), mode))


def load(path):
    with Image.open(path) as picture:
        return np.array(picture)


def test_avss(main, avss, capfd):
    index = labels_of('', 0)
    maskiges = avss / 'pre_SAM_mask/AVSBench_semantic/v2/t_0_5000'
    for number in range(10):
        save_maskige(maskiges / f'frames/{number}_mask_color.png', index)
    assert main(avss, 'avss', *SIZES) == 0
    # 2 + 1 clips of 5 frames, one of 10, with labels; 10 Maskiges; nothing of train.
    assert '60 made, 0 were there already, 0 clips or pictures left out' in capfd.readouterr().out
    assert not list(avss.glob('*/[pr]_*/processed*'))
    dataset = AVSBenchSemanticDataset(
        data_root=str(avss),
        split='test',
        subsets='v2',
        frame_folder='processed_frames_384',
        label_folder='processed_labels_semantic',
        data_prefix=dict(maskige_path='pre_SAM_mask/AVSBench_semantic'),
    )
    info = dataset[0]
    for number in range(10):
        ids = squash(labels_of('', number), 9, Image.Resampling.NEAREST)
        assert np.array_equal(load(info['mask_paths'][number]), ids)
        frame = load(avss / f'v2/t_0_5000/frames/{number}.jpg')
        expected = squash(frame, 12, Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        Image.fromarray(expected).save(buffer, 'JPEG', quality=95)
        assert np.array_equal(load(info['img_paths'][number]), load(buffer))
        maskige = load(info['maskige_paths'][number])
        assert np.array_equal(maskige, squash(index, 12, Image.Resampling.NEAREST))
    assert main(avss, 'avss', *SIZES, '--nproc', '2') == 0
    assert '0 made, 60 were there already' in capfd.readouterr().out


def test_s4_by_uid_or_vid(main, avss, tmp_path, capfd):
    root = tmp_path / 'Single-source'
    rows = [
        ('name', 'start', 'category', 'split'),
        ('p', 0, 'dog', 'train'),
        ('q_0_5000', 0, 'dog', 'test'),
        ('q', 0, 'dog', 'test'),  # two clips have this vid
        ('p', 0, 'dog', 'val'),  # p is one of train
    ]
    write_rows(root / 's4_meta_data.csv', rows)
    assert main(avss, 's4', '--object-root', root, *SIZES) == 1
    output = capfd.readouterr()
    assert '16 made, 0 were there already, 2 clips or pictures left out' in output.out
    assert 'test clip q: 2 clips of v1s' in output.err and 'val clip p: 0 clips' in output.err
    kwargs = dict(
        data_root=str(root),
        data_prefix=dict(
            img_path='s4_data_384/visual_frames_384', mask_path='s4_data_384/gt_masks_384'
        ),
    )
    info = AVSBenchS4Dataset(split='train', **kwargs)[0]
    expected = squash((labels_of('', 0) > 0) * np.uint8(255), 12, Image.Resampling.NEAREST)
    assert np.array_equal(load(info['mask_paths'][0]), expected)
    frame = load(avss / 'v1s/p_0_5000/frames/4.jpg')
    assert np.array_equal(load(info['img_paths'][4]), squash(frame, 12, Image.Resampling.BILINEAR))
    kwargs['data_prefix']['mask_path'] = 's4_data_384/gt_masks_224'
    info = AVSBenchS4Dataset(split='test', **kwargs)[0]
    expected = squash((labels_of('', 4) > 0) * np.uint8(255), 9, Image.Resampling.NEAREST)
    assert np.array_equal(load(info['mask_paths'][4]), expected)


def test_ms3(main, avss, tmp_path):
    root = tmp_path / 'Multi-sources'
    rows = [('video_id', 'split'), ('r', 'train'), ('s', 'val')]
    write_rows(root / 'ms3_meta_data.csv', rows)
    assert main(avss, 'ms3', '--object-root', root, *SIZES) == 0
    for split, folder, size in (('train', 'gt_masks_384', 12), ('val', 'gt_masks_224', 9)):
        dataset = AVSBenchMS3Dataset(
            data_root=str(root),
            split=split,
            frame_name='{clip}_{number}.png',
            data_prefix=dict(
                img_path='ms3_data_384/visual_frames_384', mask_path=f'ms3_data_384/{folder}'
            ),
        )
        info = dataset[0]
        assert [load(path).shape for path in info['img_paths']] == [(12, 12, 3)] * 5
        assert [load(path).shape for path in info['mask_paths']] == [(size, size)] * 5


def test_what_is_missing(main, avss, capfd, tmp_path):
    (avss / 'v2/t_0_5000/frames/3.jpg').unlink()
    assert main(avss, 'avss', *SIZES) == 1
    output = capfd.readouterr()
    assert '1 clips or pictures left out' in output.out
    assert 'no picture' in output.err and 'frames/3.jpg' in output.err
    with pytest.raises(SystemExit, match='error: data_root'):
        main(tmp_path / 'nowhere', 'avss')
    with pytest.raises(SystemExit):
        main(avss, 's4')
    assert 's4 needs --object-root' in capfd.readouterr().err
    with pytest.raises(SystemExit, match='error: .*s4_meta_data.csv'):
        main(avss, 's4', '--object-root', tmp_path)


@pytest.mark.parametrize('nproc', [1, 2])
def test_bad_pictures_are_told_at_the_end_and_the_others_made(main, avss, capfd, nproc):
    clip = avss / 'pre_SAM_mask/AVSBench_semantic/v2/t_0_5000'
    maskiges = [clip / f'frames/{number}_mask_color.png' for number in range(10)]
    for path in maskiges:
        save_maskige(path, labels_of('', 0))
    Image.open(maskiges[2]).convert('RGB').save(maskiges[2])
    maskiges[5].write_bytes(maskiges[5].read_bytes()[:60])
    label = avss / 'v1m/s_0_5000/labels_semantic/1.png'
    Image.fromarray(labels_of('', 1).astype(np.uint16)).save(label)
    args = (avss, 'avss', *SIZES, '--nproc', nproc)
    assert main(*args) == 1
    output = capfd.readouterr()
    assert '57 made, 0 were there already, 3 clips or pictures left out' in output.out
    told = output.err.splitlines()
    assert len(told) == 3 and 'Traceback' not in output.err
    assert told[0].startswith(f'left out: {label}: ') and 'uint8' in told[0]
    assert told[1].startswith(f'left out: {maskiges[2]} is a picture in colours, expected')
    assert told[2].startswith(f'left out: {maskiges[5]} is damaged or no picture')
    made = {path.name for path in (clip / 'processed_frames_384').iterdir()}
    assert made == {path.name for path in maskiges} - {maskiges[2].name, maskiges[5].name}
    # Mended, a second run makes what was left out and nothing else.
    for path in (maskiges[2], maskiges[5]):
        save_maskige(path, labels_of('', 0))
    Image.fromarray(labels_of('', 1)).save(label)
    assert main(*args) == 0
    assert '3 made, 57 were there already, 0 clips' in capfd.readouterr().out
