# Copyright (c) mmavs developers. All rights reserved.
"""The queries of a clip read all frames: against plain loops in float64, and its switches."""

import math

import pytest
import torch
from clips import clip_layout, rows_of

from mmavs.models.decoders import ClipQueryDecoder

DIMS, HEADS = 8, 2
SIZES = {'s32': (1, 2), 's16': (2, 3), 's8': (3, 4)}
LENGTHS = (2, 3)
OPTIONS = [
    {},
    dict(norm='branch'),
    dict(own_frame=True),
    dict(time_positions=False),
    dict(num_stages=2),
    dict(reads=('s8', 's32')),
]


def build(**options):
    torch.manual_seed(0)
    options = dict(dict(num_stages=1), **options)
    decoder = ClipQueryDecoder(
        embed_dims=DIMS, num_heads=HEADS, feedforward_channels=16, max_frames=4, **options
    )
    decoder.init_weights()
    for name, parameter in decoder.layers.named_parameters():
        if name.endswith('bias'):  # zero in mmdet's attention: it would hide mistakes
            torch.nn.init.normal_(parameter, std=0.1)
    return decoder.double().eval()


def draw(layout):
    torch.manual_seed(1)
    rows = len(layout.row_valid)
    maps = {name: torch.randn(rows, DIMS, *size).double() for name, size in SIZES.items()}
    return layout.to_clips(torch.randn(rows, DIMS).double()), maps


def attend(attn, queries, keys, values):
    """Multi-head attention of lists of vectors, and its weights, mean over the heads."""
    parts = list(zip(attn.in_proj_weight.chunk(3), attn.in_proj_bias.chunk(3)))
    queries, keys, values = (
        [(weight @ x + bias).chunk(HEADS) for x in rows]
        for (weight, bias), rows in zip(parts, (queries, keys, values))
    )
    outputs, weights = [], []
    for query in queries:
        per_head = []
        for h in range(HEADS):
            scores = torch.stack([query[h] @ key[h] for key in keys]) / math.sqrt(DIMS / HEADS)
            per_head.append(scores.exp() / scores.exp().sum())
        heads = [
            sum(w * value[h] for w, value in zip(shares, values))
            for h, shares in enumerate(per_head)
        ]
        outputs.append(attn.out_proj(torch.cat(heads)))
        weights.append(sum(per_head) / HEADS)
    return outputs, torch.stack(weights)


