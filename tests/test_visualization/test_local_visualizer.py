# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmengine.visualization import Visualizer
from PIL import Image

from mmavs.registry import VISUALIZERS
from mmavs.structures import AVSDataSample
from mmavs.visualization import AVSLocalVisualizer
from mmavs.visualization.local_visualizer import times_of

RED, BLUE = [230, 60, 60], [0, 0, 200]
META = dict(classes=('background', 'sounding'), palette=[[0, 0, 0], RED])


def make_sample(frames=5, size=(30, 40), **meta):
    sample = AVSDataSample(metainfo=dict(clip_id='cat/x', **meta))
    labels = torch.zeros(frames, *size, dtype=torch.long)
    labels[:, 10:20, 10:20] = 1
    sample.gt_sem_seg = PixelData(data=labels)
    sample.pred_sem_seg = PixelData(data=labels.roll(15, 2))
    sample.frame_valid = torch.ones(frames, dtype=torch.bool)
    sample.frame_annotated = torch.ones(frames, dtype=torch.bool)
    return sample


def make_frames(frames=5, size=(30, 40)):
    return np.full((frames, *size, 3), 90, np.uint8)


@pytest.fixture
def visualizer():
    visualizer = AVSLocalVisualizer(name='test')
    visualizer.dataset_meta = META
    return visualizer


def height_of(visualizer, *args, **kwargs):
    return visualizer.draw_clip('clip', *args, **kwargs).shape[0]


def test_each_part_is_a_row(visualizer):
    frames, sample = make_frames(), make_sample()
    wave = np.zeros((1, 80000), np.float32)
    bare = height_of(visualizer, frames)
    row = 180 + 6  # 40 x 30 cells are drawn 240 x 180
    assert height_of(visualizer, frames, sample) == bare + 2 * row
    assert height_of(visualizer, frames, sample, draw_gt=False) == bare + row
    assert height_of(visualizer, frames, sample, draw_gt=False, draw_pred=False) == bare
    assert height_of(visualizer, frames, sample, wave) > bare + 2 * row + 100
    log_mel = np.zeros((5, 1, 96, 64), np.float32)
    assert height_of(visualizer, frames, sample, log_mel) > bare + 2 * row + 100


