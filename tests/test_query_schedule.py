# Copyright (c) mmavs developers. All rights reserved.
"""Learning rate and weight decay of every parameter of VCT, COMBO and AQFormer, by the
official rules.

The official optimizer asks for the type of the module that a parameter belongs to; ours goes by
names, since mmengine's knows norms but not tables. Here the rules of the sheet (vct.md,
section 9) are written out by type. AQFormer, which has no official code, goes by the same.
"""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from mmavs.registry import MODELS
from mmavs.utils.meta_tensors import meta_tensors

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NORMS = (nn.LayerNorm, nn.GroupNorm, _NormBase)
DECAY = 0.05
# Embeddings here, bare parameters in the official code: its pixel decoder's level embedding.
BARE_OFFICIALLY = {'decode_head.pixel_decoder.level_encoding.weight'}
BARE = BARE_OFFICIALLY | {'decode_head.pixel_decoder.level_embed'}
MASK_BIASES = {
    'decode_head.predictor.cls_embed.bias',
    'decode_head.predictor.embed.1.layers.0.bias',
}
AQFORMER_S4 = 'aqformer_r50_vggish_1xb8-20k_s4-224x224'
AQFORMER_MS3 = 'aqformer_pvt-v2-b5_vggish_s4-init_1xb4-4k_ms3-224x224'


def expected_settings(model, lr):
    """(lr, weight decay) of each parameter that is trained."""
    settings = {}
    for module_name, module in model.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            name = f'{module_name}.{leaf}'
            if not parameter.requires_grad:
                continue
            undecayed = isinstance(module, (*NORMS, nn.Embedding)) and name not in BARE_OFFICIALLY
            undecayed = undecayed or leaf == 'relative_position_bias_table'
            in_backbone = name.startswith(('backbone.', 'maskige_backbone.'))
            settings[name] = (lr * (0.1 if in_backbone else 1), 0.0 if undecayed else DECAY)
    return settings


def found_settings(model, optim_wrapper):
    """What mmengine makes of a config; AMP changes none of it, and would ask for a GPU."""
    parts = {key: optim_wrapper[key] for key in ('optimizer', 'paramwise_cfg')}
    optimizer = build_optim_wrapper(model, parts).optimizer
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
        if parameter.requires_grad
    }


@pytest.mark.parametrize(
    ('config', 'lr', 'tables'),
    [
        ('vct/vct_r50_vggish_1xb16-45k_s4-224x224', 1e-4, ('query_generator.prototypes',)),
        ('vct/vct_swin-b_vggish_1xb8-45k_avss-384x384', 1e-4, ('query_generator.query_feat',)),
        ('vct/vct_pvt-v2-b5_vggish_1xb8-40k_ms3-224x224', 1e-4, ('decoder.query_embed',)),
        (
            'combo/combo_r50_vggish_1xb8-90k_s4-224x224',
            1e-4,
            ('fusion.audio_pos', 'fusion.level_embed'),
        ),
        (f'aqformer/{AQFORMER_S4}', 1.25e-4, ('bridges.s4.sound_embed', 'bridges.s8.frame_embed')),
        (f'aqformer/{AQFORMER_MS3}', 5e-4, ('decoder.query_embed', 'decoder.level_embed')),
    ],
)
def test_every_parameter_has_the_official_settings(config, lr, tables):
    config = Config.fromfile(CONFIGS / f'{config}.py')
    with meta_tensors():
        model = MODELS.build(config.model)
    found, expected = found_settings(model, config.optim_wrapper), expected_settings(model, lr)
    assert set(found) == set(expected)
    wrong = {name: found[name] for name in found if found[name] != pytest.approx(expected[name])}
    assert wrong == {}
    # the rules above see what they are about
    decays = {name for name, (_, decay) in expected.items() if decay}
    assert decays & BARE and decays & MASK_BIASES
    for name in tables:
        assert expected[f'decode_head.{name}.weight'] == (lr, 0.0)
    assert {lr for lr, _ in expected.values()} == {lr, lr * 0.1}
