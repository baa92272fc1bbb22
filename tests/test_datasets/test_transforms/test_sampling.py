# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest

from mmavs.datasets.transforms import RandomClipFrames


def clip():
    return dict(
        img_paths=[f'{i}.png' for i in range(5)],
        mask_paths=[f'm{i}.png' for i in range(5)],
        frame_indices=list(range(5)),
        audio_path='a.wav',
        num_clip_frames=5,
    )


def test_keeps_paths_and_indices_together_in_order():
    np.random.seed(0)
    drawn = set()
    for _ in range(200):
        results = RandomClipFrames(2)(clip())
        indices = results['frame_indices']
        assert indices == sorted(set(indices)) and len(indices) == 2
        assert results['img_paths'] == [f'{i}.png' for i in indices]
        assert results['mask_paths'] == [f'm{i}.png' for i in indices]
        assert results['num_clip_frames'] == 5
        drawn.add(tuple(indices))
    assert len(drawn) == 10  # every pair of five


def test_neighbours():
    np.random.seed(0)
    drawn = {
        tuple(RandomClipFrames(2, consecutive=True)(clip())['frame_indices']) for _ in range(100)
    }
    assert drawn == {(i, i + 1) for i in range(4)}
    assert RandomClipFrames(9, consecutive=True)(clip()) == clip()


def test_maskiges_stay_with_their_frames():
    maskiges = [f's{i}.png' for i in range(5)]
    results = RandomClipFrames(2)(dict(clip(), maskige_paths=maskiges))
    assert results['maskige_paths'] == [f's{i}.png' for i in results['frame_indices']]


def test_short_clips_keep_all():
    assert RandomClipFrames(9)(clip()) == clip()


def test_wrong_number():
    with pytest.raises(ValueError, match='at least 1, got 0'):
        RandomClipFrames(0)