def test_masks_stand_under_their_frames(visualizer):
    sample = make_sample()
    sample.gt_sem_seg.data[:] = 0
    sample.pred_sem_seg.data[:] = 0
    sample.pred_sem_seg.data[3] = 1  # the whole of frame 3
    picture = visualizer.draw_clip('clip', make_frames(), sample)
    # Inside the outline the colour is half the frame's, half the palette's.
    rows, columns = np.nonzero((picture == (np.array(RED) + 90 + 1) // 2).all(-1))
    width, gap, left = 240, 6, 12 + 96
    assert left + 3 * (width + gap) <= columns.min() < columns.max() < left + 4 * width + 3 * gap
    assert rows.max() - rows.min() > 170


def test_sound_stands_under_its_frame(visualizer):
    t = np.arange(16000) / 16000
    wave = np.zeros((1, 80000), np.float32)
    wave[0, 32000:48000] = 0.5 * np.sin(2 * np.pi * 2000 * t)  # second 2
    sample = AVSDataSample(metainfo=dict(frame_indices=[0, 1, 2, 3, 4], num_clip_frames=5))
    picture = visualizer.draw_clip('clip', make_frames(), sample, wave, 16000)
    sound = picture[-134:-26].astype(int)
    left, pitch = 12 + 96, 246
    warm = [
        (sound[:, left + k * pitch + 20 : left + k * pitch + 200, 0] > 150).sum() for k in range(5)
    ]
    assert warm[2] > 170 and warm[0] == warm[1] == warm[3] == warm[4] == 0


def test_chosen_frames_get_their_own_sound(visualizer):
    t = np.arange(16000) / 16000
    wave = np.zeros((1, 80000), np.float32)
    wave[0, 48000:64000] = 0.5 * np.sin(2 * np.pi * 2000 * t)  # second 3
    sample = AVSDataSample(metainfo=dict(frame_indices=[0, 3], num_clip_frames=5))
    picture = visualizer.draw_clip('clip', make_frames(2), sample, wave, 16000)
    sound = picture[-134:-26].astype(int)
    assert (sound[:, 128:308, 0] > 150).sum() == 0
    assert (sound[:, 128 + 246 : 308 + 246, 0] > 150).sum() > 170


def test_marks(visualizer):
    sample = make_sample()
    plain = visualizer.draw_clip('clip', make_frames(), sample)
    sample.frame_annotated[1:] = False
    unlabelled = visualizer.draw_clip('clip', make_frames(), sample)
    sample.frame_valid[4] = False
    padded = visualizer.draw_clip('clip', make_frames(), sample)
    rows = [
        slice(50 + k * 186, 230 + k * 186) for k in range(3)
    ]  # frames, ground truth, prediction
    cells = [slice(108 + k * 246, 348 + k * 246) for k in range(5)]

    def differ(a, b):
        return [[bool((a[r, c] != b[r, c]).any()) for c in cells] for r in rows]

    nothing = [False] * 5
    assert differ(plain, unlabelled) == [nothing, [False, True, True, True, True], nothing]
    assert differ(unlabelled, padded) == [[False] * 4 + [True]] * 3


def test_several_classes():
    visualizer = AVSLocalVisualizer(
        name='classes', classes=('background', 'cat', 'dog'), palette=[[0] * 3, RED, BLUE]
    )
    sample = make_sample()
    sample.pred_sem_seg.data *= 2
    picture = visualizer.draw_clip('clip', make_frames(), sample)
    for colour in (RED, BLUE):  # in the legend and as outline
        assert (picture == colour).all(-1).sum() > 13 * 13


@pytest.mark.parametrize(('frames', 'size'), [(1, (300, 100)), (1, (7, 900)), (40, (64, 64))])
def test_any_shape(visualizer, frames, size):
    wave = np.random.default_rng(0).uniform(-1, 1, (2, 44100 * frames))
    sample = make_sample(frames, size)
    picture = visualizer.draw_clip('n' * 300, make_frames(frames, size), sample, wave, 44100)
    assert picture.dtype == np.uint8 and picture.shape[1] >= 420
    assert (picture[:, :6] == 255).all() and (picture[:, -6:] == 255).all()  # nothing is cut off


def test_tensors_as_from_the_batch(visualizer):
    frames = torch.from_numpy(make_frames()).permute(0, 3, 1, 2)
    np.testing.assert_array_equal(
        visualizer.draw_clip('clip', frames, make_sample(), torch.zeros(1, 80000)),
        visualizer.draw_clip('clip', make_frames(), make_sample(), np.zeros((1, 80000))),
    )


def test_wrong_input(visualizer):
    with pytest.raises(ValueError, match='there are 6 frames, but gt_sem_seg has 5'):
        visualizer.draw_clip('clip', make_frames(6), make_sample(5))
    with pytest.raises(ValueError, match='no frames'):
        visualizer.draw_clip('clip', [])
    with pytest.raises(ValueError, match='uint8 RGB'):
        visualizer.draw_clip('clip', make_frames().astype(float))
    with pytest.raises(ValueError, match='opacity'):
        AVSLocalVisualizer(name='wrong', opacity=1.5)


def test_out_file(visualizer, tmp_path):
    path = tmp_path / 'new' / 'clip.png'
    visualizer.add_datasample('cat/x', make_frames(), make_sample(), out_file=path)
    np.testing.assert_array_equal(
        np.asarray(Image.open(path)), visualizer.draw_clip('cat/x', make_frames(), make_sample())
    )


def test_local_back_end(tmp_path):
    config = dict(
        type='mmavs.AVSLocalVisualizer',
        name='local',
        vis_backends=[dict(type='LocalVisBackend')],
        save_dir=str(tmp_path),
    )
    visualizer = VISUALIZERS.build(config)
    assert isinstance(visualizer, AVSLocalVisualizer) and isinstance(visualizer, Visualizer)
    visualizer.dataset_meta = META
    visualizer.add_datasample('val_cat/x', make_frames(), make_sample(), step=7)
    saved = np.asarray(Image.open(tmp_path / 'vis_data/vis_image/val_cat_x_7.png'))
    np.testing.assert_array_equal(
        saved, visualizer.draw_clip('val_cat/x', make_frames(), make_sample())
    )
    visualizer.add_datasample('no', make_frames(), make_sample(), store=False)
    assert len(list((tmp_path / 'vis_data/vis_image').iterdir())) == 1


def test_tensorboard_back_end(tmp_path):
    pytest.importorskip('tensorboard', reason='tensorboard is an optional requirement')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    visualizer = AVSLocalVisualizer(
        name='tb', vis_backends=[dict(type='TensorboardVisBackend')], save_dir=str(tmp_path)
    )
    visualizer.dataset_meta = META
    visualizer.add_datasample('val_cat/x', make_frames(), make_sample(), step=7)
    visualizer.close()
    events = EventAccumulator(str(tmp_path / 'vis_data'))
    events.Reload()
    (image,) = events.Images('val_cat_x')
    expected = visualizer.draw_clip('val_cat/x', make_frames(), make_sample())
    assert (image.step, image.height, image.width) == (7, *expected.shape[:2])


@pytest.mark.parametrize('seconds', [4.8, 5, 10])
def test_a_frame_is_a_second_however_long_the_sound_is(visualizer, seconds):
    t = np.arange(int(seconds * 16000)) / 16000
    wave = (np.sin(2 * np.pi * 3000 * t) * ((t >= 3) & (t < 4)))[None].astype(np.float32)
    sample = make_sample(frame_indices=list(range(5)), num_clip_frames=5)
    picture = visualizer.draw_clip('clip', make_frames(), sample, wave, 16000)
    sound = picture[-134:-26].astype(int)
    loud = [(sound[:, 128 + k * 246 : 308 + k * 246, 0] > 150).sum() for k in range(5)]
    assert [count > 170 for count in loud] == [False, False, False, True, False]
    assert times_of(sample, 5, wave) == [f'{k}.94 s' for k in range(5)]
