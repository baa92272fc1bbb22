# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.models.queries import LearnedQueryGenerator

QUERIES, DIMS = 10, 6
BOTH = pytest.mark.parametrize('parity', [True, False])


def make(**kwargs):
    torch.manual_seed(0)
    return LearnedQueryGenerator(QUERIES, DIMS, **kwargs)


def feature(frames):
    return torch.empty(frames, DIMS, 4, 5)


def sounds(frames, channels=DIMS, tokens=1):
    return torch.randn(frames, tokens, channels)


@torch.no_grad()
@pytest.mark.parametrize('frames', [1, 2, 3, 5, 7, 10, 13, 40])
def test_parity_one_query_at_a_time(frames):
    """Query q of frame b gets the sound of frame floor((q * V + b) / Q) (sheet combo.md, 4)."""
    generator = make(audio='add')
    audio = sounds(frames)
    queries = generator(feature(frames), audio).queries
    for b in range(frames):
        for q in range(QUERIES):
            heard = audio[(q * frames + b) // QUERIES, 0]
            assert torch.equal(queries[b, q], generator.query_feat.weight[q] + heard)


@torch.no_grad()
def test_fixed_hears_its_own_frame():
    generator = make(audio='add', parity=False)
    audio = sounds(3)
    queries = generator(feature(3), audio).queries
    assert torch.equal(queries, generator.query_feat.weight + audio)


@torch.no_grad()
def test_both_layouts_agree_for_one_frame_only():
    audio = sounds(4)
    official, fixed = make(audio='add'), make(audio='add', parity=False)
    alone = [g(feature(1), audio[:1]).queries for g in (official, fixed)]
    together = [g(feature(4), audio).queries for g in (official, fixed)]
    assert torch.equal(*alone)
    assert not torch.allclose(*together)


@torch.no_grad()
def test_only_the_fixed_layout_is_free_of_the_batch():
    audio = sounds(4)
    for parity in (True, False):
        generator = make(audio='add', parity=parity)
        together = generator(feature(4), audio).queries[:2]
        alone = generator(feature(2), audio[:2]).queries
        assert torch.equal(together, alone) != parity


@torch.no_grad()
@BOTH
def test_dim_and_all(parity):
    halves = make(audio='dim', parity=parity)
    audio = sounds(3, DIMS // 2)
    queries = halves(feature(3), audio).queries
    assert torch.equal(queries[..., :3], halves.query_feat.weight.expand(3, -1, -1))
    assert torch.equal(queries[..., 3:], audio.expand(-1, QUERIES, -1))

    only = make(audio='all', parity=parity)
    audio = sounds(3)
    assert torch.equal(only(feature(3), audio).queries, audio.expand(-1, QUERIES, -1))
    assert not list(only.parameters())


@torch.no_grad()
def test_none_does_not_hear():
    generator = make()
    for audio in (None, sounds(3)):
        outputs = generator(feature(3), audio)
        assert torch.equal(outputs.queries, generator.query_feat.weight.expand(3, -1, -1))
    assert outputs.assignment is outputs.prototypes is outputs.visual_queries is None


@torch.no_grad()
def test_tokens_are_averaged():
    generator = make(audio='add', parity=False)
    audio = sounds(2, tokens=4)
    mean = audio.mean(1, keepdim=True)
    found, expected = (generator(feature(2), tokens).queries for tokens in (audio, mean))
    assert torch.allclose(found, expected)


def test_table_learns_and_starts_normal():
    torch.manual_seed(0)
    generator = LearnedQueryGenerator(audio='add')
    generator.init_weights()
    assert generator.query_feat.weight.std().item() == pytest.approx(1, abs=0.02)
    generator(torch.empty(5, 1, 1, 1), torch.randn(5, 1, 256)).queries.sum().backward()
    assert torch.equal(generator.query_feat.weight.grad, torch.full((100, 256), 5.0))


@pytest.mark.parametrize(
    ('mode', 'audio', 'found'), [('add', None, 'none'), ('dim', 6, '6'), ('all', 3, '3')]
)
def test_missing_or_wrong_sound_is_refused(mode, audio, found):
    audio = None if audio is None else sounds(2, audio)
    message = rf'query_generator.audio="{mode}" needs sound of \d channels, the head gives {found}:'
    with pytest.raises(ValueError, match=message):
        make(audio=mode)(feature(2), audio)


def test_unknown_mode_and_odd_width_are_refused():
    with pytest.raises(ValueError, match=r"audio must be one of .*, got 'sum'"):
        make(audio='sum')
    with pytest.raises(ValueError, match='embed_dims must be even with audio="dim", got 5'):
        LearnedQueryGenerator(4, 5, audio='dim')
