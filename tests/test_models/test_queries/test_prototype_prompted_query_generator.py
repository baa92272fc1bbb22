# Copyright (c) mmavs developers. All rights reserved.
"""What each switch of PPQG, an ablation of the paper, changes."""

import math

import pytest
import torch

from mmavs.models.queries import PrototypePromptedQueryGenerator

DIMS, QUERIES, SIZE = 16, 5, (24, 40)


def make(**kwargs):
    torch.manual_seed(0)
    settings = dict(image_size=SIZE, num_queries=QUERIES, embed_dims=DIMS, num_prototypes=7)
    return PrototypePromptedQueryGenerator(**{**settings, **kwargs})


def feature(frames=3, channels=DIMS):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(frames, channels, SIZE[0] // 4, SIZE[1] // 4, generator=generator)


def sound(frames=3):
    return torch.randn(frames, 4, DIMS, generator=torch.Generator().manual_seed(2))


def parts(generator):
    """Names of the parts that have parameters."""
    return {name.split('.')[0] for name in generator.state_dict()}


FULL = {'pixel_proj', 'query_mixer', 'prototypes', 'prompting', 'grouping', 'query_feat'}
SWITCHES = {
    'full': ({}, FULL),
    'no prototypes': (dict(num_prototypes=None), FULL - {'prototypes', 'prompting'}),
    'naive': (
        dict(num_prototypes=None, grouping='none'),
        {'pixel_proj', 'query_mixer', 'query_feat'},
    ),
    'cross-attention': (dict(grouping='cross'), FULL),
    'replace': (dict(num_prototypes=None, prompt_by_audio=True), FULL - {'prototypes'}),
    'not learned': (dict(learned_queries=False), FULL - {'query_feat'}),
    'paper': (dict(num_heads=1, similarity_scale=1.0, count_eps=0.0), FULL),
}

# What they add is the same for all that a softmax compares.
CANCELLED = ('grouping.q_proj.bias', 'grouping.k_proj.bias')


@pytest.mark.parametrize('name', SWITCHES)
def test_parts_and_gradients(name):
    """Each part is there or not, and all that is there learns, also from a blank frame."""
    kwargs, expected = SWITCHES[name]
    generator = make(**kwargs)
    generator.init_weights()
    assert parts(generator) == expected
    generator.train()
    blank = feature() * torch.tensor([1.0, 0.0, 1.0])[:, None, None, None]
    outputs = generator(blank, sound())
    assert outputs.queries.shape == outputs.visual_queries.shape == (3, QUERIES, DIMS)
    outputs.queries.pow(2).sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any() or name in CANCELLED


@pytest.mark.parametrize('name', SWITCHES)
def test_trains_under_autocast(name):
    kwargs, _ = SWITCHES[name]
    generator = make(**kwargs).train()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outputs = generator(feature(), sound())
        outputs.queries.pow(2).sum().backward()
    if generator.grouping is not None:
        assert outputs.queries.dtype == outputs.assignment.dtype == torch.float32
    assert all(parameter.grad.isfinite().all() for parameter in generator.parameters())


@torch.no_grad()
def test_naive_queries_are_the_mixed_pixels():
    generator = make(num_prototypes=None, grouping='none', learned_queries=False)
    outputs = generator(feature())
    pixels = generator.pixel_proj(feature()).flatten(2)
    mixed = torch.stack([generator.query_mixer(channel) for channel in pixels.transpose(0, 1)], -1)
    assert torch.allclose(outputs.queries, mixed, atol=1e-6)
    assert outputs.assignment is None
    assert outputs.prototypes is None


@torch.no_grad()
def test_group_and_cross_differ_in_what_sums_to_one():
    grouped, crossed = make().eval(), make(grouping='cross').eval()
    crossed.load_state_dict(grouped.state_dict())
    hard, soft = grouped(feature()), crossed(feature())
    assert torch.equal(hard.assignment.sum(1), torch.ones(3, 60))
    assert set(hard.assignment.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(soft.assignment.sum(2), torch.ones(3, QUERIES))
    assert not torch.allclose(hard.queries, soft.queries, atol=1e-3)


@torch.no_grad()
def test_only_group_attention_is_random_and_only_in_training():
    for grouping, training, is_random in [
        ('group', True, True),
        ('group', False, False),
        ('cross', True, False),
        ('none', True, False),
    ]:
        generator = make(grouping=grouping).train(training)
        same = torch.equal(generator(feature()).queries, generator(feature()).queries)
        assert same != is_random


@torch.no_grad()
def test_learned_queries_are_added_to_those_of_the_pixels():
    generator = make().eval()
    outputs = generator(feature())
    added = outputs.queries - outputs.visual_queries
    assert torch.allclose(added, generator.query_feat.weight.expand_as(added), atol=1e-5)
    assert outputs.prototypes is generator.prototypes.weight


@torch.no_grad()
def test_prototypes_or_the_sound_prompt():
    """With prototypes the sound is not heard; in their place it is."""
    generator = make().eval()
    first, second = (generator(feature(), tokens).queries for tokens in (sound(), -sound()))
    assert torch.equal(first, second)
    generator.prototypes.weight.mul_(-1)
    assert not torch.allclose(generator(feature()).queries, first, atol=1e-3)

    hearing = make(num_prototypes=None, prompt_by_audio=True).eval()
    first, second = (hearing(feature(), tokens).queries for tokens in (sound(), -sound()))
    assert not torch.allclose(first, second, atol=1e-3)


@torch.no_grad()
def test_prompted_by_the_sound_is_prompted_by_equal_prototypes():
    prompted = make(num_prototypes=4).eval()
    prompted.prototypes.weight.copy_(sound(1)[0])
    hearing = make(num_prototypes=None, prompt_by_audio=True).eval()
    weights = prompted.state_dict()
    del weights['prototypes.weight']
    hearing.load_state_dict(weights)
    expected = prompted(feature()).queries
    found = hearing(feature(), sound(1).expand(3, -1, -1)).queries
    assert torch.allclose(found, expected, atol=1e-6)


@torch.no_grad()
def test_frames_do_not_mix():
    generator = make().eval()
    together = generator(feature()).queries
    alone = torch.cat([generator(frame[None]).queries for frame in feature()])
    assert torch.allclose(together, alone, atol=1e-5)


@torch.no_grad()
def test_reads_a_map_of_other_channels():
    generator = make(in_channels=12)
    assert generator(feature(channels=12)).queries.shape == (3, QUERIES, DIMS)


def test_initial_values():
    generator = make(embed_dims=64, num_prototypes=500)
    generator.init_weights()
    attention = generator.prompting.attn
    for matrix, bound in [
        (attention.in_proj_weight, math.sqrt(6 / (64 + 3 * 64))),
        (attention.out_proj.weight, math.sqrt(6 / (64 + 64))),
        (generator.grouping.q_proj.weight, math.sqrt(1 / 64)),
        (generator.pixel_proj[2].weight, math.sqrt(1 / (9 * 64))),
    ]:
        assert 0.97 * bound < matrix.abs().max() <= bound
    assert not attention.in_proj_bias.any()
    assert not attention.out_proj.bias.any()
    assert generator.prototypes.weight.std().item() == pytest.approx(1, abs=0.02)


def test_another_size_is_refused_by_the_name_of_the_key():
    generator = make()
    message = (
        r'decode_head.query_generator.image_size is \(24, 40\), but these frames are \(40, 24\)'
        r'.*\(mask feature \(10, 6\)\).*set image_size to \(40, 24\)'
    )
    with pytest.raises(ValueError, match=message):
        generator(feature().transpose(2, 3))


@pytest.mark.parametrize('size', [0, 30, (32,), (32, 33), (32, 32, 32)])
def test_sizes_without_a_mask_feature_are_refused(size):
    with pytest.raises(ValueError, match='positive multiples of 4'):
        make(image_size=size)


def test_contradictions_are_refused():
    with pytest.raises(ValueError, match=r"grouping must be one of .*, got 'hard'"):
        make(grouping='hard')
    with pytest.raises(ValueError, match=r'set num_prototypes=None \(got 7\)'):
        make(prompt_by_audio=True)
    with pytest.raises(ValueError, match=r'prompt_by_audio=True needs the sound.*audio_mlp'):
        make(num_prototypes=None, prompt_by_audio=True)(feature())
