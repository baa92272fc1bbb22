# Copyright (c) mmavs developers. All rights reserved.
"""Official state dicts of every released checkpoint of AVSegFormer and TPAVI, by name and shape."""

import torch

from mmavs.testing.goldens import load_manifest

MANIFESTS = {
    ('avsegformer', 'resnet'): 'avsegformer_r50_s4',
    ('avsegformer', 'pvt'): 'avsegformer_pvt_s4',
    ('tpavi', 'resnet'): 'tpavi_r50_s4',
    ('tpavi', 'pvt'): 'tpavi_pvt_avss',
}
TASKS = ('s4', 'ms3', 'avss')
CHECKPOINTS = [(*network, task) for network in MANIFESTS for task in TASKS]
CLASSIFIERS = ('head.fc.4.', 'head.attn_fc.4.', 'output_conv.4.')
ALIGN_BIASES = [(f'tpavi_b{i}.align_channel.bias', [256], 'float32') for i in (1, 2, 3, 4)]


def official_entries(method, backbone, task):
    """(name, shape, dtype) of each tensor of an official checkpoint.

    A network is the same for all tasks but for K and, in TPAVI, for the biases of align_channel,
    which AVSS lacks (sheet tpavi.md, section 4).
    """
    stored = load_manifest(MANIFESTS[method, backbone])['state_dict']
    align_names = [name for name, _, _ in ALIGN_BIASES]
    entries = [] if method == 'avsegformer' or task == 'avss' else list(ALIGN_BIASES)
    for name, shape, dtype in stored:
        if name.startswith(CLASSIFIERS):
            shape = [71 if task == 'avss' else 1, *shape[1:]]
        if name not in align_names:
            entries.append((name, shape, dtype))
    return entries


def numbered_state_dict(entries):
    """Tensors of these shapes, each filled with a number of its own that takes no more memory."""
    return {
        name: torch.full((1,) * len(shape), i, dtype=getattr(torch, dtype)).expand(shape)
        for i, (name, shape, dtype) in enumerate(entries, start=1)
    }


def official_checkpoint(method, backbone, task):
    """A numbered state dict of an official checkpoint."""
    return numbered_state_dict(official_entries(method, backbone, task))


def vggish_checkpoint():
    """A numbered state dict of the torchvggish file, with the PCA that it comes with."""
    prefix = 'vggish.'
    entries = [
        (name.removeprefix(prefix), shape, dtype)
        for name, shape, dtype in official_entries('avsegformer', 'resnet', 's4')
        if name.startswith(prefix)
    ]
    pca = dict(pca_eigen_vectors=[128, 128], pca_means=[128, 1])
    entries += [(f'pproc.{name}', shape, 'float32') for name, shape in pca.items()]
    return numbered_state_dict(entries)
