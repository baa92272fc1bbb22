# Copyright (c) mmavs developers. All rights reserved.
"""HTS-AT in the place of VGGish: the configs that have it, padding, and training it."""

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from one_step import build, losses, one_step

from mmavs.apis.inference import without_pretrained
from mmavs.registry import MODELS, TRANSFORMS
from mmavs.testing.tiny import random_clip, tiny_avsegformer, tiny_combo, tiny_htsat, tiny_vct

CONFIGS = {
    'avsegformer': 'avsegformer_r50_htsat_1xb2-60e_ms3-224x224.py',
    'combo': 'combo_r50_htsat_1xb8-20k_ms3-224x224.py',
    'vct': 'vct_r50_htsat_1xb16-40k_ms3-224x224.py',
}
TINY = dict(avsegformer=tiny_avsegformer, combo=tiny_combo, vct=tiny_vct)


def heard_clip(rate, num_frames=5, seed=0, **settings):
    """A clip of noise with a second of waveform a frame."""
    clip = random_clip(num_frames, seed=seed, **settings)
    noise = torch.rand(1, num_frames * rate, generator=torch.Generator().manual_seed(seed))
    clip['inputs']['audio'] = noise - 0.5
    return clip


def tiny_model(method, **settings):
    return build(dict(TINY[method](), audio_encoder=tiny_htsat(**settings)))


@pytest.mark.parametrize('method', CONFIGS)
def test_configs_train(root, method):
    """The heads of the configs as they are; HTS-AT with one block a stage."""
    config = Config.fromfile(root / 'configs' / method / CONFIGS[method])
    for split in ('train', 'val', 'test'):
        steps = map(TRANSFORMS.build, config[f'{split}_dataloader'].dataset.pipeline)
        (loader,) = (step for step in steps if type(step).__name__ == 'LoadClipAudio')
        assert (loader.sample_rate, loader.hears) == (32000, 'second')
    config.model.audio_encoder.depths = (1, 1, 1, 1)
    if method == 'vct':
        config.model.decode_head.query_generator.image_size = 64
    model = build(without_pretrained(config.model))
    assert model.audio_encoder.frontend.sample_rate == 32000
    clip = heard_clip(32000, 1, size=(64, 64), maskige=method != 'avsegformer')
    found = losses(model, [clip])
    loss = sum(value for name, value in found.items() if 'loss' in name)
    assert torch.isfinite(loss) and loss > 0
    loss.backward()
    assert all(parameter.grad is None for parameter in model.audio_encoder.parameters())
    if method == 'avsegformer':
        heard = [model.decode_head.audio_proj.weight]
    else:
        heard = list(model.decode_head.audio_mlp.parameters())
    assert all(parameter.grad.abs().sum() > 0 for parameter in heard)


@pytest.mark.parametrize('method', TINY)
def test_training_the_encoder_itself(method):
    model = tiny_model(method)
    clips = [heard_clip(4000, 2, seed, maskige=method != 'avsegformer') for seed in range(2)]
    found = one_step(model, clips)
    for name, _ in model.audio_encoder.named_parameters():
        assert f'audio_encoder.{name}.grad' in found, name
    assert found['audio_encoder.swin.patch_embed.proj.weight.grad'].abs().sum() > 0


@pytest.mark.parametrize('method', TINY)
def test_clips_of_unequal_length(method):
    model = tiny_model(method, frozen=True).eval()
    clips = [heard_clip(4000, frames, frames, maskige=method != 'avsegformer') for frames in (2, 3)]

    @torch.no_grad()
    def scores(batch):
        samples = model.test_step(pseudo_collate(batch))
        return [
            sample.pred_scores.data[: len(clip['inputs']['imgs'])]
            for sample, clip in zip(samples, batch)
        ]

    for together, alone in zip(scores(clips), [scores([clip])[0] for clip in clips]):
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_chosen_frames_of_a_clip():
    """A data set that loads some frames still hands over all of the sound."""
    model = MODELS.build(dict(tiny_avsegformer(), audio_encoder=tiny_htsat())).eval()
    clip = heard_clip(4000)
    audio = clip['inputs']['audio'][None]
    sample = clip['data_samples']
    sample.set_metainfo(dict(frame_indices=[3, 1], num_clip_frames=5))
    with torch.no_grad():
        heard = model.extract_audio(audio, 2, [sample]).embed
        whole = model.audio_encoder(audio, 5).embed
    torch.testing.assert_close(heard, whole[[3, 1]])
