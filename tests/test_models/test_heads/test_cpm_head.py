# Copyright (c) mmavs developers. All rights reserved.
"""What CPM's head adds to its parent: prompts of the classes of a frame."""

import pytest
import torch

from mmavs.models.heads import QueryMaskHead
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, ClipLayout
from mmavs.testing.goldens import fill_inputs
from mmavs.testing.tiny_cpm import tiny_cpm

CLASSES, ROWS = 5, 3


def build(**settings):
    torch.manual_seed(0)
    head = MODELS.build({**tiny_cpm(CLASSES)['decode_head'], **settings})
    head.init_weights()
    return head.eval()


def inputs():
    channels = (8, 16, 32, 64)
    feats = [fill_inputs(f'f{i}', (ROWS, c, 16 >> i, 24 >> i)) for i, c in enumerate(channels)]
    sizes = [(4, 48, 32), (8, 24, 16), (8, 12, 8), (16, 6, 4)]
    pyramid = tuple(fill_inputs(f'p{i}', (ROWS, *size)) for i, size in enumerate(sizes))
    embed = pyramid[-1].flatten(2).mT
    audio = AudioFeatures(embed, pyramid[-1], pyramid, fill_inputs('s', (ROWS, 1, 96, 64)).abs())
    return feats, audio, ClipLayout(1, torch.ones(ROWS, dtype=torch.bool))


@torch.no_grad()
def test_forward_is_that_of_the_parent():
    head, (feats, audio, layout) = build(), inputs()
    found, expected = head(feats, audio, layout), QueryMaskHead.forward(head, feats, audio, layout)
    assert len(found.cls_scores) == 4 and found.cls_scores[0].shape == (ROWS, 6, CLASSES + 1)
    for mine, theirs in zip(found.mask_logits, expected.mask_logits):
        assert torch.equal(mine, theirs)
    labels = head.query_labels(found)
    assert torch.equal(labels, found.cls_scores[0].argmax(-1))


def test_wanted_prompts():
    head = build()
    head.classifier.filled[:] = torch.tensor([True, True, False, True, True, True])
    present = torch.zeros(3, CLASSES, dtype=torch.bool)
    present[0, [0, 1, 2, 4]] = present[2, [0, 3]] = True
    assert head.wanted_prompts(present).tolist() == [[1, 4], [-1, -1], [3, -1]]
    head.vcp_background = True
    assert head.wanted_prompts(present).tolist() == [[0, 1, 4], [-1] * 3, [0, 3, -1]]
    assert head.wanted_prompts(present[1:2]).tolist() == [[-1]]


def test_prompts_come_through_as_they_are_at_first():
    head = build()
    samples = fill_inputs('z', (2, 32))
    expected = head.prompt_norm(samples)
    torch.testing.assert_close(head.prompt_norm(head.prompt_proj(samples)), expected)


@torch.no_grad()
def test_rows_that_are_filled_up_change_nothing(monkeypatch):
    """Frames of two and of one class together are as each alone."""
    head, (feats, audio, layout) = build(), inputs()
    drawn = fill_inputs('z', (CLASSES, 32))
    monkeypatch.setattr(head.classifier, 'sample', lambda classes: drawn[classes.clamp(min=0)])
    outputs = head(feats, audio, layout)
    pixels = outputs.aux['mask_feature']

    def prompt(classes, rows):
        sources = {name: maps[rows] for name, maps in outputs.aux['sources'].items()}
        rows = torch.tensor(rows)
        return head.prompt(torch.tensor(classes), audio.rows(rows), sources, pixels[rows])

    together = prompt([[1, 4], [3, -1]], [0, 2])
    assert together.audio_logits.shape == (2, 2, 24, 16) and len(together.cls_scores) == 4
    for classes, row, place in (([[1, 4]], 0, 0), ([[3]], 2, 1)):
        alone, count = prompt(classes, [row]), len(classes[0])
        for name in ('cls_scores', 'mask_logits'):
            for mine, theirs in zip(getattr(alone, name), getattr(together, name)):
                torch.testing.assert_close(mine[0], theirs[place, :count], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(
            alone.audio_logits[0], together.audio_logits[place, :count], rtol=1e-3, atol=1e-4
        )


def test_vcp_takes_the_criterion_of_the_head():
    head = build()
    assert head.loss_vcp.criterion.num_classes == CLASSES
    assert head.loss_vcp.criterion.num_points == head.criterion.num_points
    assert head.loss_vcp.criterion.ignore_unlabelled


def test_prompts_hear():
    with pytest.raises(ValueError, match='Prompts hear: set decode_head.audio_decoder'):
        build(audio_decoder=None)
    config = tiny_cpm(CLASSES)['decode_head']
    without = {**config, 'audio_decoder': None, 'decoder': {**config['decoder'], 'first_reads': ()}}
    for name in ('loss_vcp', 'loss_acp', 'loss_pcl'):
        without[name] = None
    assert not hasattr(MODELS.build(without), 'prompt_proj')


def test_inference_is_one_of_two():
    with pytest.raises(ValueError, match="inference must be one of .* got 'panoptic'"):
        build(inference='panoptic')
