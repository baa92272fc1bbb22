# Copyright (c) mmavs developers. All rights reserved.
import json
import sys

import av
import numpy as np
import pytest
import torch
from PIL import Image
from toy_media import square_frame, tone, write_video
from toy_segmentor import toy_config

from mmavs.apis import AVSInferencer, inference_model
from mmavs.apis.embedded_config import check_types
from mmavs.apis.inference import pipeline_of_test
from mmavs.registry import INFERENCERS
from mmavs.structures import AVSDataSample
from mmavs.testing.tiny import tiny_avsegformer, tiny_htsat
from mmavs.utils.audio_io import write_wav
from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.errors import MediaError
from mmavs.utils.video_reader import VideoReader

SIZE = (64, 48)
LOUD = (0, 2, 3, 6)  # seconds of the video in which there is sound


@pytest.fixture(scope='module')
def inferencer():
    return AVSInferencer(toy_config(), device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """7 s; the square is bright, and gone in second 3."""
    frames = (square_frame(SIZE, 0 if 75 <= n < 100 else 255) for n in range(175))
    wave = tone(7, 44100, lambda second: second in LOUD, channels=2)
    return str(write_video(tmp_path_factory.mktemp('video') / 'clip.mp4', frames, 25, wave))


def masked(frames):
    return [frame['index'] for frame in frames if frame['area'] > 0]


def test_masks_need_the_right_frame_and_sound(inferencer, video):
    outputs = inferencer(video)
    (prediction,) = outputs['predictions']
    frames = prediction['frames']
    assert prediction['source'] == video and outputs['visualization'] == []
    assert [frame['time'] for frame in frames] == [second + 0.92 for second in range(7)]
    assert masked(frames) == [0, 2, 6]
    right = square_frame(SIZE)[..., 0] > 0
    for frame in frames:
        assert frame['mask'].shape == SIZE[::-1]
        if frame['area']:
            assert (frame['mask'] == right).mean() > 0.99
            assert frame['area'] == pytest.approx(0.25, abs=0.01)
            assert 0.9 < frame['score'] <= frame['max_score'] <= 1
        else:
            assert frame['score'] == 0 and not frame['mask'].any()


def cut_clip(video, rate):
    """A 5-second clip of the benchmark: the frames and the whole waveform, as from its files."""
    reader = VideoReader(video)
    frames = [frame.image for frame in reader.iter_frames()]
    sound = np.concatenate(list(reader.iter_audio(rate, 1)), 1)[:, : 5 * rate]
    return np.stack([frames[second * 25 + 23] for second in range(5)]), sound


def test_equals_inference_model_on_the_cut_clip(inferencer, video):
    expected = inference_model(inferencer.model, *cut_clip(video, 16000), 16000)
    got = inferencer(video, return_datasamples=True)['predictions'][0][0]
    torch.testing.assert_close(got.pred_scores.data, expected.pred_scores.data, atol=1e-6, rtol=0)


def test_an_encoder_that_hears_seconds(video):
    """HTS-AT: second k for frame k, in a video as in a clip, and a clip that is cut short."""
    config = toy_config()
    config.model = dict(tiny_avsegformer(), audio_encoder=tiny_htsat())
    loader = next(s for s in pipeline_of_test(config) if s['type'] == 'LoadClipAudio')
    loader.update(sample_rate=4000, hears='second', on_short='repeat_last')
    inferencer = AVSInferencer(config, device='cpu', show_progress=False)
    frames, sound = cut_clip(video, 4000)
    scores = inference_model(inferencer.model, frames, sound, 4000).pred_scores.data
    got = inferencer(video, return_datasamples=True)['predictions'][0][0].pred_scores.data
    torch.testing.assert_close(got, scores, atol=1e-5, rtol=0)
    heard = [frame['heard_from'] for frame in inferencer(video)['predictions'][0]['frames']]
    assert heard == pytest.approx(range(7), abs=1e-3)
    with pytest.warns(UserWarning, match=r'need 20000 .* Its last 1 s are repeated'):
        short = inference_model(inferencer.model, frames, sound[:, :19000], 4000)
    torch.testing.assert_close(short.pred_scores.data[:4], scores[:4], atol=1e-5, rtol=0)


@pytest.mark.parametrize('batch_size', [1, 2, 3])
@pytest.mark.parametrize('clip_frames', [1, 3])
def test_clips_and_batches_change_nothing(inferencer, video, batch_size, clip_frames):
    """Padded frames of the last clip are not reported."""
    options = dict(fps=2, batch_size=batch_size, clip_frames=clip_frames)
    frames = inferencer(video, **options)['predictions'][0]['frames']
    assert [frame['index'] for frame in frames] == list(range(14))
    # Heard around the frame: it lies 0.9375 s behind the begin of its window.
    loud = [k for k, f in enumerate(frames) if overlaps_loud(f['heard_from'])]
    bright = [k for k, f in enumerate(frames) if not 3 <= f['time'] < 4]
    assert masked(frames) == sorted(set(loud) & set(bright))


def overlaps_loud(begin):
    """Whether the tone fills enough of a window for the toy model to call it loud."""
    return any(min(begin + 0.975, s + 1) - max(begin, s) > 0.4 for s in LOUD)


def test_data_samples(inferencer, video):
    (samples,) = inferencer(video, return_datasamples=True, clip_frames=4)['predictions']
    assert all(isinstance(sample, AVSDataSample) for sample in samples)
    assert [len(sample.pred_sem_seg.data) for sample in samples] == [4, 3]
    assert samples[1].frame_numbers == [4, 5, 6]
    assert samples[1].frame_times == pytest.approx([4.92, 5.92, 6.92])


def test_threshold(inferencer, video):
    low = inferencer(video, threshold=1e-9)['predictions'][0]['frames']
    assert low[0]['area'] == 1.0
    assert masked(inferencer(video, threshold=0.99999)['predictions'][0]['frames']) == []


def test_pictures(inferencer, video):
    pictures = inferencer(video, return_vis=True)['visualization']
    assert len(pictures) == 2 and all(picture.dtype == np.uint8 for picture in pictures)


def test_folder_of_results(inferencer, video, tmp_path):
    (done,) = inferencer(video, out_dir=tmp_path, batch_size=2)['predictions']
    assert done['source'] == video
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'masks', 'overlay.mp4', 'results.json'
    ]  # fmt: skip
    results = json.loads((tmp_path / 'results.json').read_text())
    assert results['complete'] and results['num_frames'] == 7
    assert results['video']['fps'] == 25 and results['video']['sample_rate'] == 44100
    assert results['threshold'] == 0.5 and results['source'] == video
    expected = inferencer(video)['predictions'][0]['frames']
    for frame, record in zip(expected, results['frames'], strict=True):
        mask = np.asarray(Image.open(tmp_path / record['mask']))
        np.testing.assert_array_equal(mask, frame['mask'] * 255)
        assert record == {**frame, 'mask': record['mask']}
    assert results['frames'][2]['mask'] == 'masks/000002_t2.920s.png'


