# Copyright (c) mmavs developers. All rights reserved.
"""PCL against CAVP's loss and equations 7 to 9."""

import pytest
import torch
import torch.nn.functional as F

from mmavs.models.losses.pixel_audio_contrast import masked_average, supervised_info_nce
from mmavs.registry import MODELS
from mmavs.structures import IGNORE_INDEX
from mmavs.testing import golden_error, load_golden

CLASSES = torch.tensor([[1, 2], [3, -1], [-1, -1]])


def build(**kwargs):
    settings = dict(audio_channels=4, visual_channels=5, embed_dims=6, **kwargs)
    return MODELS.build(dict(type='PixelAudioContrast', **settings))


def data(dtype=torch.float64):
    """Masks, audio map, mask feature and labels: class 3 is nowhere, 255 in a corner."""
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 3, 2, dtype=dtype)
    audio = torch.randn(3, 4, 3, 2, dtype=dtype, requires_grad=True)
    visual = torch.randn(3, 5, 4, 3, dtype=dtype, requires_grad=True)
    target = torch.randint(0, 3, (3, 8, 6))
    target[0, :3, :3] = IGNORE_INDEX
    return logits, audio, visual, target


def test_cavp_golden():
    """Anchors and pixels are one set; an anchor is no positive of its own."""
    arrays, _ = load_golden('cavp_contrast')
    features, labels = (torch.from_numpy(arrays[f'nce/{key}']) for key in ('feat', 'label'))
    features = features.double()
    same = labels[:, None] == labels
    positive = same & ~torch.eye(40, dtype=torch.bool)
    terms = supervised_info_nce(features @ features.mT / 0.1, positive, ~same)
    assert golden_error(arrays, 'nce/per_anchor_f64', terms) < 1e-6
    assert terms.mean().item() == pytest.approx(float(arrays['nce/loss']), abs=1e-5)
    counted = terms[positive.any(1)].mean().item()
    assert counted == pytest.approx(float(arrays['nce/loss_valid_anchors_only']), abs=1e-5)


def test_golden_of_eq_9():
    arrays, _ = load_golden('cavp_contrast')
    anchors, of_anchors, pixels, of_pixels = (
        torch.from_numpy(arrays[f'pcl/{key}'])
        for key in ('anchor', 'anchor_label', 'pixel', 'pixel_label')
    )
    similarity = F.normalize(anchors.double()) @ F.normalize(pixels.double()).mT / 0.1
    same = of_anchors[:, None] == of_pixels
    terms = supervised_info_nce(similarity, same, ~same)
    assert golden_error(arrays, 'pcl/per_anchor', terms) < 1e-6
    assert terms[same.any(1)].mean().item() == pytest.approx(float(arrays['pcl/loss']), abs=1e-6)


def plain(loss, logits, audio, visual, target):
    """Equations 7 to 9 with loops over anchors and pixels; all pixels are compared."""
    pixels, labels = [], []
    for frame in range(3):
        for y in range(4):
            for x in range(3):
                label = int(target[frame, 2 * y + 1, 2 * x + 1])  # the middle of 2 x 2 labels
                if label != IGNORE_INDEX:
                    row = loss.visual_proj.weight @ visual[frame, :, y, x] + loss.visual_proj.bias
                    pixels.append(row / row.norm())
                    labels.append(label)
    losses = []
    for frame, slot in ((0, 0), (0, 1), (1, 0)):
        saliency = 1 / (1 + torch.exp(-logits[frame, slot]))
        cells = [(t, f) for t in range(3) for f in range(2)]
        mean = sum(saliency[cell] for cell in cells) / 6
        found = [audio[frame][:, t, f] for t, f in cells if saliency[t, f] > mean]
        anchor = loss.audio_proj.weight @ (sum(found) / len(found)) + loss.audio_proj.bias
        anchor = anchor / anchor.norm()
        powers = [torch.exp(anchor @ pixel / loss.tau) for pixel in pixels]
        same = [label == CLASSES[frame, slot] for label in labels]
        repelling = sum(p for p, s in zip(powers, same) if not s)
        terms = [-torch.log(p / (p + repelling)) for p, s in zip(powers, same) if s]
        if terms:
            losses.append(sum(terms) / len(terms))
    assert len(losses) == 2  # class 3 has no pixel
    return sum(losses) / len(losses)


