# Copyright (c) mmavs developers. All rights reserved.
import torch

from mmavs.converters import convert
from mmavs.converters.query_head_rules import AUDIO_MLP_RULES
from mmavs.models.audio import AudioMLP
from mmavs.testing import fill_inputs, golden_error, golden_state_dict, load_golden


@torch.no_grad()
def test_official_tokens():
    arrays, manifest = load_golden('vct_audio_mlp')
    ours = convert(golden_state_dict(arrays, manifest), AUDIO_MLP_RULES).state_dict
    mlp = AudioMLP(512)
    mlp.load_state_dict(
        {name.removeprefix('decode_head.audio_mlp.'): value for name, value in ours.items()}
    )
    (name, shape, _), *_ = manifest['inputs']
    audio_map = fill_inputs(name, shape).clamp(min=0)
    tokens = mlp(audio_map.flatten(2).transpose(1, 2))
    assert golden_error(arrays, 'audio_tokens', tokens.transpose(1, 2).unflatten(-1, (6, 4))) < 1e-5
