# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch
import torch.nn.functional as F
from query_heads import COMBO, VCT, build_head, head_inputs, one_frame

from mmavs.structures import AudioFeatures, MaskOutputs


def scores(outputs, size=(64, 96)):
    """The formula for all frames and queries at once."""
    masks = outputs.mask_logits[-1].float()
    masks = F.interpolate(masks, size, mode='bilinear', align_corners=False)
    classes = outputs.cls_scores[-1].float().softmax(-1)[..., :-1]
    return torch.einsum('vqk,vqhw->vkhw', classes, masks.sigmoid())


def targets(frames=2, num_classes=3, annotated=None):
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(num_classes, (frames, 64, 96), generator=generator)
    flags = torch.ones(frames, dtype=torch.bool) if annotated is None else torch.tensor(annotated)
    return target, flags


@pytest.mark.parametrize('cfg, predictions', [(VCT, 6), (COMBO, 4)])
@torch.no_grad()
def test_forward(cfg, predictions):
    outputs = build_head(cfg)(*head_inputs())
    assert outputs.logits is None
    assert len(outputs.cls_scores) == len(outputs.mask_logits) == predictions
    assert outputs.cls_scores[0].shape == (2, 6, cfg['num_classes'] + 1)
    assert outputs.mask_logits[0].shape == (2, 6, 16, 24)
    assert outputs.aux['mask_feature'].shape == (2, 32, 16, 24)
    assert outputs.aux['queries'].shape == (2, 6, 32)
    assert outputs.aux['audio_tokens'].shape == (2, 24 if cfg is VCT else 1, 32)


@pytest.mark.parametrize('cfg', [VCT, COMBO])
@torch.no_grad()
def test_frames_do_not_mix(cfg):
    head, inputs = build_head(cfg), head_inputs()
    together = head(*inputs)
    for row in range(2):
        alone = head(*one_frame(row, *inputs))
        for ours, theirs in zip(alone.mask_logits, together.mask_logits):
            assert torch.allclose(ours[0], theirs[row], atol=1e-4)
        found, expected = (head.semantic_scores(x, (64, 96)) for x in (alone, together))
        assert torch.allclose(found[0], expected[row], atol=1e-5)


@torch.no_grad()
def test_tokens_are_cells_of_the_map_time_first():
    feats, audio, layout = head_inputs()
    head = build_head(VCT)
    tokens = head(feats, audio, layout).aux['audio_tokens']
    assert torch.allclose(tokens[:, 4 * 5 + 3], head.audio_mlp(audio.map[..., 5, 3]), atol=1e-5)


@torch.no_grad()
def test_embed_of_several_tokens():
    feats, audio, layout = head_inputs()
    head = build_head(VCT, audio_source='embed')
    tokens = audio.map.flatten(2).mT
    found = head(feats, AudioFeatures(tokens), layout)
    expected = build_head(VCT)(feats, audio, layout)
    assert torch.equal(found.aux['audio_tokens'], expected.aux['audio_tokens'])
    assert not torch.equal(found.mask_logits[-1], expected.mask_logits[-1])  # other positions


@torch.no_grad()
def test_queries_from_the_finest_map_of_the_backbone():
    cfg = dict(VCT['query_generator'], in_channels=8)
    outputs = build_head(VCT, query_source='backbone', query_generator=cfg)(*head_inputs())
    assert outputs.aux['query_assignment'].shape == (2, 6, 16 * 24)


@torch.no_grad()
def test_sound_in_the_maps():
    """VCT's Table 4: fused with the maps, and no block of its own."""
    cfg = dict(VCT['decoder'], reads=('s32', 's16', 's8'), final_reads=())
    feats, audio, layout = head_inputs()
    silent = AudioFeatures(audio.embed, torch.zeros_like(audio.map))
    for map_fusion, hears in ((None, False), (dict(type='AudioKeyFusion', mode='add'), True)):
        head = build_head(VCT, decoder=cfg, map_fusion=map_fusion)
        loud, quiet = (head(feats, x, layout).mask_logits[-1] for x in (audio, silent))
        assert torch.equal(loud, quiet) is not hears


@torch.no_grad()
def test_semantic_scores():
    head = build_head(VCT)
    outputs = head(*head_inputs())
    found = head.semantic_scores(outputs, (64, 96))
    assert found.shape == (2, 3, 64, 96) and found.dtype == torch.float32
    assert torch.allclose(found, scores(outputs), atol=1e-6)


@torch.no_grad()
def test_instances():
    outputs = MaskOutputs(
        cls_scores=[torch.full((1, 2, 3), -20.0)], mask_logits=[torch.full((1, 2, 4, 6), -3.0)]
    )
    outputs.cls_scores[0][0, 0, 1] = 0  # query 0 is class 1, query 1 is no object
    outputs.cls_scores[0][0, 1, 2] = 0
    outputs.mask_logits[0][0, 0, :2] = 2.0
    (found,) = build_head(COMBO).instances(outputs, (8, 12), max_per_frame=1)
    assert found.labels.tolist() == [1]
    mask = F.interpolate(outputs.mask_logits[0], (8, 12), mode='bilinear')[0, 0]
    assert torch.equal(found.masks[0], mask > 0)
    assert abs(found.scores.item() - mask[mask > 0].sigmoid().mean().item()) < 1e-5
    assert found.bboxes.tolist() == [[0, 0, 12, 4]]
    (every,) = build_head(COMBO).instances(outputs, (8, 12))
    assert len(every) == 4  # 2 queries times 2 classes


