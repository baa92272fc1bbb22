# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from toy_media import square_frame, tone
from toy_segmentor import toy_config

from mmavs.apis import CheckpointMismatchError, inference_model, init_model
from mmavs.apis.inference import without_pretrained
from mmavs.datasets.transforms.audio import LoadClipAudio
from mmavs.utils.audio_io import write_wav

SIZE = (50, 30)


@pytest.fixture(scope='module')
def model():
    return init_model(toy_config())


def sound(second_is_loud):
    return tone(5, 16000, lambda second: second < 5 and second_is_loud[second])


def test_init_model(tmp_path):
    path = tmp_path / 'config.py'
    toy_config().dump(path)
    model = init_model(path, cfg_options={'model.test_cfg.threshold': 0.7})
    assert not model.training
    assert model.test_cfg['threshold'] == 0.7
    assert model.cfg.filename == str(path)
    assert model.dataset_meta['classes'] == ('background', 'sounding')
    with pytest.raises(TypeError, match='int'):
        init_model(3)
    with pytest.raises(FileNotFoundError):
        init_model(tmp_path / 'missing.py')


def test_checkpoint_is_loaded(tmp_path):
    config = toy_config()
    model = init_model(config)
    torch.nn.init.constant_(model.layer.weight, 0.25)
    meta = dict(dataset_meta=dict(classes=('a', 'b'), palette=[[0, 0, 0], [1, 2, 3]]))
    state = {f'module.{key}': value for key, value in model.state_dict().items()}
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'w.pth')
    loaded = init_model(config, tmp_path / 'w.pth')
    assert (loaded.layer.weight == 0.25).all()
    assert loaded.dataset_meta == meta['dataset_meta']


def test_checkpoint_of_another_architecture(tmp_path):
    state = init_model(toy_config()).state_dict()
    state['backbone.a'] = state['backbone.b'] = state['backbone.c'] = torch.zeros(1)
    state['backbone.d'] = state.pop('layer.bias')
    torch.save(dict(state_dict=state), tmp_path / 'other.pth')
    toy_config(width=4).dump(tmp_path / 'config.py')
    with pytest.raises(CheckpointMismatchError) as caught:
        init_model(tmp_path / 'config.py', tmp_path / 'other.pth')
    message = str(caught.value)
    assert f'{tmp_path}/other.pth does not fit the model of {tmp_path}/config.py' in message
    assert '1 missing (layer.bias)' in message
    assert '4 unexpected (backbone.a, backbone.b, backbone.c, ...)' in message
    assert '1 of another shape (layer.weight (2, 3) in the file, (2, 4) in the model)' in message
    assert 'official2mmavs.py' in message


def test_nothing_is_downloaded():
    config = Config(
        dict(
            init_cfg=[dict(type='Normal', layer='Conv2d')],
            backbone=dict(pretrained='torchvision://resnet50', depth=50),
            timm=dict(pretrained=True),
            layers=[dict(init_cfg=dict(type='Pretrained', checkpoint='https://nowhere'))],
        )
    )
    assert without_pretrained(config._cfg_dict) == dict(
        init_cfg=[dict(type='Normal', layer='Conv2d')],
        backbone=dict(pretrained=None, depth=50),
        timm=dict(pretrained=False),
        layers=[dict(init_cfg=None)],
    )
    assert config.timm.pretrained is True  # the user's config is as it was


@pytest.mark.parametrize('kind', ['array', 'list', 'paths'])
@pytest.mark.parametrize('heard', ['wav', 'waveform', 'stereo', 'log-mel'])
def test_inference_model(model, tmp_path, kind, heard):
    """Bright and loud: frames 0, 2 and 4, at the size of the frames that were given."""
    frames = np.stack([square_frame(SIZE)] * 5)
    audio, rate = sound([True, False, True, False, True]), None
    if kind == 'list':
        frames = list(frames)
    elif kind == 'paths':
        paths = [str(tmp_path / f'{k}.png') for k in range(5)]
        for path, frame in zip(paths, frames):
            Image.fromarray(frame).save(path)
        frames = paths
    if heard == 'wav':
        write_wav(tmp_path / 'a.wav', audio, 16000)
        audio = tmp_path / 'a.wav'
    elif heard == 'stereo':
        audio = np.repeat(tone(5, 44100, lambda second: second % 2 == 0), 2, 0)
        rate = 44100
    elif heard == 'log-mel':
        audio = model.audio_encoder.frontend(torch.from_numpy(audio)[None], 5)[0]
    sample = inference_model(model, frames, audio, rate)
    assert sample.pred_scores.data.shape == sample.pred_sem_seg.data.shape == (5, *SIZE[::-1])
    right = (square_frame(SIZE)[..., 0] > 0).astype(int)
    for k, mask in enumerate(sample.pred_sem_seg.data.numpy()):
        wrong = (mask != (right if k % 2 == 0 else 0)).mean()
        assert wrong < 0.03  # the border, as the model sees 32 x 32 pixels
    assert sample.ori_shape == SIZE[::-1]


