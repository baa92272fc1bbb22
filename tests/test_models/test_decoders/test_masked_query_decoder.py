# Copyright (c) mmavs developers. All rights reserved.
import math
from functools import partial

import pytest
import torch

from mmavs.models.decoders import MaskedQueryDecoder
from mmavs.models.decoders.masked_query_decoder import blocked_cells
from mmavs.models.heads import QueryMaskPredictor

SIZES = dict(s32=(2, 3), s16=(4, 6), audio=(6, 4))
VCT = dict(reads=('audio', 's32', 's16'), num_iterations=2, final_reads=('audio',))


def tiny(**kwargs):
    torch.manual_seed(0)
    settings = dict(num_queries=5, embed_dims=16, num_heads=4, feedforward_channels=8)
    decoder = MaskedQueryDecoder(**{**settings, **VCT, **kwargs})
    decoder.init_weights()
    return decoder.eval()


def inputs(rows=2, names=tuple(SIZES)):
    """Queries, sources, and a predictor bound to a mask feature."""
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(rows, 5, 16, generator=generator)
    sources = {name: torch.randn(rows, 16, *SIZES[name], generator=generator) for name in names}
    mask_feature = torch.randn(rows, 16, 8, 12, generator=generator)
    torch.manual_seed(1)
    predictor = QueryMaskPredictor(3, 16)
    return queries, sources, lambda x: predictor(x, mask_feature)


def test_blocked_cells_by_loops():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 6, 8, generator=generator)
    logits[0, 1] = -1.0  # covers nothing, so it reads everything
    logits[1, 2] = 1.0
    found = blocked_cells(logits, (3, 4))
    assert found.shape == (2, 4, 12) and found.dtype == torch.bool
    for v in range(2):
        for q in range(4):
            # to half the size, bilinear takes the mean of two rows and two columns
            means = logits[v, q].reshape(3, 2, 4, 2).mean((1, 3)).flatten()
            expected = [bool(mean < 0) for mean in means]
            if all(expected):
                expected = [False] * 12
            assert found[v, q].tolist() == expected
    assert not found[0, 1].any() and not found[1, 2].any()


def test_mask_carries_no_gradient():
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    assert not blocked_cells(logits, (2, 2)).requires_grad


def test_blocks_of_one_iteration_are_repeated():
    decoder = tiny()
    assert decoder.reads == ('audio', 's32', 's16', 'audio', 's32', 's16', 'audio')
    assert len(decoder.layers) == 7
    assert decoder.level_embed.weight.shape == (3, 16)
    assert decoder.sources == ('audio', 's32', 's16')
    assert tiny(reads=('s16', 's32'), final_reads=()).sources == ('s16', 's32')
    assert len(tiny(num_iterations=0).layers) == 1


@torch.no_grad()
def test_predicts_before_and_after_every_block():
    queries, sources, predict = inputs()
    asked = []

    def spy(x):
        asked.append(x)
        return predict(x)

    decoded = tiny()(queries, sources, spy)
    assert len(asked) == len(decoded.cls_scores) == len(decoded.mask_logits) == 8
    assert torch.equal(asked[0], queries) and torch.equal(asked[-1], decoded.queries)
    assert decoded.cls_scores[3].shape == (2, 5, 4)
    assert decoded.mask_logits[3].shape == (2, 5, 8, 12)


@torch.no_grad()
def test_frames_do_not_mix():
    decoder, (queries, sources, _) = tiny(), inputs()
    mask_feature = torch.randn(2, 16, 8, 12)
    predictor = QueryMaskPredictor(3, 16)
    together = decoder(queries, sources, lambda x: predictor(x, mask_feature))
    for row in range(2):
        only = slice(row, row + 1)
        alone = decoder(
            queries[only],
            {name: source[only] for name, source in sources.items()},
            lambda x: predictor(x, mask_feature[only]),  # noqa: B023
        )
        assert torch.allclose(alone.queries, together.queries[only], atol=1e-5)
        for ours, theirs in zip(alone.mask_logits, together.mask_logits):
            assert torch.allclose(ours, theirs[only], atol=1e-5)


@torch.no_grad()
def test_maps_are_read_inside_of_the_mask_and_sound_everywhere():
    queries, sources, _ = inputs(rows=1)
    mask = torch.full((1, 5, 8, 12), 5.0)
    mask[..., 6:] = -5.0  # every query covers the left half

    def predict(x):
        return x[..., :4], mask

    def change(name, row, column):
        """How far the queries move if one cell of a source does."""
        decoder = tiny(reads=(name,), num_iterations=1, final_reads=())
        moved = dict(sources, **{name: sources[name].clone()})
        moved[name][..., row, column] += 1
        first, second = (decoder(queries, x, predict).queries for x in (sources, moved))
        return (first - second).abs().max()

    assert change('s16', 1, 5) == 0
    assert change('s16', 1, 1) > 1e-4
    assert change('audio', 1, 1) > 1e-4
    assert change('audio', 1, 3) > 1e-4
    mask.fill_(-5.0)  # covers nothing, so everything is read
    assert change('s16', 1, 5) > 1e-4