def test_overlay_video(inferencer, video, tmp_path):
    inferencer(video, out_dir=tmp_path)
    with av.open(str(tmp_path / 'overlay.mp4')) as container:
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
        rate = container.streams.video[0].average_rate
    assert len(frames) == 175 and rate == 25 and frames[0].shape == (*SIZE[::-1], 3)
    # Inside the square red is mixed into white where the nearest sampled frame is masked.
    tinted = [frame[5:15, 5:20, 1].mean() < 200 for frame in frames]
    nearest = [np.abs(np.add(range(7), 0.92) - n / 25).argmin() for n in range(175)]
    for n in range(175):
        if not 73 <= n < 102:  # the square is black there
            assert tinted[n] == (nearest[n] in (0, 2, 6)), n
    with av.open(str(tmp_path / 'overlay.mp4')) as container:
        assert container.streams.audio[0].rate == 44100
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], 1)
    level = [np.abs(sound[:, s * 44100 + 9000 : s * 44100 + 35000]).max() for s in range(7)]
    assert [s for s in range(7) if level[s] > 0.3] == list(LOUD)


@pytest.mark.parametrize('fps', [1, 5])
def test_frames_with_a_wav(inferencer, tmp_path, fps):
    folder = tmp_path / 'frames'
    folder.mkdir()
    for k in range(5 * fps):
        Image.fromarray(square_frame((31, 45))).save(folder / f'{k}.png')  # odd sizes
    write_wav(folder / 'a.wav', tone(5, 22050, lambda second: second in (0, 3)), 22050)
    out_dir = tmp_path / 'out'
    inferencer(str(folder), out_dir=out_dir, frame_fps=fps)
    results = json.loads((out_dir / 'results.json').read_text())
    assert masked(results['frames']) == [0, 3] and results['num_frames'] == 5
    with av.open(str(out_dir / 'overlay.mp4')) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5 * fps