def test_bad_clips(model):
    frames = np.stack([square_frame(SIZE)] * 5)
    audio = sound([True] * 5)
    with pytest.raises(ValueError, match='at least one frame'):
        inference_model(model, [], audio)
    with pytest.raises(ValueError, match='uint8 RGB'):
        inference_model(model, frames / 255, audio)
    with pytest.raises(ValueError, match='one size'):
        inference_model(model, [*frames[:4], frames[4][:-1]], audio)
    with pytest.raises(ValueError, match='Divide 16-bit'):
        inference_model(model, frames, (audio * 32767).astype(np.int16))
    with pytest.raises(ValueError, match=r'\(C, S\) or \(S,\)'):
        inference_model(model, frames, np.zeros((2, 1, 500)))
    with pytest.raises(ValueError, match='5 frames need as many log-mel examples, got 4'):
        inference_model(model, frames, np.zeros((4, 1, 96, 64), np.float32))
    with pytest.raises(ValueError, match='too short: 50000 samples at 16000 Hz'):
        inference_model(model, frames, audio[:, :50000])
    with pytest.raises(FileNotFoundError, match=r'missing\.wav'):
        inference_model(model, frames, 'missing.wav')


@pytest.mark.parametrize('is_none', [False, True])
def test_config_without_pipeline(is_none):
    config = toy_config()
    config._cfg_dict.pop('test_dataloader')
    if is_none:  # a config may so drop what its base has
        config.test_dataloader = None
    model = init_model(config)
    with pytest.raises(ValueError, match='no test_dataloader.dataset.pipeline'):
        inference_model(model, np.stack([square_frame(SIZE)]), sound([True] * 5))


def test_short_sound_is_what_the_test_pipeline_makes_of_it(model, tmp_path):
    """4.8 s for 5 frames: as on_short of the config's LoadClipAudio says."""
    frames = np.stack([square_frame(SIZE)] * 5)
    audio = sound([True, False, True, False, True])[:, :76800]
    write_wav(tmp_path / 'a.wav', audio, 16000)
    expected = LoadClipAudio(on_short='repeat_last')
    with pytest.warns(UserWarning, match=r'a\.wav is too short'):
        expected = expected(dict(audio_path=str(tmp_path / 'a.wav'), num_clip_frames=5))['audio']
    heard = []
    model.audio_encoder.frontend.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    pipeline[:] = [step for step in pipeline if step['type'] != 'LoadClipAudio']
    with pytest.raises(ValueError, match='4 examples for a clip of 5 frames'):
        inference_model(model, frames, audio)  # the front end's own on_short decides
    heard.clear()
    pipeline.append(dict(type='LoadClipAudio'))
    with pytest.raises(ValueError, match='too short: 76800 samples'):
        inference_model(model, frames, audio)
    pipeline[-1]['on_short'] = 'repeat_last'
    for given in (audio, tmp_path / 'a.wav'):
        with pytest.warns(UserWarning, match='too short'):
            inference_model(model, frames, given)
        np.testing.assert_allclose(heard.pop().squeeze(0), expected, atol=1e-4)


def test_no_stereo_of_many_channels(model, tmp_path):
    model.audio_encoder.in_channels = 2
    write_wav(tmp_path / 'a.wav', np.repeat(sound([True] * 5), 3, 0), 16000)
    with pytest.raises(ValueError, match=r'a\.wav has 3 channels; stereo takes one or two'):
        inference_model(model, np.stack([square_frame(SIZE)] * 5), tmp_path / 'a.wav')
