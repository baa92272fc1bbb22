# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
from clips import clip_layout

from mmavs.models.queries import FrameQueryGenerator


@torch.no_grad()
def test_queries_are_the_sounds_through_a_linear_layer():
    torch.manual_seed(0)
    generator, layout = FrameQueryGenerator(audio_channels=4, embed_dims=6), clip_layout(2, 3)
    audio = torch.randn(5, 4)
    queries = generator(audio, layout)
    expected = audio @ generator.audio_proj.weight.T + generator.audio_proj.bias
    assert torch.allclose(layout.to_rows(queries), expected, atol=1e-6)
    assert queries.shape == (2, 3, 6) and (queries[0, 2] == 0).all()


@torch.no_grad()
def test_learned_queries_do_not_hear():
    generator = FrameQueryGenerator('learned', embed_dims=6, max_frames=4)
    queries = generator(torch.randn(5, 128), clip_layout(2, 3))
    assert torch.equal(queries, generator.query_feat.weight[:3].expand(2, 3, 6))
    assert [name for name, _ in generator.named_parameters()] == ['query_feat.weight']
    with pytest.raises(ValueError, match='clips have 5 frames, the table of queries 4 rows'):
        generator(torch.randn(5, 128), clip_layout(5))


def test_unknown_source():
    with pytest.raises(ValueError, match=r"source must be one of .*, got 'video'"):
        FrameQueryGenerator('video')