def sine(position, length, channels):
    """Sine code of place number ``position`` of ``length``, counted from 1 and scaled to 2 pi."""
    angle = position / (length + 1e-6) * 2 * math.pi
    waves = [angle / 10000 ** (2 * (i // 2) / channels) for i in range(channels)]
    return torch.tensor([math.sin(w) if i % 2 == 0 else math.cos(w) for i, w in enumerate(waves)])


def places(frames, size, with_time):
    """Code of each pixel of each frame of a clip, row-major."""
    codes = []
    for t in range(frames):
        for y in range(size[0]):
            for x in range(size[1]):
                code = torch.cat([sine(y + 1, size[0], DIMS // 2), sine(x + 1, size[1], DIMS // 2)])
                codes.append(code + sine(t + 1, frames, DIMS) if with_time else code)
    return [code.double() for code in codes]


def reference(decoder, queries, maps, norm='post', own_frame=False, time_positions=True, **_):
    """One clip: queries (T, D), maps (T, D, h, w); after each layer, and the last weights."""
    frames, outputs = len(queries), []
    codes = [torch.zeros(DIMS).double()] * frames
    if time_positions:
        codes = list(decoder.query_embed.weight[:frames])
    queries = list(queries)

    def join(norm_layer, old, new):
        if norm == 'post':
            return [norm_layer(o + n) for o, n in zip(old, new)]
        return [norm_layer(n) + o for o, n in zip(old, new)]

    for layer, name in zip(decoder.layers, decoder.reads):
        embed = decoder.level_embed.weight[decoder.sources.index(name)]
        pixels = maps[name].flatten(2).transpose(1, 2).flatten(0, 1) + embed
        spots = places(frames, SIZES[name], time_positions)
        asked = [query + code for query, code in zip(queries, codes)]
        keys, per_frame = [p + s for p, s in zip(pixels, spots)], len(pixels) // frames
        seen, weights = attend(layer.cross_attn.attn, asked, keys, pixels)
        if own_frame:
            for t in range(frames):
                own = slice(t * per_frame, (t + 1) * per_frame)
                seen[t] = attend(layer.cross_attn.attn, asked[t : t + 1], keys[own], pixels[own])[
                    0
                ][0]
        queries = join(layer.norms[0], queries, seen)
        asked = [query + code for query, code in zip(queries, codes)]
        mixed, _ = attend(layer.self_attn.attn, asked, asked, queries)
        queries = join(layer.norms[1], queries, mixed)
        first, second = layer.ffn.layers[0][0], layer.ffn.layers[1]
        changed = [second(first(query).relu()) for query in queries]
        queries = join(layer.norms[2], queries, changed)
        outputs.append(torch.stack(queries))
    return outputs, weights


@torch.no_grad()
@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('has_padding', [False, True])
def test_layers_are_the_equations_written_out(options, has_padding):
    """Also: a clip that is padded gives what it gives alone, whatever stands on its padding."""
    layout = clip_layout(*LENGTHS, has_padding=has_padding)
    decoder, (queries, maps) = build(**options), draw(layout)
    found = decoder(queries, maps, layout)
    assert len(found) == len(decoder.reads)
    for clip, length in enumerate(LENGTHS):
        rows = rows_of(layout, clip)
        alone = {name: x[rows] for name, x in maps.items()}
        expected, _ = reference(decoder, queries[clip, :length], alone, **options)
        for one, other in zip(found, expected):
            assert torch.allclose(one[clip, :length], other, atol=1e-5)  # sine codes are float32


@torch.no_grad()
def test_attention_of_the_last_layer_can_be_had():
    layout = clip_layout(*LENGTHS)
    decoder, (queries, maps) = build(), draw(layout)
    looks = []
    expected = decoder(queries, maps, layout)
    found = decoder(queries, maps, layout, looks)
    assert all(torch.equal(one, other) for one, other in zip(found, expected))
    assert looks[0].shape == (5, 3, *SIZES['s8'])
    for clip, length in enumerate(LENGTHS):
        rows = rows_of(layout, clip)
        alone = {name: x[rows] for name, x in maps.items()}
        _, weights = reference(decoder, queries[clip, :length], alone)
        per_frame = weights.view(length, length, *SIZES['s8']).transpose(0, 1)
        assert torch.allclose(looks[0][rows][:, :length], per_frame, atol=1e-5)
    # none of the hooks is left behind
    assert not decoder.layers[-1].cross_attn.attn._forward_hooks


@torch.no_grad()
def test_what_a_query_sees_of_another_frame():
    """Of other frames only what their queries have read, and nothing without self-attention."""
    layout = clip_layout(3)
    for own_frame in (False, True):
        decoder, (queries, maps) = build(own_frame=own_frame, reads=('s8',)), draw(layout)
        before = decoder(queries, maps, layout)[0]
        maps['s8'][2] += 1
        change = (decoder(queries, maps, layout)[0] - before).abs().amax(-1)[0]
        assert (change > 1e-4).all()  # the self-attention passes it on
        attn = decoder.layers[0].self_attn.attn
        torch.nn.init.zeros_(attn.out_proj.weight)
        maps['s8'][2] -= 1
        before = decoder(queries, maps, layout)[0]
        maps['s8'][2] += 1
        change = (decoder(queries, maps, layout)[0] - before).abs().amax(-1)[0]
        assert (change[:2] > 1e-6).all() != own_frame and change[2] > 1e-4


@torch.no_grad()
def test_time_positions_tell_the_frames_apart():
    layout, order = clip_layout(3), [2, 0, 1]
    for time_positions in (False, True):
        decoder, (queries, maps) = build(time_positions=time_positions), draw(layout)
        found = decoder(queries, maps, layout)[-1][:, order]
        moved = {name: x[order] for name, x in maps.items()}
        same = torch.allclose(decoder(queries[:, order], moved, layout)[-1], found, atol=1e-5)
        assert same != time_positions


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"norm must be one of .*, got 'pre'"):
        build(norm='pre')
    with pytest.raises(ValueError, match='The decoder has no layer.*num_stages=0'):
        build(num_stages=0)
    queries, maps = draw(clip_layout(5))
    with pytest.raises(ValueError, match='clips have 5 frames, the decoder has codes for 4'):
        build()(queries, maps, clip_layout(5))
    del maps['s8']
    with pytest.raises(ValueError, match=r"decoder.reads names \['s8'\], but the head gives"):
        build(time_positions=False)(queries, maps, clip_layout(5))
