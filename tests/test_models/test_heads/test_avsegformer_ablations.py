# Copyright (c) mmavs developers. All rights reserved.
"""Each ablation of AVSegFormer's paper, and each switch to its wording, changes what it names."""

import argparse

import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip, tiny_avsegformer

CONFIGS = 'configs/avsegformer'
CONFIG = f'{CONFIGS}/avsegformer_pvt-v2-b5_vggish_1xb2-30e_s4-512x512.py'
SEMANTIC = f'{CONFIGS}/avsegformer_pvt-v2-b5_vggish_1xb4-30e_avss-224x224.py'
HEAD = 'model.decode_head.'
D, HIDDEN, QUERIES = 256, 2048, 300
CHANNEL_MIXER = 4 * D**2 + D  # query, key, value without biases, output with one
ABLATIONS = {
    # options: by how much the number of parameters changes
    **{
        f'{HEAD}query_generator.num_queries={n}': (n - QUERIES) * (2 * D + HIDDEN)
        for n in (1, 100, 200, 300)
    },
    f'{HEAD}query_generator.use_learnable_queries=False': -QUERIES * D,
    f'{HEAD}mixer=None': -CHANNEL_MIXER,
    f'{HEAD}mixer.type=CrossAttentionMixer': 4 * (D**2 + D) - CHANNEL_MIXER,
    f'{HEAD}mixer.type=ResidualChannelMixer': -CHANNEL_MIXER,
    f'{HEAD}loss_mix=None': 0,
    f'{HEAD}loss_mix.type=LinearMixingLoss': D + 1,
}
DICE = f'{HEAD}loss_mask.type=SemanticDiceLoss'


def options(text):
    """What ``--cfg-options`` of the tools makes of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *text.split()]).cfg_options


def num_parameters(config):
    with torch.device('meta'):
        return sum(p.numel() for p in MODELS.build(config.model).parameters())


@pytest.fixture(scope='module')
def full(root):
    return num_parameters(Config.fromfile(root / CONFIG))


@pytest.fixture(scope='module')
def readme(root):
    return (root / CONFIGS / 'README.md').read_text()


@pytest.mark.parametrize('text', ABLATIONS)
def test_number_of_parameters(text, full, readme, root):
    config = Config.fromfile(root / CONFIG)
    config.merge_from_dict(options(text))
    assert num_parameters(config) - full == ABLATIONS[text]
    assert f'`{text}`' in readme


def tiny(text):
    """The tiny model with the options, its own width where a part asks for one."""
    config = Config(dict(model=tiny_avsegformer(num_classes=5)))
    config.merge_from_dict(options(text))
    head = config.model.decode_head
    if head.loss_mix and head.loss_mix.type == 'LinearMixingLoss':
        head.loss_mix.embed_dims = head.embed_dims
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    return model


def losses_of(model, annotated=None):
    clip = random_clip(num_frames=2, num_classes=5, annotated=annotated)
    data = model.data_preprocessor(pseudo_collate([clip]), training=True)
    return model(**data, mode='loss')


@pytest.mark.parametrize('annotated', [None, ()], ids=['labels', 'no_label'])
@pytest.mark.parametrize('text', [*ABLATIONS, DICE])
def test_every_parameter_is_trained(text, annotated):
    """DDP with find_unused_parameters=False needs it, on batches without any label too."""
    model = tiny(text).train()
    losses = losses_of(model, annotated)
    assert set(losses) == ({'loss_mask'} if 'loss_mix=None' in text else {'loss_mask', 'loss_mix'})
    sum(losses.values()).backward()
    gradients = {n: p.grad for n, p in model.named_parameters()}
    assert all(grad is not None and torch.isfinite(grad).all() for grad in gradients.values())
    assert any((grad != 0).any() for grad in gradients.values()) is (annotated is None)
    if 'Linear' in text and annotated is None:
        assert (gradients['decode_head.loss_mix.integrate.weight'] != 0).any()


@torch.no_grad()
def test_only_learnable_queries_do_not_hear():
    """Without them the queries are those of the sound; with them a table is added to these."""
    audio = torch.randn(3, 1, 32)
    generator = tiny(f'{HEAD}query_generator.num_queries=6').decode_head.query_generator
    without = tiny(f'{HEAD}query_generator.use_learnable_queries=False').decode_head.query_generator
    without.load_state_dict(generator.state_dict(), strict=False)
    assert torch.equal(without(audio), without.audio_queries(audio))
    table = generator.learnable_query.weight.expand(3, -1, -1)
    assert torch.allclose(generator(audio) - without(audio), table, atol=1e-5)


@torch.no_grad()
def test_without_a_mixer_the_mask_feature_does_not_hear():
    model = tiny(f'{HEAD}mixer=None').eval()
    clip = random_clip(num_frames=2, num_classes=5)
    inputs = model.data_preprocessor(pseudo_collate([clip]))['inputs']
    sounds = (inputs['audio'], 9 * inputs['audio'].flip(1))
    one, other = (model(dict(inputs, audio=sound), None, mode='tensor').aux for sound in sounds)
    assert torch.equal(one['mask_feature'], other['mask_feature'])
    assert not torch.allclose(one['queries'], other['queries'], atol=1e-4)


def test_paper_loss_of_avss(readme, root):
    config = Config.fromfile(root / SEMANTIC)
    config.merge_from_dict(options(DICE))
    with torch.device('meta'):
        head = MODELS.build(config.model.decode_head)
    assert type(head.loss_mask).__name__ == 'SemanticDiceLoss' and f'`{DICE}`' in readme