def test_is_eq_7_to_9():
    loss = build(loss_weight=2.0, tau=0.2).double()
    logits, audio, visual, target = data()
    found = loss(logits, audio, CLASSES, visual, target)
    expected = 2 * plain(loss, logits, audio, visual, target)
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    inputs = [audio, visual, *loss.parameters()]
    ours, theirs = (torch.autograd.grad(x, inputs) for x in (found, expected))
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(ours, theirs))


def test_gradcheck():
    """Pixels come in another order each time, which changes nothing where all are compared."""
    loss = build(tau=0.5).double()
    logits, audio, visual, target = data()
    check = torch.autograd.gradcheck
    assert check(lambda a, v: loss(logits, a, CLASSES, v, target), (audio, visual))


def test_masks_are_constants():
    logits, audio, visual, target = data()
    logits.requires_grad_()
    build().double()(logits, audio, CLASSES, visual, target).backward()
    assert logits.grad is None


def test_average_of_a_mask_that_is_the_same_everywhere():
    features = torch.randn(1, 4, 3, 2)
    for value in (0.0, 100.0, -100.0):
        found = masked_average(torch.full((1, 1, 3, 2), value), features)
        assert torch.allclose(found[0, 0], features[0].mean((1, 2)), atol=1e-6)


def test_as_many_pixels_as_are_wanted():
    """A class with few pixels keeps all; which ones of the others changes from call to call."""
    loss = build(max_pixels=7, max_background=9)
    labels = torch.tensor([0] * 30 + [1] * 20 + [2] * 3 + [255] * 10)[torch.randperm(63)]
    found = [loss._chosen(labels) for _ in range(50)]
    for chosen in found:
        assert labels[chosen].bincount(minlength=256)[[0, 1, 2, 255]].tolist() == [9, 7, 3, 0]
        assert len(chosen.unique()) == len(chosen)
    every = torch.cat(found).bincount(minlength=63) > 0
    assert torch.equal(every, labels != IGNORE_INDEX)


@pytest.mark.parametrize(
    'nothing', ['prompts', 'pixels', 'positives', 'negatives', 'frames', 'slots']
)
def test_nothing_to_compare(nothing):
    """0, connected to every parameter, and no NaN."""
    loss = build()
    logits, audio, visual, target = data(torch.float32)
    classes = CLASSES
    if nothing == 'prompts':
        classes = torch.full_like(CLASSES, -1)
    if nothing == 'pixels':
        target = torch.full_like(target, IGNORE_INDEX)
    if nothing == 'positives':
        classes = torch.where(CLASSES >= 0, 7, -1)
    if nothing == 'negatives':
        target, classes = torch.ones_like(target), torch.ones_like(classes)
    if nothing == 'frames':
        logits, audio, classes, visual, target = (
            x[:0] for x in (logits, audio, classes, visual, target)
        )
    if nothing == 'slots':
        logits, classes = logits[:, :0], classes[:, :0]
    value = loss(logits, audio, classes, visual, target)
    assert value.item() == 0
    value.backward()
    for parameter in loss.parameters():
        assert parameter.grad.isfinite().all()


def test_keeps_its_precision_under_autocast():
    loss = build()
    logits, audio, visual, target = data(torch.float32)
    expected = loss(logits, audio, CLASSES, visual, target)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = loss(logits, audio, CLASSES, visual, target)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)  # pixels in another order


def test_wrong_arguments():
    for name in ('tau', 'max_pixels', 'max_background'):
        with pytest.raises(ValueError, match=f'{name}.* must be above 0'):
            build(**{name: 0})
