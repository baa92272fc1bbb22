# Copyright (c) mmavs developers. All rights reserved.
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from PIL import Image

from mmavs.engine.hooks import AVSVisualizationHook
from mmavs.registry import HOOKS
from mmavs.structures import AVSDataSample
from mmavs.visualization import AVSLocalVisualizer


class Recorder(AVSLocalVisualizer):
    """Keeps what it is asked to draw."""

    def __init__(self, name='recorder'):
        super().__init__(name=name)
        self.drawn = []

    def add_datasample(self, name, frames, data_sample, **kwargs):
        self.drawn.append((name, frames, data_sample, kwargs))


def make_batch(count, start=0, paths=()):
    samples = []
    for k in range(start, start + count):
        sample = AVSDataSample(metainfo=dict(clip_id=f'c/{k}', img_paths=list(paths)))
        sample.set_metainfo(dict(sample_rate=16000))
        sample.pred_sem_seg = PixelData(data=torch.ones(2, 8, 8, dtype=torch.long))
        samples.append(sample)
    inputs = dict(
        imgs=[torch.full((2, 3, 8, 8), k, dtype=torch.uint8) for k in range(start, start + count)],
        audio=[torch.full((1, 32000), float(k)) for k in range(start, start + count)],
    )
    return dict(inputs=inputs, data_samples=samples), samples


def make_runner(tmp_path, batch_size=2):
    loader = SimpleNamespace(batch_size=batch_size)
    return SimpleNamespace(
        visualizer=Recorder(),
        iter=40,
        val_dataloader=loader,
        test_dataloader=loader,
        work_dir=str(tmp_path),
        timestamp='now',
    )


def run(hook, runner, mode='val', batches=(2, 2, 1)):
    start = 0
    for index, count in enumerate(batches):
        data, outputs = make_batch(count, start)
        getattr(hook, f'after_{mode}_iter')(runner, index, data, outputs)
        start += count
    return [name for name, *_ in runner.visualizer.drawn]


def test_draws_nothing_unless_told(tmp_path):
    assert run(AVSVisualizationHook(), make_runner(tmp_path)) == []


@pytest.mark.parametrize(('interval', 'clips'), [(1, [0, 1, 2, 3, 4]), (3, [0, 3]), (50, [0])])
def test_interval_counts_clips(tmp_path, interval, clips):
    """Also behind a last batch that is smaller."""
    runner = make_runner(tmp_path)
    names = run(AVSVisualizationHook(draw=True, interval=interval), runner)
    assert names == [f'val_c/{k}' for k in clips]
    for number, (_, frames, sample, kwargs) in zip(clips, runner.visualizer.drawn):
        assert sample.clip_id == f'c/{number}'
        assert (frames == number).all() and (kwargs['audio'] == number).all()
        assert kwargs['sample_rate'] == 16000 and kwargs['step'] == 40


def test_steps_of_a_test_are_clips(tmp_path):
    runner = make_runner(tmp_path)
    assert run(AVSVisualizationHook(draw=True, interval=2), runner, 'test')[-1] == 'test_c/4'
    assert [kwargs['step'] for *_, kwargs in runner.visualizer.drawn] == [0, 2, 4]


def test_frames_are_read_from_their_files(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), np.uint8)
    paths = [str(tmp_path / f'{k}.png') for k in range(2)]
    for path, frame in zip(paths, frames):
        Image.fromarray(frame).save(path)
    runner = make_runner(tmp_path)
    data, outputs = make_batch(1, paths=paths)
    AVSVisualizationHook(draw=True).after_val_iter(runner, 0, data, outputs)
    np.testing.assert_array_equal(runner.visualizer.drawn[0][1], frames)


def test_shown_pictures_are_not_stored(tmp_path):
    runner = make_runner(tmp_path)
    run(AVSVisualizationHook(draw=True, show=True, wait_time=2), runner)
    kwargs = runner.visualizer.drawn[0][3]
    assert kwargs['show'] and not kwargs['store'] and kwargs['wait_time'] == 2


def test_folder_of_a_test(tmp_path):
    runner = make_runner(tmp_path)
    runner.visualizer = AVSLocalVisualizer(name='hook')
    hook = HOOKS.build(
        dict(type='AVSVisualizationHook', draw=True, interval=1, test_out_dir='pictures')
    )
    data, outputs = make_batch(3)
    hook.after_test_iter(runner, 0, data, outputs)
    assert sorted(path.name for path in (tmp_path / 'now/pictures').iterdir()) == [
        f'test_c_{k}_{k}.png' for k in range(3)
    ]


def test_bad_interval():
    with pytest.raises(ValueError, match='interval must be at least 1, got 0'):
        AVSVisualizationHook(draw=True, interval=0)
