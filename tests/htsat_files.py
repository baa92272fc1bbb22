# Copyright (c) mmavs developers. All rights reserved.
"""Weights of HTS-AT by the names of its authors, and of CLAP in transformers."""

from mmavs.testing.goldens import official_state_dict


def official_htsat(manifest):
    """What the golden was made with: statistics of decibels, see "fill" of the manifest."""
    state_dict = official_state_dict(manifest['state_dict'])
    state_dict['bn0.running_mean'] = 100 * state_dict['bn0.running_mean'] - 30
    state_dict['bn0.running_var'] = 400 * state_dict['bn0.running_var']
    return state_dict


# Sheet htsat.md, section 5. The longer names come first.
CLAP_NAMES = {
    'bn0.': 'batch_norm.',
    '.norm1.': '.layernorm_before.',
    '.norm2.': '.layernorm_after.',
    '.attn.proj.': '.attention.output.dense.',
    '.attn.': '.attention.self.',
    '.mlp.fc1.': '.intermediate.dense.',
    '.mlp.fc2.': '.output.dense.',
}


def as_clap(official):
    """The same weights as they stand in a whole CLAP."""
    clap = {}
    for name, tensor in official.items():
        if name.startswith(('spectrogram', 'logmel', 'tscam', 'head')) or 'attn_mask' in name:
            continue
        for own, theirs in CLAP_NAMES.items():
            name = name.replace(own, theirs)
        name = f'audio_model.audio_encoder.{name}'
        if '.qkv.' in name:
            for part, third in zip(('query', 'key', 'value'), tensor.chunk(3)):
                clap[name.replace('qkv', part)] = third
        else:
            clap[name] = tensor
    for name in ('logit_scale_a', 'text_model.x', 'text_projection.y', 'audio_projection.z'):
        clap[name] = official['bn0.weight']
    return clap
