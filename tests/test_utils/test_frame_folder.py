# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import soundfile
from PIL import Image
from toy_media import tone

from mmavs.utils.audio_io import write_wav
from mmavs.utils.errors import MediaError
from mmavs.utils.frame_folder import FrameFolder


@pytest.fixture
def folder(tmp_path):
    for k in range(1, 12):  # so that 10 and 11 come behind 9
        Image.fromarray(np.full((20, 30, 3), 10 * k, np.uint8)).save(tmp_path / f'x_{k}.png')
    write_wav(tmp_path / 'sound.wav', tone(11, 22050, channels=2), 22050)
    (tmp_path / 'notes.txt').write_text('not a frame')
    return tmp_path


def test_frames_in_natural_order(folder):
    reader = FrameFolder(folder)
    frames = list(reader.iter_frames())
    assert [int(f.image.mean()) for f in frames] == [10 * k for k in range(1, 12)]
    assert [f.time for f in frames] == list(range(11))
    info = reader.info
    assert (info.width, info.height, info.fps, info.duration) == (30, 20, 1, 11)
    assert (info.sample_rate, info.channels) == (22050, 2)
    assert FrameFolder(folder, fps=25).info.duration == pytest.approx(11 / 25)


def test_maskiges_lie_beside_the_frames(folder):
    for k in range(1, 12):
        picture = Image.fromarray(np.full((20, 30), k, np.uint8))
        picture.putpalette([value for grey in range(256) for value in (grey, 0, 255 - grey)])
        picture.save(folder / f'x_{k}_mask_color.png')
    plain = list(FrameFolder(folder).iter_frames())
    assert len(plain) == 11 and plain[0].maskige is None
    frames = list(FrameFolder(folder, maskige=True).iter_frames())
    assert [int(f.image.mean()) for f in frames] == [10 * k for k in range(1, 12)]
    assert [f.maskige[3, 5].tolist() for f in frames] == [[k, 0, 255 - k] for k in range(1, 12)]

    Image.fromarray(np.zeros((20, 31), np.uint8)).save(folder / 'x_4_mask_color.png')
    with pytest.raises(MediaError, match='x_4_mask_color.png: is 31x20, x_1.png is 30x20'):
        FrameFolder(folder, maskige=True)
    (folder / 'x_3_mask_color.png').unlink()
    with pytest.raises(FileNotFoundError, match='x_3_mask_color.png.*sam_masks2maskige.py'):
        FrameFolder(folder, maskige=True)
    assert len(FrameFolder(folder).frame_paths) == 11


def test_sound(folder):
    reader = FrameFolder(folder)
    sound = np.concatenate(list(reader.iter_audio(16000, 1)), 1)
    assert sound.shape == (1, 11 * 16000)
    np.testing.assert_allclose(
        np.concatenate(list(reader.iter_audio()), 1), tone(11, 22050, channels=2), atol=1e-4
    )


def test_sound_elsewhere(folder, tmp_path):
    other = tmp_path / 'elsewhere' / 'a.wav'
    write_wav(other, tone(2, 8000), 8000)
    assert FrameFolder(folder, audio=other).info.sample_rate == 8000


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such folder'):
        FrameFolder(tmp_path / 'missing')


def test_no_frames(tmp_path):
    write_wav(tmp_path / 'a.wav', tone(1, 16000), 16000)
    with pytest.raises(MediaError, match='no frames'):
        FrameFolder(tmp_path)


def test_no_wav_or_several(folder):
    write_wav(folder / 'second.wav', tone(1, 16000), 16000)
    with pytest.raises(MediaError, match=r'found second\.wav, sound\.wav|sound\.wav, second\.wav'):
        FrameFolder(folder)
    (folder / 'second.wav').unlink()
    (folder / 'sound.wav').unlink()
    with pytest.raises(MediaError, match=r'found none.*--audio'):
        FrameFolder(folder)
    with pytest.raises(FileNotFoundError, match='no such WAV'):
        FrameFolder(folder, audio=folder / 'sound.wav')


def test_broken_wav(folder):
    (folder / 'sound.wav').write_bytes(b'RIFF of no use')
    with pytest.raises(MediaError, match=r'sound\.wav: the sound cannot be read'):
        FrameFolder(folder)


def test_frames_of_two_sizes(folder):
    Image.fromarray(np.zeros((20, 31, 3), np.uint8)).save(folder / 'x_7.png')
    with pytest.raises(MediaError, match=r'x_7\.png: is 31x20, x_1\.png is 30x20'):
        FrameFolder(folder)


def test_unreadable_frame(folder):
    path = folder / 'x_4.png'
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:400])  # the header is whole, the pixels are not
    reader = FrameFolder(folder)
    with pytest.raises(MediaError, match=r'x_4\.png: the picture cannot be read'):
        list(reader.iter_frames())
    path.write_bytes(b'no picture')
    with pytest.raises(MediaError, match=r'x_4\.png: the picture cannot be read'):
        FrameFolder(folder)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_sound_with_nan_or_inf(folder, bad):
    sound = tone(11, 16000)
    sound[0, 100000] = bad
    soundfile.write(folder / 'sound.wav', sound.T, 16000, subtype='FLOAT')
    blocks = FrameFolder(folder).iter_audio(16000, 1)
    with pytest.raises(MediaError, match=r'sound\.wav holds NaN or infinite samples'):
        list(blocks)


def test_no_stereo_of_many_channels(folder):
    write_wav(folder / 'sound.wav', tone(11, 16000, channels=6), 16000)
    reader = FrameFolder(folder)
    with pytest.raises(MediaError, match=r'sound\.wav has 6 channels; stereo takes one or two'):
        reader.iter_audio(16000, 2)
    assert next(reader.iter_audio(16000, 1)).shape[0] == 1
