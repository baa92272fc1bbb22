# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from mmavs.models.audio import LogMelFrontend
from mmavs.structures import AVSDataSample
from mmavs.visualization import AVSItemVisualizer, ClipFigure
from mmavs.visualization.drawing import draw_wave
from mmavs.visualization.item_visualizer import describe_item

RED, BLUE = (230, 60, 60), (60, 60, 230)
META = dict(classes=('background', 'cat', 'dog'), palette=[(0, 0, 0), RED, BLUE])
BLUE_WAVE = (40, 90, 160)


def make_item(frames=5, size=(40, 60), channels=1, seconds=None, maskige=False, **meta):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 100, (frames, 3, *size), np.uint8)
    sample = AVSDataSample(metainfo=dict(clip_id='x', sample_rate=16000, **meta))
    sample.frame_valid = torch.ones(frames, dtype=torch.bool)
    sample.frame_annotated = torch.ones(frames, dtype=torch.bool)
    masks = torch.zeros(frames, *size, dtype=torch.int64)
    masks[:, 10:30, 20:50] = 1
    sample.gt_sem_seg = PixelData(data=masks)
    samples = round((seconds or frames) * 16000)
    audio = rng.uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)
    inputs = dict(imgs=torch.from_numpy(pictures), audio=torch.from_numpy(audio))
    if maskige:
        inputs['maskige'] = torch.full((frames, 3, *size), 77, dtype=torch.uint8)
    return dict(inputs=inputs, data_samples=sample)


@pytest.fixture
def visualizer():
    visualizer = AVSItemVisualizer(name='item')
    visualizer.dataset_meta = META
    return visualizer


def rows_of(picture, colour):
    """Rows in which a colour occurs."""
    return np.flatnonzero((picture == colour).all(-1).any(1))


def test_rows(visualizer):
    plain = visualizer.draw_item('clip', make_item())
    assert plain.dtype == np.uint8 and (plain[:, -6:] == 255).all()
    assert (plain == RED).all(-1).any() and not (plain == BLUE).all(-1).any()
    with_maskige = visualizer.draw_item('clip', make_item(maskige=True))
    assert ((with_maskige == 77).all(-1)).sum() > 5 * 200 * 100
    assert len(with_maskige) == len(plain) + 160 + 6  # a row of cells and a gap
    both = visualizer.draw_item('clip', make_item(), make_item())
    assert len(both) == len(plain) + 2 * (160 + 6)
    assert np.array_equal(visualizer.draw_item('clip', None, make_item())[400:], plain[400:])
    with pytest.raises(ValueError, match='nothing to draw of clip'):
        visualizer.draw_item('clip')


def test_masks_of_another_size(visualizer):
    item = make_item()
    item['data_samples'].gt_sem_seg = PixelData(
        data=item['data_samples'].gt_sem_seg.data[:, ::2, ::2]
    )
    assert (visualizer.draw_item('clip', item) == RED).all(-1).any()


def test_stereo_is_two_waveforms_on_one_scale(visualizer):
    mono, stereo = make_item(), make_item(channels=2)
    stereo['inputs']['audio'][1] *= 0.2
    one, two = visualizer.draw_item('a', mono), visualizer.draw_item('a', stereo)
    assert len(two) == len(one) + 54 + 6
    rows = rows_of(two, BLUE_WAVE)
    left, right = rows[rows < rows[0] + 54], rows[rows >= rows[0] + 54]
    assert len(left) == pytest.approx(54, abs=2) and len(right) == pytest.approx(54 / 5, abs=2)


def test_log_mel_of_the_front_end(visualizer):
    item = make_item()
    spectrogram = visualizer.draw_item('clip', item)
    visualizer.frontend = LogMelFrontend()
    log_mel = visualizer.draw_item('clip', item)
    examples = visualizer.frontend(item['inputs']['audio'][None], 5)[0]
    stored = make_item()
    stored['inputs']['audio'] = examples
    # The same as of examples that were stored, under the waveform.
    assert np.array_equal(log_mel[-110:], visualizer.draw_item('clip', stored)[-110:])
    assert len(log_mel) == len(spectrogram) - 19  # the front end's examples have no axis


