# Copyright (c) mmavs developers. All rights reserved.
"""Models with a Maskige branch on one's own media: the toy model paints what its Maskige shows."""

import numpy as np
import pytest
import torch
from PIL import Image
from toy_media import square_frame, tone, write_video
from toy_segmentor import toy_config

from mmavs.apis import AVSInferencer, inference_model, init_model
from mmavs.utils.audio_io import write_wav
from mmavs.utils.errors import MediaError

SIZE = (64, 48)
MASKIGE = square_frame(SIZE)[::-1]  # the lower left quarter; the frames show the upper left one


@pytest.fixture
def folder(tmp_path):
    """4 frames of which the last has an empty Maskige, and 4 s of a tone."""
    for k in range(4):
        Image.fromarray(square_frame(SIZE)).save(tmp_path / f'{k}.jpg')
        Image.fromarray(MASKIGE * (k < 3)).save(tmp_path / f'{k}_mask_color.png')
    write_wav(tmp_path / 'sound.wav', tone(4, 16000), 16000)
    return tmp_path


@pytest.fixture(scope='module')
def inferencer():
    return AVSInferencer(toy_config(maskige=True), device='cpu', show_progress=False)


def test_folder_with_maskiges(inferencer, folder):
    frames = inferencer(folder, clip_frames=3)['predictions'][0]['frames']
    assert [frame['area'] > 0 for frame in frames] == [True, True, True, False]
    assert (frames[0]['mask'] == (MASKIGE[..., 0] > 0)).mean() > 0.99


def test_folder_without_maskiges_is_refused(inferencer, folder):
    (folder / '2_mask_color.png').unlink()
    with pytest.raises(FileNotFoundError, match='2_mask_color.png: no such Maskige'):
        inferencer(folder)


def test_model_without_the_branch_does_not_look_at_them(folder):
    (folder / '2_mask_color.png').unlink()
    plain = AVSInferencer(toy_config(), device='cpu', show_progress=False)
    frames = plain(folder)['predictions'][0]['frames']
    assert [frame['area'] > 0 for frame in frames] == [True] * 4


def test_video_is_refused_before_any_work(inferencer, tmp_path):
    path = write_video(tmp_path / 'a.mp4', [square_frame(SIZE)] * 25, 25, tone(1, 44100))
    with pytest.raises(MediaError, match='is a video.*a_1_mask_color.png.*maskige.md'):
        inferencer(path, out_dir=tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_one_clip_from_files_equals_one_in_memory(inferencer, folder):
    model, paths = inferencer.model, [folder / f'{k}.jpg' for k in range(4)]
    expected = inference_model(model, paths, folder / 'sound.wav')
    assert (expected.pred_sem_seg.data[0].numpy() == (MASKIGE[..., 0] > 0)).mean() > 0.99
    pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
    maskiges = [MASKIGE * (k < 3) for k in range(4)]
    got = inference_model(model, pictures, tone(4, 16000), maskiges=maskiges)
    torch.testing.assert_close(got.pred_scores.data, expected.pred_scores.data, atol=1e-4, rtol=0)
    elsewhere = [folder / f'{3 - k}_mask_color.png' for k in range(4)]
    turned = inference_model(model, paths, folder / 'sound.wav', maskiges=elsewhere)
    assert not turned.pred_sem_seg.data[0].any() and turned.pred_sem_seg.data[3].any()


def test_what_does_not_fit_is_refused(inferencer):
    frames, wave = np.zeros((4, 48, 64, 3), np.uint8), tone(4, 16000)
    with pytest.raises(ValueError, match='needs maskiges'):
        inference_model(inferencer.model, frames, wave)
    with pytest.raises(ValueError, match='4 frames need as many Maskiges, got 3'):
        inference_model(inferencer.model, frames, wave, maskiges=frames[:3])
    with pytest.raises(ValueError, match=r'one size, got \(48, 64, 3\) and \(48, 60, 3\)'):
        inference_model(inferencer.model, frames, wave, maskiges=frames[:, :, :60])
    with pytest.raises(ValueError, match='has no Maskige branch'):
        inference_model(init_model(toy_config()), frames, wave, maskiges=frames)
