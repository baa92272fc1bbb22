# Copyright (c) mmavs developers. All rights reserved.
"""projects/gradio_demo without its page."""

import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_run import make_run

from mmavs.testing import SynthAVS
from mmavs.utils.errors import MediaError
from mmavs.utils.video_reader import VideoReader


@pytest.fixture(autouse=True)
def project(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / 'projects/gradio_demo'))


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Two clips with different sounds."""
    folder = tmp_path_factory.mktemp('clips')
    for index, seconds in enumerate((3, 1.5)):
        SynthAVS(image_size=64, seed=index).write_video(
            folder / f'clip{index}.mp4',
            subset='ms3',
            index=index,
            seconds=seconds,
            size=(64, 64),
        )
    return folder / 'clip0.mp4', folder / 'clip1.mp4'


def sound_of(media, rate=16000, channels=1):
    return np.concatenate(list(media.iter_audio(rate, channels)), axis=1)


def test_limits(clips, tmp_path):
    from avs_demo.media import Limits, open_upload

    clip, _ = clips
    media = open_upload(clip, Limits())
    assert media.info.path == 'clip0.mp4'
    assert len(list(media.iter_frames())) == len(list(VideoReader(clip).iter_frames()))
    np.testing.assert_array_equal(sound_of(media), sound_of(VideoReader(clip)))
    for limits, message in (
        (Limits(megabytes=0.001), r'^clip0.mp4 has 0 MiB, at most 0.001'),
        (Limits(seconds=2), r'^clip0.mp4 lasts 3 s or more, at most 2 s'),
        (Limits(pixels=1000), r'^clip0.mp4 is 64x64, at most 0.0 megapixels'),
        (Limits(frames_per_second=10), r'^clip0.mp4 has 25 frames a second, at most 10'),
    ):
        with pytest.raises(MediaError, match=message):
            open_upload(clip, limits)
    (tmp_path / 'text.mp4').write_text('x')
    for path, message in (
        (None, 'There is no clip yet'),
        (tmp_path / 'text.mp4', r'^text.mp4: cannot be opened as a video'),
        (tmp_path / 'gone.mp4', r'^gone.mp4 is not here any more'),
    ):
        with pytest.raises(MediaError, match=message):
            open_upload(path, Limits())


def test_a_header_that_lies_is_found_out(clips):
    """No more is decoded than the limit, whatever the file says of itself."""
    from dataclasses import replace

    from avs_demo.media import LimitedVideo, Limits

    reader = VideoReader(clips[0])
    reader.info = replace(reader.info, duration=None)
    media = LimitedVideo(reader, 'clip', Limits(seconds=1))
    with pytest.raises(MediaError, match='clip lasts 2 s or more'):
        list(media.iter_frames())
    assert sound_of(media).shape[1] == 2 * 16000


def test_sounds(clips):
    from avs_demo.media import OWN, SILENCE, SWAPPED, heard_with

    first, second = map(VideoReader, clips)
    own, other = sound_of(first), sound_of(second)
    assert heard_with(first, OWN) is first
    silent = sound_of(heard_with(first, SILENCE), channels=2)
    assert silent.shape == (2, own.shape[1]) and not silent.any()
    swapped = heard_with(first, SWAPPED, second)
    heard, count = sound_of(swapped), other.shape[1]
    assert heard.shape == own.shape
    np.testing.assert_array_equal(heard[:, :count], other)
    np.testing.assert_array_equal(heard[:, count:], other[:, : own.shape[1] - count])
    assert swapped.info.sample_rate == second.info.sample_rate
    with pytest.raises(MediaError, match='Give the other clip'):
        heard_with(first, SWAPPED)
    with pytest.raises(ValueError, match="'noise', expected one of"):
        heard_with(first, 'noise')


@pytest.fixture(scope='module')
def model_text(tmp_path_factory):
    config, checkpoint = make_run(tmp_path_factory.mktemp('model'), num_clips=1, size=32)
    return f'tiny={config},{checkpoint}'


def test_segment_as_infer_does(clips, model_text, tmp_path):
    """The masks are those of AVSInferencer on the file, and on one with the other sound."""
    from avs_demo.media import OWN, SWAPPED, Limits
    from avs_demo.models import Models, Protocol
    from avs_demo.segment import segment

    inferencer = Models([model_text], 'cpu').load('tiny')
    protocol, limits = Protocol(fps=2.0, clip_frames=5), Limits()
    inferencer(clips[0], out_dir=tmp_path / 'expected', fps=2.0)
    expected = json.loads((tmp_path / 'expected/results.json').read_text())
    shown = segment(inferencer, clips[0], OWN, None, protocol, tmp_path / 'a', limits)
    with zipfile.ZipFile(shown.archive) as archive:
        records = json.loads(archive.read('results.json'))
        assert shown.archive.name == 'clip0_masks.zip'
        assert records['frames'] == expected['frames'] and records['source'] == 'clip0.mp4'
        assert (records['config'], records['checkpoint']) == ('config.py', 'model.pth')
        for mask in (tmp_path / 'expected/masks').iterdir():
            assert archive.read(f'masks/{mask.name}') == mask.read_bytes()
    np.testing.assert_array_equal(
        [frame.image for frame in VideoReader(shown.overlay).iter_frames()],
        [f.image for f in VideoReader(tmp_path / 'expected/overlay.mp4').iter_frames()],
    )
    mean = 100 * np.mean([frame['area'] for frame in expected['frames']])
    assert f'6 frames. Marked on average: **{mean:.2f} %** with its own sound' in shown.text

    shown = segment(inferencer, clips[0], SWAPPED, clips[1], protocol, tmp_path / 'b', limits)
    assert f'**{mean:.2f} %** with its own sound' in shown.text
    changed = json.loads((tmp_path / 'b/changed/results.json').read_text())['frames']
    swapped = 100 * np.mean([frame['area'] for frame in changed])
    assert f'**{swapped:.2f} %** with the sound of another clip' in shown.text
    masks = [
        np.stack([np.asarray(Image.open(p)) > 0 for p in sorted((tmp_path / 'b' / name).iterdir())])
        for name in ('own/masks', 'changed/masks')
    ]
    share = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert f'share **{100 * share:.0f} %**' in shown.text
    scores = [[frame['max_score'] for frame in frames] for frames in (expected['frames'], changed)]
    assert scores[0] != scores[1]
    heard = sound_of(VideoReader(shown.overlay))[0, 4000:20000]
    first, second = (sound_of(VideoReader(clip))[0, 4000:20000] for clip in clips)
    assert np.corrcoef(heard, second)[0, 1] > 0.9 > abs(np.corrcoef(heard, first)[0, 1])


def test_overlap(tmp_path):
    """Of several classes, a pixel is shared if both say the same class."""
    from avs_demo.segment import overlap

    for name, mask in (('a', [[1, 1, 0, 2]]), ('b', [[1, 0, 0, 3]]), ('c', [[0, 0, 0, 0]])):
        (tmp_path / name).mkdir()
        image = Image.fromarray(np.array(mask, dtype=np.uint8)).convert('P')
        image.putdata(mask[0])
        image.save(tmp_path / name / '0.png')
    assert overlap(tmp_path / 'a', tmp_path / 'b') == 1 / 3
    assert overlap(tmp_path / 'a', tmp_path / 'c') == 0
    assert overlap(tmp_path / 'c', tmp_path / 'c') == 1


def test_charts(clips):
    from avs_demo.charts import draw_areas, draw_spectrogram

    loud = draw_spectrogram(VideoReader(clips[0]))
    assert loud.shape == (260, 900, 3) and loud.dtype == np.uint8
    flat, high = (draw_areas({'its own sound': ([0, 1, 2], [a, a, 0.5])}) for a in (0.0, 0.4))
    assert flat.shape == loud.shape and (flat != high).any()


def test_models(model_text, tmp_path):
    from avs_demo.models import Models, quickstart_model

    files = model_text.partition('=')[2]
    models = Models([model_text, files], 'cpu')
    assert models.names == ['tiny', 'config']
    assert models.load('tiny') is models.load('tiny') is not models.load('config')
    with pytest.raises(ValueError, match='no model "x", expected one of'):
        models.load('x')
    with pytest.raises(ValueError, match='two models are called "tiny"'):
        Models([model_text, model_text])
    with pytest.raises(ValueError, match='expected NAME=CONFIG,CHECKPOINT'):
        Models(['tiny'])
    with pytest.raises(FileNotFoundError, match='there is no file nothing.pth'):
        Models([f'{files.partition(",")[0]},nothing.pth'])
    with pytest.raises(FileNotFoundError, match='bash tools/quickstart.sh'):
        quickstart_model(tmp_path, tmp_path)
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train/last_checkpoint').write_text(files.partition(',')[2])
    root = Path(__file__).resolve().parents[2]
    assert Models([quickstart_model(tmp_path, root)]).names == [
        'AVSegFormer R-18 of the quickstart'
    ]


def test_set_up_without_the_environment_of_mmavs(root, tmp_path):
    command = ['bash', str(root / 'projects/gradio_demo/setup_env.sh')]
    help_text = subprocess.run([*command, '--help'], capture_output=True, text=True).stdout
    assert '--tests' in help_text
    result = subprocess.run(
        command, env={'PATH': '/usr/bin:/bin', 'MMAVS_VENV': str(tmp_path)}, capture_output=True
    )
    assert result.returncode == 1 and b'bash tools/setup_env.sh' in result.stderr