def test_chosen_frames(visualizer):
    visualizer.frontend = LogMelFrontend()
    item = make_item(2, seconds=5, frame_indices=[1, 4], num_clip_frames=5)
    whole = visualizer.frontend(item['inputs']['audio'][None], 5)[0]
    stored = make_item(2, frame_indices=[1, 4], num_clip_frames=5)
    stored['inputs']['audio'] = whole[[1, 4]]
    drawn = visualizer.draw_item('clip', item)
    assert np.array_equal(drawn[-110:], visualizer.draw_item('clip', stored)[-110:])


@pytest.mark.parametrize('seconds', [1.5, 3, 10])
def test_a_picture_stands_over_all_of_its_sound(visualizer, seconds):
    item = make_item(1, seconds=seconds)
    item['inputs']['audio'][:, : item['inputs']['audio'].shape[1] // 2] = 0
    picture = visualizer.draw_item('1', item)
    columns = np.flatnonzero((picture == BLUE_WAVE).all(-1).sum(0) > 20)
    left, right = 12 + 96, picture.shape[1] - 12
    assert columns[0] == pytest.approx((left + right) / 2, abs=2) and columns[-1] == right - 1
    visualizer.frontend = LogMelFrontend()
    assert visualizer.draw_item('1', item).shape == picture.shape


def test_flags(visualizer):
    item = make_item()
    plain = visualizer.draw_item('clip', item)
    item['data_samples'].frame_annotated[2:] = False
    item['data_samples'].frame_valid[4] = False
    marked = visualizer.draw_item('clip', item)
    differ = (plain != marked).any((0, 2))
    columns = [differ[108 + k * 246 : 348 + k * 246].any() for k in range(5)]
    assert columns == [False, False, True, True, True]


def test_facts():
    item = make_item(
        channels=2,
        split='train',
        subset='v2',
        ori_shape=(240, 320),
        audio_condition='swapped',
        audio_clip_id='y',
        flip=True,
        flip_direction='horizontal',
    )
    item['data_samples'].gt_audio_labels = torch.tensor([1.0, 0.0, 1.0])
    facts = describe_item(item['data_samples'], item['inputs'], META['classes'])
    assert facts == [
        'train',
        'v2',
        '320x240 to 60x40',
        'stereo, 16000 Hz, 5.00 s',
        'sound: swapped',
        'sound of y',
        'labels: dog',
        'flipped (horizontal)',
    ]
    item['data_samples'].gt_audio_labels = torch.eye(23)[4]  # categories that no mask has
    facts.remove('labels: dog')
    assert describe_item(item['data_samples'], item['inputs'], META['classes']) == facts
    plain = make_item()
    assert describe_item(plain['data_samples'], plain['inputs']) == ['mono, 16000 Hz, 5.00 s']


def test_long_texts_get_lines_of_their_own():
    figure = ClipFigure(1, (40, 40), 400)
    figure.add_facts(['short', 'facts'])
    one = len(figure.render())
    figure.add_facts(['a fact that is rather long'] * 6)
    assert len(figure.render()) > one + 2 * 18
    figure = ClipFigure(1, (40, 40), 400)
    figure.add_title('clip', [('cat', RED)])
    one = figure.render()
    figure = ClipFigure(1, (40, 40), 400)
    figure.add_title('clip', [(f'a class with a long name {k}', RED) for k in range(20)])
    many = figure.render()
    assert len(many) > len(one) + 6 * 20
    assert (many == RED).all(-1).sum() == 20 * (one == RED).all(-1).sum()
    assert (many[:, -6:] == 255).all()


def test_wave():
    canvas = np.zeros((21, 10, 3), np.uint8)
    draw_wave(canvas, np.repeat([1.0, -1.0, 0.0, 0.5, 3.0], 4), RED)
    red = (canvas == RED).all(-1)
    tops = [int(np.flatnonzero(column)[0]) for column in red.T]
    assert tops == [0, 0, 20, 20, 10, 10, 5, 5, 0, 0]
    draw_wave(canvas, np.array([-1.0, 1.0] * 50), RED)
    assert (canvas == RED).all()  # from least to largest value
    draw_wave(canvas, np.zeros(0), RED)
    assert not (canvas == RED).all(-1).any()