def test_several_inputs(inferencer, video, tmp_path):
    other = tmp_path / 'other.mp4'
    write_video(other, [square_frame(SIZE)] * 25, 25, tone(1, 16000), 16000)
    done = inferencer([video, other], out_dir=tmp_path / 'out', overlay=False)['predictions']
    assert [d['source'] for d in done] == [video, str(other)]
    assert (tmp_path / 'out/clip/results.json').is_file()
    assert (tmp_path / 'out/other/results.json').is_file()
    with pytest.raises(ValueError, match='Several inputs are called clip'):
        inferencer([video, video], out_dir=tmp_path / 'out')


class Stop(KeyboardInterrupt):
    """An interruption by the user."""


def test_interrupted_and_resumed(video, tmp_path):
    inferencer = AVSInferencer(toy_config(), device='cpu', show_progress=False)
    forward, calls = inferencer.forward, []

    def stopping(data):
        if len(calls) == 2:
            raise Stop
        calls.append(len(data['data_samples']))
        return forward(data)

    inferencer.forward = stopping
    with pytest.raises(Stop):
        inferencer(video, out_dir=tmp_path, clip_frames=2)
    partial = json.loads((tmp_path / 'results.json').read_text())
    assert not partial['complete'] and 'Stop' in partial['stopped_by']
    assert [f['index'] for f in partial['frames']] == [0, 1, 2, 3]
    assert len(list((tmp_path / 'masks').iterdir())) == 4
    with open(tmp_path / 'frames.jsonl', 'a') as lines:
        lines.write('{"index": 4, "ti')  # as if it had been killed while writing

    inferencer.forward, calls = forward, []
    with pytest.raises(MediaError, match='other settings'):
        inferencer(video, out_dir=tmp_path, clip_frames=3, resume=True)
    before = len(inferencer.model.calls)
    inferencer(video, out_dir=tmp_path, clip_frames=2, resume=True)
    assert len(inferencer.model.calls) - before == 2  # frames 4, 5 and 6 only
    resumed = json.loads((tmp_path / 'results.json').read_text())
    inferencer(video, out_dir=tmp_path / 'whole', clip_frames=2)
    assert resumed == json.loads((tmp_path / 'whole/results.json').read_text())
    assert not (tmp_path / 'frames.jsonl').exists()


def test_old_masks_do_not_stay(inferencer, video, tmp_path):
    (tmp_path / 'masks').mkdir()
    for name in ('000009_t9.920s.png', 'mine.png'):
        (tmp_path / 'masks' / name).write_bytes(b'')
    inferencer(video, out_dir=tmp_path, overlay=False)
    names = {path.name for path in (tmp_path / 'masks').iterdir()}
    assert 'mine.png' in names and '000009_t9.920s.png' not in names and len(names) == 8


def test_a_break_in_the_overlay_leaves_no_half_video(inferencer, video, tmp_path, monkeypatch):
    def broken(*args):
        raise MediaError('overlay broke')

    monkeypatch.setattr('mmavs.apis.overlay_video.overlay_labels', broken)
    with pytest.raises(MediaError, match='overlay broke'):
        inferencer(video, out_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'frames.jsonl', 'masks', 'results.json'
    ]  # fmt: skip
    assert json.loads((tmp_path / 'results.json').read_text())['num_frames'] == 7


