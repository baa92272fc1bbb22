# Copyright (c) mmavs developers. All rights reserved.
"""SGSM against loops written from the paper's equations."""

import math

import pytest
import torch
from torch.nn.functional import gelu, layer_norm

from mmavs.models.fusion.group_refinement import GroupRefinement, refine_literally
from mmavs.registry import MODELS
from mmavs.structures import ClipLayout

DIMS, CHANNELS, HEADS, SIZE = 8, 5, 2, (3, 4)
VALID = torch.tensor([True, True, False, True, True, True])
LAYOUT = ClipLayout(3, VALID)


def build(config):
    torch.manual_seed(0)
    config = dict(embed_dims=DIMS, audio_channels=CHANNELS, num_heads=HEADS, **config)
    module = MODELS.build(config).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def build_sgsm(**config):
    return build(dict(type='SoundGuidedMerging', num_groups=3, **config))


def inputs(rows=5):
    torch.manual_seed(1)
    return (
        torch.randn(rows, DIMS, *SIZE, dtype=torch.double),
        torch.randn(rows, CHANNELS, dtype=torch.double),
    )


def normed(norm, x):
    return layer_norm(x, (DIMS,), norm.weight, norm.bias)


def heads_of(vector):
    return vector.view(HEADS, DIMS // HEADS)


def attend_by_loops(attention, tokens, sounds, squash):
    """Eq. 5 of one frame: tokens (N, D) read the sounds (L, D), head by head."""
    updates = []
    for token in tokens:
        query, heard = heads_of(attention.query.weight @ token), []
        for head in range(HEADS):
            scores = [
                heads_of(attention.key.weight @ sound)[head] @ query[head] / math.sqrt(DIMS / HEADS)
                for sound in sounds
            ]
            values = [heads_of(attention.value.weight @ sound)[head] for sound in sounds]
            heard.append(sum(w * v for w, v in zip(squash(torch.stack(scores)), values)))
        updates.append(attention.proj.weight @ torch.cat(heard) + attention.proj.bias)
    return torch.stack(updates)


def refine_by_loops(layer, groups, tokens, relevance):
    """Eq. 7 with projections, then the feed-forward part; of one frame."""
    refined = []
    for group in groups:
        query, seen = heads_of(layer.query(normed(layer.query_norm, group))), []
        read = [normed(layer.key_norm, token) for token in tokens]
        for head in range(HEADS):
            scores = [
                query[head] @ heads_of(layer.key(x))[head] / math.sqrt(DIMS / HEADS) + s
                for x, s in zip(read, relevance)
            ]
            weights = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
            seen.append(sum(w * heads_of(layer.value(x))[head] for w, x in zip(weights, read)))
        group = group + layer.proj(torch.cat(seen))
        refined.append(group + layer.ffn(normed(layer.ffn_norm, group)))
    return torch.stack(refined)


def merge_by_loops(module, feat, sound, sounds, squash, merged):
    """All of one frame (D, h, w) with its groups given: the new map, S and G."""
    tokens = feat.flatten(1).T
    fused = normed(module.norm, tokens + attend_by_loops(module.attention, tokens, sounds, squash))
    first, _, last = module.relevance
    relevance = [last.weight[0] @ gelu(first.weight @ x + first.bias) for x in fused]
    assignment = module.assign(feat[None])[0].flatten().tolist()
    source, groups = fused if merged == 'fused' else tokens, []
    for p in range(3):
        members = [i for i, group in enumerate(assignment) if group == p]
        total = sum(relevance[i].exp() for i in members)
        groups.append(sum(relevance[i].exp() / total * source[i] for i in members))
    groups = torch.stack(groups)
    for layer in module.refinement or ():
        groups = refine_by_loops(layer, groups, tokens, relevance)
    added = torch.stack([groups[group] * module.gain for group in assignment])
    return (tokens + added).T.view_as(feat), torch.stack(relevance), groups


@pytest.mark.parametrize('merged', ['visual', 'fused'])
@pytest.mark.parametrize('keys', ['frame', 'clip'])
def test_against_loops(keys, merged):
    module = build_sgsm(keys=keys, merged=merged)
    feat, audio = inputs()
    found, merge = module(feat, audio, LAYOUT)
    projected = module.audio_proj(audio)
    clips = [[0, 1], [0, 1], [2, 3, 4], [2, 3, 4], [2, 3, 4]]
    for row, clip in enumerate(clips):
        sounds = projected[clip] if keys == 'clip' else projected[[row]]
        squash = (lambda s: s.softmax(0)) if keys == 'clip' else torch.sigmoid
        expected = merge_by_loops(module, feat[row], projected[row], sounds, squash, merged)
        for ours, theirs in zip((found, merge.relevance.flatten(1), merge.groups), expected):
            torch.testing.assert_close(ours[row], theirs)
    assert torch.equal(merge.audio, projected)
    assert merge.assignment.shape == (5, *SIZE) and merge.relevance.shape == (5, *SIZE)


def test_literal_refinement():
    torch.manual_seed(0)
    groups, tokens, relevance = torch.randn(3, 4), torch.randn(6, 4), torch.randn(6)
    scores = torch.tensor([[g @ f / 2 + s for f, s in zip(tokens, relevance)] for g in groups])
    expected = groups + scores.softmax(1) @ tokens
    found = refine_literally(groups[None], tokens[None], relevance[None])
    torch.testing.assert_close(found[0], expected)
    module = build_sgsm(literal_refinement=True, num_layers=1)
    names = [name for name, _ in module.named_parameters()]
    assert not [name for name in names if name.startswith('refinement')]
    feat, audio = inputs()
    plain = build_sgsm(num_layers=0)
    plain.load_state_dict(module.state_dict())
    (_, refined), (_, merged) = module(feat, audio, LAYOUT), plain(feat, audio, LAYOUT)
    tokens, relevance = feat.flatten(2).mT, merged.relevance.flatten(1)
    torch.testing.assert_close(refined.groups, refine_literally(merged.groups, tokens, relevance))


@pytest.mark.parametrize('literal', [False, True])
def test_gradients(literal):
    module = build_sgsm(literal_refinement=literal, num_layers=1)
    feat, audio = (x.requires_grad_() for x in inputs(2))
    layout = ClipLayout(2, torch.ones(2, dtype=torch.bool))
    assignment = module.assign(feat)
    module.assign = lambda _: assignment  # groups are piecewise constant

    def run(*values):
        found, merge = module(*values, layout)
        return found, merge.relevance, merge.groups, merge.audio

    assert torch.autograd.gradcheck(run, (feat, audio))
    found, _ = module(feat, audio, layout)
    found.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_refinement_begins_as_identity():
    layer = GroupRefinement(DIMS, HEADS)
    layer.init_weights()
    groups = torch.randn(2, 3, DIMS)
    assert torch.equal(layer(groups, torch.randn(2, 6, DIMS), torch.randn(2, 6)), groups)


@pytest.mark.parametrize('keys', ['frame', 'clip'])
def test_padded_rows_change_nothing(keys):
    """Rows of padding computed along, as with compute_padded_frames, against left out."""
    module = build_sgsm(keys=keys)
    feat, audio = inputs(6)
    found, merge = module(feat, audio, ClipLayout(3, VALID, has_padding=True))
    expected, alone = module(feat[VALID], audio[VALID], LAYOUT)
    torch.testing.assert_close(found[VALID], expected)
    for ours, theirs in zip(merge, alone):
        torch.testing.assert_close(ours[VALID], theirs)


def test_pooled_clustering():
    """Squares of 2x2 tokens share a group; of the last column and row what is there."""
    module = build_sgsm(cluster_pool=2)
    feat = torch.randn(2, DIMS, 5, 7, dtype=torch.double)
    assignment = module.assign(feat)
    assert assignment.shape == (2, 5, 7)
    assert torch.equal(assignment[:, :4:2, ::2], assignment[:, 1::2, ::2])
    assert torch.equal(assignment[:, :, :6:2], assignment[:, :, 1::2])
    corner = feat[:, :, :4, :6].unflatten(2, (2, 2)).unflatten(4, (3, 2)).mean((3, 5))
    small = build_sgsm().assign(corner)
    assert torch.equal(module.assign(feat[:, :, :4, :6])[:, ::2, ::2], small)


def test_clustering_arguments_arrive():
    feat, _ = inputs()
    nearest, parent = build_sgsm(), build_sgsm(clustering=dict(assign='parent', density='paper'))
    assert not torch.equal(nearest.assign(feat), parent.assign(feat))
    with pytest.raises(ValueError, match='12 tokens cannot be in 13 groups'):
        build_sgsm_of(13).assign(feat)


def build_sgsm_of(num_groups):
    return build(dict(type='SoundGuidedMerging', num_groups=num_groups))


def test_cross_attention_and_filter():
    """Baseline and ground-truth filtering of Table 3."""
    module, filtered = (
        build(dict(type='CrossAttentionFusion', filter_silent=silent)) for silent in (False, True)
    )
    feat, audio = inputs()
    found, merge = module(feat, audio, LAYOUT)
    assert merge is None and filtered.needs_masks and not module.needs_masks
    projected = module.audio_proj(audio)
    for row in range(5):
        heard = attend_by_loops(
            module.attention, feat[row].flatten(1).T, projected[[row]], torch.sigmoid
        )
        expected = feat[row] + (heard * module.gain).T.view(DIMS, *SIZE)
        torch.testing.assert_close(found[row], expected)
    assert torch.equal(filtered(feat, audio, LAYOUT)[0], found)  # prediction: no masks, no filter
    sounding = torch.zeros(5, 12, 16, dtype=torch.bool)
    sounding[0, 5, 9] = sounding[1] = True
    kept = torch.zeros(5, 1, *SIZE, dtype=torch.bool)
    kept[0, 0, 1, 2] = kept[1] = True
    expected = torch.where(kept, found, feat)
    torch.testing.assert_close(filtered(feat, audio, LAYOUT, sounding)[0], expected)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(merged='both'), "merged must be one of .*'both'"),
        (dict(keys='second'), "keys must be one of .*'second'"),
        (dict(num_heads=3), r'embed_dims \(8\) must be a multiple of num_heads \(3\)'),
    ],
)
def test_refusals(config, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(dict(type='SoundGuidedMerging', embed_dims=8, num_heads=2), **config))
