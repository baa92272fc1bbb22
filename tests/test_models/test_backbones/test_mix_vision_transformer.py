# Copyright (c) mmavs developers. All rights reserved.
"""MiT with the authors' ImageNet files, against a forward pass written from the paper by the names
in these files."""

import pytest
import torch
import torch.nn.functional as F

from mmavs.converters import convert, join_mit_attention, mit_rules, revert
from mmavs.registry import MODELS
from mmavs.utils.meta_tensors import meta_tensors

DIMS, HEADS, REDUCTIONS = (8, 16, 24, 32), (1, 2, 3, 4), (8, 4, 2, 1)
TINY = dict(
    type='MixVisionTransformer', embed_dims=8, num_layers=(1, 2, 1, 1), num_heads=(1, 2, 3, 4)
)


def imagenet_file():
    """A state dict of a tiny classifier by official names, as ``mit_b5.pth`` has it."""
    torch.manual_seed(0)
    official = revert(MODELS.build(TINY).state_dict(), mit_rules(ours='')).state_dict
    weights = {}
    for name, value in official.items():
        value = torch.randn_like(value) * (0.2 if value.dim() > 1 else 0.1)
        value = value + 1 if name.endswith('norm.weight') else value
        if '.qkv.' in name:
            queries = len(value) // 3
            weights[name.replace('.qkv.', '.q.')] = value[:queries]
            weights[name.replace('.qkv.', '.kv.')] = value[queries:]
        else:
            weights[name] = value
    return {**weights, 'head.weight': torch.zeros(10, 32), 'head.bias': torch.zeros(10)}


def official_block(w, x, size, heads, reduction):
    """One block of SegFormer on tokens (N, L, C), its weights by the last part of their names."""

    def norm(name, x, eps):
        return F.layer_norm(x, x.shape[-1:], w(f'{name}.weight'), w(f'{name}.bias'), eps)

    def linear(name, x):
        return F.linear(x, w(f'{name}.weight'), w(f'{name}.bias'))

    def to_map(x):
        return x.mT.unflatten(-1, size)

    read = norm('norm1', x, 1e-6)
    query, memory = linear('attn.q', read), read
    if reduction > 1:
        conv = F.conv2d(to_map(read), w('attn.sr.weight'), w('attn.sr.bias'), stride=reduction)
        memory = norm('attn.norm', conv.flatten(2).mT, 1e-5)
    key, value = linear('attn.kv', memory).chunk(2, -1)
    query, key, value = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (query, key, value))
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
    x = x + linear('attn.proj', (weights @ value).transpose(1, 2).flatten(2))
    hidden = to_map(linear('mlp.fc1', norm('norm2', x, 1e-6)))
    conv, bias = w('mlp.dwconv.dwconv.weight'), w('mlp.dwconv.dwconv.bias')
    hidden = F.conv2d(hidden, conv, bias, padding=1, groups=len(conv)).flatten(2).mT
    return x + linear('mlp.fc2', F.gelu(hidden))


def official_forward(weights, x):
    outputs = []
    for stage in range(4):
        name = f'patch_embed{stage + 1}'
        kernel = weights[f'{name}.proj.weight']
        bias, stride = weights[f'{name}.proj.bias'], 2 if stage else 4
        x = F.conv2d(x, kernel, bias, stride, kernel.shape[-1] // 2)
        size, x = x.shape[-2:], x.flatten(2).mT
        scale, shift = weights[f'{name}.norm.weight'], weights[f'{name}.norm.bias']
        x = F.layer_norm(x, x.shape[-1:], scale, shift, 1e-5)
        for block in range(TINY['num_layers'][stage]):
            prefix = f'block{stage + 1}.{block}.'
            x = official_block(
                lambda key, prefix=prefix: weights[prefix + key],
                x,
                size,
                HEADS[stage],
                REDUCTIONS[stage],
            )
        scale, shift = weights[f'norm{stage + 1}.weight'], weights[f'norm{stage + 1}.bias']
        x = F.layer_norm(x, x.shape[-1:], scale, shift, 1e-6).mT.unflatten(-1, size)
        outputs.append(x)
    return outputs


def build(tmp_path, official, **config):
    torch.save(official, tmp_path / 'mit.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'mit.pth'))
    return MODELS.build(dict(TINY, init_cfg=init_cfg, **config))


def test_official_imagenet_file_gives_the_official_maps(tmp_path):
    official = imagenet_file()
    model = build(tmp_path, official).eval()
    model.init_weights()
    images = torch.randn(2, 3, 64, 96)
    for found, expected, dims in zip(model(images), official_forward(official, images), DIMS):
        assert found.shape[1] == dims
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_between_the_stages():
    """What it gives is what is returned and what the next stage reads."""
    torch.manual_seed(0)
    for config in (TINY, dict(type='PVTv2', variant='b0')):
        model = MODELS.build(config).eval()
        images, seen = torch.randn(1, 3, 64, 64), []

        def keep(stage, feat, seen=seen):
            seen.append((stage, feat))
            return feat

        def double(stage, feat):
            return feat * 2 if stage == 1 else feat

        plain, kept, doubled = model(images), model(images, keep), model(images, between=double)
        assert [stage for stage, _ in seen] == [0, 1, 2, 3]
        for a, b, (_, c) in zip(plain, kept, seen):
            assert torch.equal(a, b) and torch.equal(a, c)
        assert torch.equal(doubled[0], plain[0]) and torch.equal(doubled[1], 2 * plain[1])
        assert not torch.allclose(doubled[2], plain[2])


def test_stem_of_stride_two():
    maps = MODELS.build(dict(TINY, strides=(2, 2, 2, 2)))(torch.randn(1, 3, 64, 64))
    assert [feat.shape[-1] for feat in maps] == [32, 16, 8, 4]


def test_mit_b5_has_the_official_number_of_parameters():
    """81.4 M of the encoder (SegFormer, Table 1)."""
    config = dict(TINY, embed_dims=64, num_layers=(3, 6, 40, 3), num_heads=(1, 2, 5, 8))
    with meta_tensors():
        model = MODELS.build(config)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 81.4


def test_back_and_forth():
    official = join_mit_attention(imagenet_file())
    ours = convert(official, mit_rules()).state_dict
    back = revert(ours, mit_rules()).state_dict
    assert all(torch.equal(back[name], official[name]) for name in back)
    assert set(official) - set(back) == {'head.weight', 'head.bias'}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(num_layers=(1, 1, 1, 1)), r'another MiT .*unexpected \(layers.1.1.1.norm1.weight'),
        (dict(num_layers=(1, 3, 1, 1)), 'another MiT .*missing'),
        (dict(sr_ratios=(4, 4, 2, 1)), 'another MiT .*of another shape'),
    ],
)
def test_another_network_is_refused(change, message, tmp_path):
    with pytest.raises(ValueError, match=rf'mit\.pth is {message}'):
        build(tmp_path, imagenet_file(), **change).init_weights()


@pytest.mark.parametrize('missing', ['q', 'kv'])
def test_broken_files_are_refused(missing, tmp_path):
    official = imagenet_file()
    del official[f'block1.0.attn.{missing}.weight']
    with pytest.raises(ValueError, match=rf'but no "block1\.0\.attn\.{missing}\.weight"'):
        build(tmp_path, official).init_weights()
    with pytest.raises(ValueError, match=r"mit\.pth is no checkpoint of MiT.*'layer1\.a'"):
        build(tmp_path, {'layer1.a': torch.zeros(1)}).init_weights()