def test_built_by_registry_and_config_in_checkpoint(tmp_path, video):
    config = toy_config()
    model = AVSInferencer(config, device='cpu').model
    path = tmp_path / 'w.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(cfg=config.pretty_text)), path)
    inferencer = INFERENCERS.build(
        dict(type='AVSInferencer', weights=str(path), device='cpu', show_progress=False)
    )
    assert masked(inferencer(video)['predictions'][0]['frames']) == [0, 2, 6]
    torch.save(dict(state_dict=model.state_dict()), path)
    with pytest.raises(ValueError, match='holds no config'):
        AVSInferencer(weights=str(path))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c.pretty_text + "\n__import__('os').mkdir({path!r})", 'more than a plain'),
        (
            lambda c: c.pretty_text + "\ncustom_imports=dict(imports=['antigravity'])",
            'imports anti',
        ),
        (lambda c: c.pretty_text.replace("'LoudBrightSegmentor'", "'os.mkdir'"), 'type os.mkdir'),
        (
            lambda c: c.pretty_text.replace("'PackAVSInputs'", "'mmengine.utils.mkdir_or_exist'"),
            'type mmengine.utils.mkdir_or_exist',
        ),
        (
            lambda c: c.pretty_text.replace("'Resize'", "'torch.hub.load'"),
            'type torch.hub.load is no part',
        ),
    ],
)
def test_config_in_checkpoint_runs_no_code(change, message, tmp_path):
    config = toy_config()
    state = AVSInferencer(config, device='cpu').model.state_dict()
    text = change(config).replace('{path!r}', repr(str(tmp_path / 'the_code_ran')))
    torch.save(dict(state_dict=state, meta=dict(cfg=text)), tmp_path / 'w.pth')
    with pytest.raises(UnsafeCheckpointError, match=message):
        AVSInferencer(weights=tmp_path / 'w.pth', device='cpu')
    assert not (tmp_path / 'the_code_ran').exists() and 'antigravity' not in sys.modules


def test_full_names_of_models_and_transforms_are_fine():
    check_types(
        dict(type='mmavs.models.AVSegmentor', a=[dict(type='torch.nn.Conv2d')], b='os.system')
    )
    check_types(dict(type='mmcv.transforms.Resize', backbone=dict(type='mmdet.ResNet')))


def test_name_in_the_zoo_without_weights(tmp_path):
    name = 'avsegformer_r50_vggish_1xb2-30e_s4-512x512'
    with pytest.raises(ValueError, match=f'No weights of {name} are published: give weights='):
        AVSInferencer(name)
    with pytest.raises(FileNotFoundError, match=r'none\.pth'):
        AVSInferencer(name, tmp_path / 'none.pth', device='cpu')
    with pytest.raises(ValueError, match='no such model in mmavs'):
        AVSInferencer('avsegformer_r51')


def test_data_samples_leave_the_device(inferencer, video, monkeypatch):
    moved = []
    cpu = AVSDataSample.cpu
    monkeypatch.setattr(AVSDataSample, 'cpu', lambda self: moved.append(self) or cpu(self))
    (samples,) = inferencer(video, return_datasamples=True)['predictions']
    assert len(moved) == len(samples) == 2
    assert samples[1].frame_times == moved[1].frame_times
    assert samples[1].frame_valid.all() and len(samples[1].frame_valid) == 2


def test_bad_numbers(inferencer, video):
    for options in (dict(batch_size=0), dict(opacity=-0.1), dict(fps=0), dict(clip_frames=0)):
        with pytest.raises(ValueError, match='must be'):
            inferencer(video, **options)


def test_bad_inputs(inferencer, video, tmp_path):
    with pytest.raises(FileNotFoundError, match='missing.mp4'):
        inferencer(str(tmp_path / 'missing.mp4'))
    with pytest.raises(ValueError, match='separate sound'):
        inferencer(video, audio='a.wav')
    with pytest.raises(ValueError, match='unknown argument'):
        inferencer(video, masks=0.5)
    short = write_video(tmp_path / 's.mp4', [square_frame(SIZE)] * 12, 25, tone(0.5, 44100))
    with pytest.raises(MediaError, match=r'needs at least one window of 0\.975 s'):
        inferencer(str(short))
