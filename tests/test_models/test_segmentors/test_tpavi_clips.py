# Copyright (c) mmavs developers. All rights reserved.
"""A segmentor whose head mixes the frames of a clip: padding, whole clips, batch norms."""

import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmavs.registry import MODELS
from mmavs.structures import ClipLayout
from mmavs.testing.tiny import annotated_frames, random_clip, tiny_tpavi


def build(num_classes=1, **settings):
    torch.manual_seed(0)
    model = MODELS.build(dict(tiny_tpavi(num_classes), **settings))
    model.init_weights()
    for fusion in model.decode_head.fusions:  # begin at zero: nothing would be heard
        torch.nn.init.ones_(fusion.bn.weight)
        torch.nn.init.normal_(fusion.audio_proj.weight, std=30)
    return model


def run(model, clips, mode, training=False):
    data = model.data_preprocessor(pseudo_collate(clips), training)
    return model(**data, mode=mode)


@pytest.mark.parametrize('num_classes', [1, 5])
@pytest.mark.parametrize('frames', [(5, 10), (3, 7)])
@torch.no_grad()
def test_padded_clips_equal_one_by_one(num_classes, frames):
    model = build(num_classes).eval()

    def clip(i):
        return random_clip(frames[i], num_classes=num_classes, seed=i)

    both = run(model, [clip(0), clip(1)], 'tensor').logits.unflatten(0, (2, -1))
    for i, number in enumerate(frames):
        alone = run(model, [clip(i)], 'tensor').logits
        assert torch.allclose(both[i, :number], alone, atol=1e-5)
        assert both[i, number:].abs().sum() == 0
    short = random_clip(frames[0], num_classes=num_classes, seed=0)
    short['inputs']['audio'] = 100 * short['inputs']['audio']
    assert not torch.allclose(run(model, [short], 'tensor').logits, both[0, : frames[0]], atol=1e-2)


def test_losses_of_all_tasks_reach_every_parameter():
    for num_classes, annotated in ((1, (0,)), (1, None), (5, (0,)), (1, ())):
        model = build(num_classes).train()
        clips = [
            random_clip(annotated=annotated, num_classes=num_classes, seed=i) for i in range(2)
        ]
        losses = run(model, clips, 'loss', training=True)
        assert set(losses) == {'loss_mask', 'loss_avm'}
        sum(losses.values()).backward()
        silent = [name for name, p in model.named_parameters() if p.grad is None]
        assert not silent
        assert all(torch.isfinite(p.grad).all() for p in model.parameters())
        total = sum(p.grad.abs().sum() for p in model.parameters())
        assert (total == 0) == (annotated == ())


def test_part_of_a_clip_is_refused():
    model = build()
    clip = annotated_frames(random_clip(annotated=(0,)))
    with pytest.raises(ValueError, match='has 1 of 5 frames, but the decode_head mixes'):
        run(model, [clip], 'loss', training=True)


def statistics(model):
    return {k: v.clone() for k, v in model.state_dict().items() if 'running' in k}


def test_padded_frames_enter_the_batch_norms_if_asked():
    """As if the padded frames were part of the clip: mean-colour frames, zero maps and sound."""
    clips = [random_clip(10, num_classes=5, seed=0), random_clip(5, num_classes=5, seed=1)]
    model = build(5, train_cfg=dict(compute_padded_frames=True)).train()
    losses = run(model, clips, 'loss', training=True)
    found = statistics(model)

    reference = build(5).train()
    data = reference.data_preprocessor(pseudo_collate(clips), True)
    samples = data['data_samples']
    flags = torch.cat([sample.frame_valid for sample in samples])
    frames = data['inputs']['imgs'].flatten(0, 1)
    sound = reference.audio_encoder(data['inputs']['audio'], 10).embed.squeeze(1)
    head = reference.decode_head
    everything = ClipLayout(10, torch.ones_like(flags))
    gate = flags.float()[:, None, None, None]
    maps = []
    for classify, fuse, feat in zip(head.classifiers, head.fusions, reference.backbone(frames)):
        fused, _ = fuse(classify(feat) * gate, sound * flags[:, None], everything)
        maps.append((fused * gate).relu())
    logits = head.predictor(head.pixel_decoder(maps)[0])[flags]
    expected = statistics(reference)
    backbone_and_blocks = [k for k in expected if not k.startswith('audio_encoder')]
    assert all(torch.allclose(found[k], expected[k], atol=1e-5) for k in backbone_and_blocks)
    target = torch.cat([sample.gt_sem_seg.data for sample in samples])[flags]
    assert losses['loss_mask'].item() == pytest.approx(
        head.loss_mask(logits, target).item(), abs=1e-5
    )

    skipping = build(5).train()
    run(skipping, clips, 'loss', training=True)
    without = statistics(skipping)
    assert any(not torch.allclose(without[k], expected[k], atol=1e-4) for k in expected)