@torch.no_grad()
def test_unmasked_names_what_is_read_whole():
    queries, sources, predict = inputs()
    reads = dict(reads=('s16',), num_iterations=1, final_reads=())
    masked = tiny(**reads)(queries, sources, predict)
    whole = tiny(**reads, unmasked=('s16',))(queries, sources, predict)
    assert not torch.allclose(masked.queries, whole.queries)


@torch.no_grad()
def test_without_sound():
    queries, sources, predict = inputs(names=('s32', 's16'))
    decoded = tiny(reads=('s32', 's16'), num_iterations=3, final_reads=())(
        queries, sources, predict
    )
    assert len(decoded.mask_logits) == 7 and decoded.queries.isfinite().all()


@torch.no_grad()
def test_autocast():
    decoder, (queries, sources, predict) = tiny(), inputs()
    expected = decoder(queries, sources, predict)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = decoder(queries, sources, predict)
    assert found.mask_logits[-1].dtype == torch.bfloat16
    assert all(x.isfinite().all() for x in (*found.mask_logits, *found.cls_scores))
    first, ours = expected.mask_logits[0], found.mask_logits[0].float()
    assert (ours - first).abs().max() < 0.05 * first.abs().max()


def test_every_parameter_is_used():
    decoder, (queries, sources, predict) = tiny(), inputs()
    decoder(queries, sources, predict).queries.pow(2).sum().backward()
    assert all(parameter.grad is not None for parameter in decoder.parameters())


def test_initial_values():
    decoder = tiny()
    for layer in decoder.layers:
        for weight in (layer.cross_attn.attn.in_proj_weight, layer.self_attn.attn.out_proj.weight):
            bound = math.sqrt(6 / sum(weight.shape))
            assert 0.9 * bound < weight.abs().max() <= bound
        assert (layer.cross_attn.attn.out_proj.bias == 0).all()
    assert decoder.layers[0].cross_attn.attn.dropout == 0


def test_wrong_settings():
    with pytest.raises(ValueError, match='no block'):
        tiny(reads=(), final_reads=())
    queries, sources, predict = inputs(names=('s32', 's16'))
    with pytest.raises(ValueError, match=r"\['audio'\].*\['s16', 's32'\]"):
        tiny()(queries, sources, predict)


CPM = dict(reads=('s32', 's16'), final_reads=(), first_reads=('audio', 'audio'))


@torch.no_grad()
def test_first_reads_are_whole_and_before_the_first_prediction():
    """The first prediction is of what the first two layers give, which nothing is hidden from."""
    queries, sources, predict = inputs()
    decoder = tiny(**{**CPM, 'num_iterations': 1})
    assert decoder.reads == ('audio', 'audio', 's32', 's16') and decoder.sources[0] == 'audio'
    asked, masks = [], []
    for layer in decoder.layers:
        layer.register_forward_pre_hook(
            lambda _, args, kwargs: masks.append(kwargs.get('cross_attn_mask')),
            with_kwargs=True,
        )
    decoded = decoder(queries, sources, lambda x: (asked.append(x), predict(x))[1])
    assert [mask is None for mask in masks] == [True, True, False, False]
    assert len(asked) == len(decoded.cls_scores) == len(decoded.mask_logits) == 3
    memory, code = decoder._memory(sources['audio'], decoder.level_embed.weight[0])
    for layer in decoder.layers[:2]:
        positions = decoder.query_embed.weight.expand(2, -1, -1)
        queries = layer(queries, key=memory, value=memory, query_pos=positions, key_pos=code)
    torch.testing.assert_close(asked[0], queries)


@torch.no_grad()
def test_absent_queries_change_nothing():
    """Rows of different numbers of queries, filled up, are as each row alone."""
    queries, sources, _ = inputs()
    generator = torch.Generator().manual_seed(3)
    mask_feature = torch.randn(2, 16, 8, 12, generator=generator)
    predictor, decoder = QueryMaskPredictor(3, 16), tiny(**{**CPM, 'num_iterations': 1})
    position = torch.randn(1, 16, generator=generator)
    absent = torch.zeros(2, 5, dtype=torch.bool)
    absent[1, 2:] = True

    def decode(values, rows, **settings):
        chosen = {name: value[rows] for name, value in sources.items()}
        predict = partial(predictor, mask_feature=mask_feature[rows])
        return decoder(values, chosen, predict, position, **settings)

    found = decode(queries, slice(None), absent=absent)
    other = decode(queries.masked_fill(absent[..., None], 100.0), slice(None), absent=absent)
    assert torch.equal(other.queries[~absent], found.queries[~absent])
    for row, count in ((0, 5), (1, 2)):
        alone = decode(queries[[row], :count], [row])
        torch.testing.assert_close(alone.queries[0], found.queries[row, :count])
        for mine, theirs in zip(alone.mask_logits, found.mask_logits):
            torch.testing.assert_close(mine[0], theirs[row, :count], rtol=1e-4, atol=1e-5)
