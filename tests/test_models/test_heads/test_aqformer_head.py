# Copyright (c) mmavs developers. All rights reserved.
"""AQFormer's head: losses of masks written out, and what each switch changes."""

import math

import pytest
import torch
import torch.nn.functional as F
from clips import clip_layout

from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX, AudioFeatures, MaskOutputs
from mmavs.testing.tiny_aqformer import tiny_aqformer

CONFIG = tiny_aqformer()['decode_head']
CHANNELS = CONFIG['pixel_decoder']['in_channels']
NAMES = ('s32', 's16', 's8', 's4')


def build(**options):
    torch.manual_seed(0)
    head = MODELS.build(dict(CONFIG, **options))
    head.init_weights()
    return head.eval()


def draw(*lengths):
    torch.manual_seed(1)
    layout, rows = clip_layout(*lengths), sum(lengths)
    feats = [torch.randn(rows, c, 16 >> i, 24 >> i) for i, c in enumerate(CHANNELS)]
    return feats, AudioFeatures(torch.randn(rows, 1, 16)), layout


def draw_losses(rows=4, layers=3, size=(10, 12)):
    """Mask logits, classes and flags: a frame is silent, and of one the classes must not count."""
    torch.manual_seed(2)
    logits = [3 * torch.randn(rows, 1, 5, 6) for _ in range(layers)]
    target = torch.randint(0, 2, (rows, *size))
    target[1] = 0
    annotated = torch.tensor([True, True, False, True])
    return logits, target, annotated


def plain_losses(logits, target, annotated):
    """Cross-entropy over the pixels and Dice with smooth 1 of each frame; means over the frames."""
    entropies, dices = [], []
    size = target.shape[-2:]
    logits = F.interpolate(logits.double(), size, mode='bilinear', align_corners=False)
    for t in annotated.nonzero().flatten():
        entropy, overlap, predicted, true, pixels = 0.0, 0.0, 0.0, 0.0, 0
        for z, y in zip(logits[t, 0].flatten().tolist(), target[t].flatten().tolist()):
            if y == IGNORE_INDEX:
                continue
            p, y = 1 / (1 + math.exp(-z)), float(y > 0)
            entropy -= y * math.log(p) + (1 - y) * math.log(1 - p)
            overlap, predicted, true, pixels = overlap + p * y, predicted + p, true + y, pixels + 1
        entropies.append(entropy / pixels)
        dices.append(1 - (2 * overlap + 1) / (predicted + true + 1))
    return sum(entropies) / len(entropies), sum(dices) / len(dices)


@pytest.mark.parametrize('supervise_initial', [True, False])
def test_mask_losses_of_every_layer(supervise_initial):
    head = build(loss_sim=None, supervise_initial=supervise_initial)
    logits, target, annotated = draw_losses()
    losses = head.loss(MaskOutputs(mask_logits=logits), target, annotated)
    prefixes = ['d0.', 'd1.', ''] if supervise_initial else ['d1.', '']
    assert list(losses) == [f'{p}loss_{kind}' for p in prefixes for kind in ('bce', 'dice')]
    for prefix, layer in zip(prefixes, logits[-len(prefixes) :]):
        entropy, dice = plain_losses(layer, target, annotated)
        assert losses[f'{prefix}loss_bce'].item() == pytest.approx(entropy, abs=1e-5)
        assert losses[f'{prefix}loss_dice'].item() == pytest.approx(dice, abs=1e-5)


def test_pixels_without_a_label_do_not_count():
    head = build(loss_sim=None)
    logits, target, annotated = draw_losses(layers=1)
    whole = plain_losses(logits[0], target, annotated)
    target[0, :5] = IGNORE_INDEX
    losses = head.loss(MaskOutputs(mask_logits=logits), target, annotated)
    expected = plain_losses(logits[0], target, annotated)
    assert losses['loss_bce'].item() == pytest.approx(expected[0], abs=1e-5)
    assert abs(expected[0] - whole[0]) > 1e-3


def test_losses_are_float32_under_autocast():
    head = build()
    inputs = draw(2, 2)
    _, target, annotated = draw_losses()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outputs = head(*inputs)
        found = head.loss(outputs, target, annotated)
    assert outputs.mask_logits[-1].dtype == torch.bfloat16
    outputs.mask_logits = [x.float() for x in outputs.mask_logits]
    outputs.aux = {k: [x.float() for x in v] if isinstance(v, list) else v
                   for k, v in outputs.aux.items()}  # fmt: skip
    expected = head.loss(outputs, target, annotated)
    for name, loss in found.items():
        assert loss.dtype == torch.float32 and torch.equal(loss, expected[name]), name