@pytest.mark.parametrize('cfg', [VCT, COMBO])
@torch.no_grad()
def test_autocast(cfg):
    head, inputs = build_head(cfg), head_inputs()
    expected = head(*inputs)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = head(*inputs)
        semantic = head.semantic_scores(found, (64, 96))
    assert found.mask_logits[-1].dtype == torch.bfloat16
    assert all(x.isfinite().all() for x in (*found.mask_logits, *found.cls_scores))
    assert semantic.dtype == torch.float32
    assert torch.allclose(semantic, scores(found), atol=1e-6)
    first = expected.mask_logits[0]
    if cfg is COMBO:  # PPQG's hard groups differ where two queries are nearly equal
        assert (found.mask_logits[0].float() - first).abs().max() < 0.1 * first.abs().max()


@pytest.mark.parametrize('cfg', [VCT, COMBO])
@pytest.mark.parametrize('annotated', [(True, True), (True, False), (False, False)])
def test_every_parameter_gets_a_gradient(cfg, annotated):
    head = build_head(cfg).train()
    outputs = head(*head_inputs())
    losses = head.loss(outputs, *targets(annotated=annotated, num_classes=cfg['num_classes']))
    assert all(loss.isfinite() and loss.dim() == 0 for loss in losses.values())
    sum(losses.values()).backward()
    lost = [name for name, parameter in head.named_parameters() if parameter.grad is None]
    assert not lost


def test_losses_of_vct():
    head = build_head(VCT)
    outputs = head(*head_inputs())
    losses = head.loss(outputs, *targets(annotated=(True, False)))
    terms = ('loss_cls', 'loss_mask', 'loss_dice')
    layers = ('', *(f'd{i}.' for i in range(5)))
    assert set(losses) == {'loss_pac', *(f'{layer}{term}' for layer in layers for term in terms)}
    present = targets()[0][:1].flatten().bincount(minlength=3) > 0
    logits = head.loss_pac.match(outputs.aux['audio_tokens'][:1], outputs.aux['prototypes'])
    expected = F.binary_cross_entropy_with_logits(logits, present[None].float())
    assert torch.allclose(losses['loss_pac'], expected)


def test_pac_of_categories():
    cfg = dict(VCT['loss_pac'], labels='category')
    head = build_head(VCT, loss_pac=cfg)
    outputs = head(*head_inputs())
    target, annotated = targets(annotated=(True, False))
    categories = torch.tensor([[0.0, 1, 0], [1, 0, 0]])
    found = head.loss(outputs, target, annotated, categories)['loss_pac']
    logits = head.loss_pac.match(outputs.aux['audio_tokens'][:1], outputs.aux['prototypes'])
    assert torch.allclose(found, F.binary_cross_entropy_with_logits(logits, categories[:1]))


def test_visual_loss_teaches_prototypes_by_matched_queries():
    """VCT's Table 3: the queries of the annotated frame, with the classes that they stand for."""
    head = build_head(
        VCT,
        loss_pac=None,
        loss_visual=dict(type='PrototypeVisualContrast', contrast=dict(embed_dims=32)),
    )
    seen = []
    head.loss_visual.register_forward_pre_hook(lambda _, args: seen.append(args))
    outputs = head(*head_inputs())
    losses = head.loss(outputs, *targets(annotated=(False, True)))
    assert 'loss_pac' not in losses
    ((queries, labels, prototypes, num_classes),) = seen
    assert torch.equal(queries, outputs.aux['visual_queries'][1:])
    assert labels.shape == (1, 6) and sorted(labels[0].tolist()) == [0, 1, 2, 3, 3, 3]
    assert prototypes is outputs.aux['prototypes'] and num_classes == 3
    head.zero_grad()
    losses['loss_visual'].backward()
    assert head.query_generator.prototypes.weight.grad.abs().max() > 0


def test_annotated_frames_alone_give_the_same_losses_and_gradients():
    """Frames never mix, so the others of S4's clips need not be computed (sheet 15, row 7)."""
    head, inputs = build_head(VCT), head_inputs()
    target, annotated = targets(annotated=(True, False))
    results = []
    for frames, rows in ((inputs, slice(0, 2)), (one_frame(0, *inputs), slice(0, 1))):
        head.zero_grad()
        torch.manual_seed(0)
        losses = head.loss(head(*frames), target[rows], annotated[rows])
        sum(losses.values()).backward()
        results.append((losses, [parameter.grad.clone() for parameter in head.parameters()]))
    (losses, gradients), (losses_alone, gradients_alone) = results
    for name, loss in losses.items():
        assert torch.allclose(loss, losses_alone[name], atol=1e-5)
    for ours, theirs in zip(gradients, gradients_alone):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_consistency_sees_frames_without_a_mask():
    head = build_head(COMBO)
    outputs = head(*head_inputs())
    losses = head.loss(outputs, *targets(annotated=(True, False), num_classes=2))
    first, second = outputs.mask_logits[0].flatten(1)
    distance = 1 - F.cosine_similarity(first, second, dim=0)
    expected = 10 * distance * torch.exp(-distance)
    assert torch.allclose(losses['d0.loss_consistency'], expected, atol=1e-6)
    assert 'd3.loss_consistency' not in losses  # the last prediction is left out


def test_wrong_settings():
    with pytest.raises(ValueError, match="audio_source must be one of .*got 'vector'"):
        build_head(VCT, audio_source='vector')
    with pytest.raises(ValueError, match="query_source must be one of .*got 'image'"):
        build_head(VCT, query_source='image')
    feats, audio, layout = head_inputs()
    with pytest.raises(ValueError, match='gives no map'):
        build_head(VCT)(feats, AudioFeatures(audio.embed), layout)
    head = build_head(VCT, query_generator=dict(VCT['query_generator'], num_prototypes=None))
    with pytest.raises(ValueError, match='loss_pac needs prototypes.*num_prototypes'):
        head.loss(head(feats, audio, layout), *targets())
