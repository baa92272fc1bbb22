# Copyright (c) mmavs developers. All rights reserved.
"""Official state dicts of the checkpoints of VCT and COMBO, by name and shape.

That of COMBO with ResNet-50 on MS3 is listed whole by a golden. The others are put together from
the lists of their parts, as the sheets vct.md (section 11) and combo.md (section 8) say.
"""

from official_names import numbered_state_dict

from mmavs.testing.goldens import load_manifest

BACKBONES = {
    'resnet': ('r50_backbone_224', (256, 512, 1024, 2048)),
    'pvt': ('pvtv2b5_backbone_224', (64, 128, 320, 512)),
    'swin': ('swinb_backbone_384', (128, 256, 512, 1024)),
}
CONFIGS = {
    ('combo', 'resnet', 'ms3'): 'combo/combo_r50_vggish_1xb8-20k_ms3-224x224.py',
    ('combo', 'pvt', 'avss'): 'combo/combo_pvt-v2-b5_vggish_1xb8-90k_avss-224x224.py',
    ('vct', 'resnet', 's4'): 'vct/vct_r50_vggish_1xb16-45k_s4-384x384.py',
    ('vct', 'pvt', 'ms3'): 'vct/vct_pvt-v2-b5_vggish_1xb8-40k_ms3-384x384.py',
    ('vct', 'swin', 's4'): 'vct/vct_swin-b_vggish_1xb8-45k_s4-384x384.py',
    ('vct', 'swin', 'ms3'): 'vct/vct_swin-b_vggish_1xb8-40k_ms3-384x384.py',
    ('vct', 'swin', 'avss'): 'vct/vct_swin-b_vggish_1xb8-45k_avss-384x384.py',
}
PROTOTYPES = dict(s4=23, ms3=None, avss=71)
NOT_IN_MS3 = ('visual_query_block.pre_attn.', '.audio_proj.', '.proto_proj.')


def entries_of(case, *prefixes):
    return [
        (name, list(shape), dtype)
        for name, shape, dtype in load_manifest(case)['state_dict']
        if name.startswith(prefixes)
    ]


def backbone_entries(backbone):
    """Both backbones and the gates."""
    case, channels = BACKBONES[backbone]
    frames = entries_of(case, 'backbone.')
    maskiges = [(f'pre_sam_{name}', shape, dtype) for name, shape, dtype in frames]
    gates = []
    for i, c in enumerate(channels):
        gate = f'scale_factor_module.{i}.'
        for name, shape in (
            ('fc1.weight', [c // 16, c]),
            ('fc1.bias', [c // 16]),
            ('fc2.weight', [c, c // 16]),
            ('fc2.bias', [c]),
        ):
            gates.append((gate + name, shape, 'float32'))
    return [*frames, *maskiges, *gates]


def pixel_decoder_entries(backbone):
    finest, *coarser = BACKBONES[backbone][1]
    inputs = {
        f'sem_seg_head.pixel_decoder.input_proj.{i}.0.weight': c
        for i, c in enumerate(reversed(coarser))
    }
    inputs['sem_seg_head.pixel_decoder.adapter_1.weight'] = finest
    entries = entries_of('combo_r50_ms3', 'sem_seg_head.pixel_decoder.')
    assert set(inputs) < {name for name, _, _ in entries}
    return [
        (name, [256, inputs[name], 1, 1] if name in inputs else shape, dtype)
        for name, shape, dtype in entries
    ]


def combo_entries(backbone, classes):
    head = entries_of(
        'combo_r50_ms3', 'sem_seg_head.fusion', 'sem_seg_head.audio', 'sem_seg_head.predictor.'
    )
    return [
        *backbone_entries(backbone),
        *entries_of('combo_r50_ms3', 'audio_backbone.'),
        *pixel_decoder_entries(backbone),
        *with_classes(head, classes),
        ('criterion.empty_weight', [classes + 1], 'float32'),
    ]


def vct_entries(backbone, classes, prototypes, size=384):
    block = 'sem_seg_head.predictor.visual_query_block.'
    cells = {f'{block}query_mixer.layers.0.weight': [256, (size // 4) ** 2]}
    table = f'{block}prototype.weight'
    predictor = []
    for name, shape, dtype in entries_of('vct_head_avss_tiny', 'sem_seg_head.predictor.'):
        if prototypes is None and (name == table or any(part in name for part in NOT_IN_MS3)):
            continue
        shape = [prototypes, 256] if name == table else cells.get(name, shape)
        predictor.append((name, shape, dtype))
    scale = [('criterion.logit_scale', [], 'float32')] if prototypes else []
    return [
        *backbone_entries(backbone),
        *entries_of('combo_r50_ms3', 'audio_backbone.'),
        *pixel_decoder_entries(backbone),
        *entries_of('vct_audio_mlp', 'sem_seg_head.'),
        *with_classes(predictor, classes),
        *scale,
        ('criterion.empty_weight', [classes + 1], 'float32'),
    ]


def with_classes(entries, classes):
    return [
        (name, [classes + 1, *shape[1:]] if '.class_embed.' in name else shape, dtype)
        for name, shape, dtype in entries
    ]


def official_query_entries(method, backbone, task, size=384):
    """(name, shape, dtype) of each tensor of an official checkpoint."""
    classes = 71 if task == 'avss' else 2
    if method == 'combo':
        return combo_entries(backbone, classes)
    return vct_entries(backbone, classes, PROTOTYPES[task], size)


def official_query_checkpoint(method, backbone, task, size=384):
    """A numbered state dict of an official checkpoint."""
    return numbered_state_dict(official_query_entries(method, backbone, task, size))