@torch.no_grad()
def test_query_t_is_the_mask_of_frame_t():
    head = build(mask_mlp=False, bridge=None)
    outputs = head(*draw(2, 3))
    queries, feature = outputs.aux['queries'][-1], outputs.aux['mask_feature']
    for t in range(5):
        expected = (queries[t][:, None, None] * feature[t]).sum(0)
        assert torch.allclose(outputs.logits[t, 0], expected, atol=1e-5)
    assert torch.equal(outputs.logits, outputs.mask_logits[-1])
    assert len(outputs.mask_logits) == 1 + len(outputs.aux['queries']) == 4
    literal, mlp = (sum(p.numel() for p in build(mask_mlp=m).predictor.parameters())
                    for m in (False, True))  # fmt: skip
    assert (literal, mlp) == (0, 3 * (32 * 32 + 32) + 2 * 32)


@torch.no_grad()
@pytest.mark.parametrize('scales', [(), ('s4',), ('s32', 's16', 's8'), NAMES])
def test_bridges_are_where_they_are_asked_for(scales):
    """Without time in the decoder, only a bridge lets a frame's map depend on another frame."""
    head = build(bridge_scales=scales)
    feats, audio, layout = draw(3)
    assert tuple(head.bridges) == scales
    before = head(feats, audio, layout).aux
    feats = [torch.cat([feat[:2], feat[2:] + torch.rand_like(feat[2:])]) for feat in feats]
    after = head(feats, audio, layout).aux
    read = head.decoder.reads
    maps = [(read.index(name), name) for name in NAMES[:3]]
    changed = {n for i, n in maps if not torch.equal(before['maps'][i][0], after['maps'][i][0])}
    if not torch.equal(before['mask_feature'][0], after['mask_feature'][0]):
        changed.add('s4')
    assert changed == set(scales)


@torch.no_grad()
def test_attention_is_recorded_if_asked():
    head = build(bridge_scales=('s16', 's4'))
    inputs = draw(2, 3)
    expected = head(*inputs)
    assert not {'query_attention', 'bridge_attention'} & set(expected.aux)
    head.record_attention = True
    outputs = head(*inputs)
    assert torch.equal(outputs.logits, expected.logits)
    looks = outputs.aux['query_attention']
    assert looks.shape == (5, 3, 8, 12)  # of s8, the last map that is read
    per_query = looks.sum((2, 3))
    assert torch.allclose(per_query[:2].sum(0)[:2], torch.ones(2))  # over the frames of the clip
    assert torch.allclose(per_query[2:].sum(0), torch.ones(3))
    shapes = [tuple(x.shape) for x in outputs.aux['bridge_attention']]
    assert shapes == [(5, 3, 4, 6), (5, 3, 16, 24)]


@torch.no_grad()
def test_vanilla_queries_hear_through_the_maps_only():
    generator = dict(CONFIG['query_generator'], source='learned')
    deaf = dict(CONFIG['pixel_decoder'], audio_fusion=None)
    for options, hears in (
        (dict(), True),
        (dict(query_generator=generator), True),
        (dict(pixel_decoder=deaf, bridge=None), True),
        (dict(query_generator=generator, pixel_decoder=deaf, bridge=None), False),
    ):
        head = build(**options)
        feats, audio, layout = draw(3)
        before = head(feats, audio, layout).logits
        after = head(feats, AudioFeatures(audio.embed + 1), layout).logits
        assert torch.equal(before, after) != hears


def test_without_a_mask_the_losses_of_masks_are_zero_and_connected():
    head = build()
    outputs = head(*draw(2, 2))
    target = torch.full((4, 10, 12), IGNORE_INDEX)
    losses = head.loss(outputs, target, torch.zeros(4, dtype=torch.bool))
    assert losses.pop('loss_sim') > 0
    assert all(loss == 0 for loss in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is not None and (p.grad == 0).all() for p in head.parameters())


def test_what_is_refused():
    with pytest.raises(ValueError, match='num_classes must be 1, got 71'):
        build(num_classes=71)
    with pytest.raises(ValueError, match=r"bridge_scales names \['s64'\], but the pixel decoder"):
        build(bridge_scales=('s64', 's4'))
