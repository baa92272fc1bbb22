# Copyright (c) mmavs developers. All rights reserved.
"""Query generators of VCT and COMBO against the official ones, by official names."""

import pytest
import torch
import torch.nn.functional as F

from mmavs.converters import convert
from mmavs.converters.query_generators import QUERY_GENERATOR_RULES
from mmavs.registry import MODELS
from mmavs.testing import fill_inputs, golden_error, golden_state_dict, load_golden

TOLERANCE = 1e-4
PREFIX = 'decode_head.query_generator.'
HEAD = 'sem_seg_head.predictor.'


def build(state_dict, **cfg):
    """A generator with official weights, all of which it must take."""
    generator = MODELS.build(dict(**cfg))
    ours = convert(state_dict, QUERY_GENERATOR_RULES).state_dict
    generator.load_state_dict({k.removeprefix(PREFIX): v for k, v in ours.items()})
    return generator


def ppqg(manifest, arrays, **cfg):
    state_dict = golden_state_dict(arrays, manifest)
    return build(state_dict, type='PrototypePromptedQueryGenerator', learned_queries=False, **cfg)


@torch.no_grad()
def test_ppqg_of_ms3_in_eval():
    arrays, manifest = load_golden('vct_ppqg_ms3')
    generator = ppqg(manifest, arrays, image_size=384).eval()
    feature = fill_inputs(*manifest['inputs'][0][:2])
    outputs = generator(feature)

    pixels = generator.pixel_proj(feature)
    assert golden_error(arrays, 'V_h', pixels) < TOLERANCE
    mixed = generator.query_mixer(pixels.flatten(2))
    assert golden_error(arrays, 'V_e_mixed', mixed) < TOLERANCE
    similarity = generator.grouping.similarity(mixed.transpose(1, 2), pixels.flatten(2))
    assert golden_error(arrays, 'raw_similarity', similarity) < TOLERANCE
    assert golden_error(arrays, 'assignment', outputs.assignment.argmax(1)) == 0
    assert golden_error(arrays, 'pixels_per_query', outputs.assignment.sum(-1)) == 0
    grouped = outputs.visual_queries - mixed.transpose(1, 2)
    assert golden_error(arrays, 'assign_out', grouped) < TOLERANCE
    assert golden_error(arrays, 'visual_query', outputs.queries.transpose(0, 1)) < TOLERANCE


def test_ppqg_in_training_with_gradients():
    arrays, manifest = load_golden('vct_ppqg_train')
    generator = ppqg(manifest, arrays, image_size=96, num_prototypes=71).train()
    (feature, uniform, cotangent) = (entry[:2] for entry in manifest['inputs'])
    feature = fill_inputs(*feature).requires_grad_()
    uniform = fill_inputs(*uniform, 1e-6, 1 - 1e-6).squeeze(1)
    generator.grouping.draw_noise = lambda similarity: -(-uniform.log()).log()

    queries = generator(feature).visual_queries.transpose(0, 1)
    assert golden_error(arrays, 'visual_query', queries) < TOLERANCE
    (queries * fill_inputs(*cotangent)).sum().backward()
    assert golden_error(arrays, 'grad_mask_features', feature.grad) < TOLERANCE

    names = {name: torch.empty(0) for name, _, _ in manifest['state_dict']}
    renamed = convert(names, QUERY_GENERATOR_RULES).renamed
    errors = {
        name: golden_error(
            arrays,
            f'grad_{name.removeprefix(f"{HEAD}visual_query_block.")}',
            generator.get_parameter(ours.removeprefix(PREFIX)).grad,
        )
        for name, ours in renamed.items()
    }
    assert len(errors) == len(list(generator.parameters())) == 27
    assert max(errors.values()) < TOLERANCE


@pytest.mark.parametrize('parity', [True, False])
def test_initial_queries_of_combo(parity):
    """Three frames, so that the official layout of the sounds shows."""
    arrays, manifest = load_golden('combo_initial_queries')
    state_dict = golden_state_dict(arrays, manifest)
    names = ('query_feat.weight', 'decoder_norm.weight', 'decoder_norm.bias')
    table, *norm = (state_dict[f'{HEAD}{name}'] for name in names)
    classify = [state_dict[f'{HEAD}class_embed.{leaf}'] for leaf in ('weight', 'bias')]
    generator = build(
        {f'{HEAD}query_feat.weight': table},
        type='LearnedQueryGenerator',
        audio='add',
        parity=parity,
    )
    sound = torch.from_numpy(arrays['audio_query'])
    queries = generator(torch.empty(3, 256, 24, 16), sound).queries
    logits = F.linear(F.layer_norm(queries, (256,), *norm), *classify)
    error = golden_error(arrays, 'aux0_logits', logits)
    assert error < TOLERANCE if parity else error > 1
