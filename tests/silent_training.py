# Copyright (c) mmavs developers. All rights reserved.
"""Run by torchrun: methods train where a process has nothing to find, or nothing annotated.

Every process reads other clips. DDP is not told to look for unused parameters, so each step has to
reach all of them on all processes; the next step fails otherwise.
"""

import torch
import torch.distributed as dist
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip, tiny_combo, tiny_vct
from mmavs.testing.tiny_aqformer import tiny_aqformer

STEPS = [('silent', 'bare'), ('bare', 'bare'), ('full', 'silent'), ('bare', 'full')]


def clip_of(kind, seed):
    """A clip with masks, with nothing but background, or without annotated frames."""
    clip = random_clip(2, seed=seed, maskige=True)
    sample = clip['data_samples']
    if kind == 'silent':
        sample.gt_sem_seg.data.zero_()
    if kind == 'bare':
        sample.gt_sem_seg.data.fill_(255)
        sample.frame_annotated.fill_(False)
    return clip


def train(config, rank):
    """All steps; the largest difference of a parameter between the processes."""
    torch.manual_seed(0)
    model = MMDistributedDataParallel(
        MODELS.build(config).train(), find_unused_parameters=False, broadcast_buffers=False
    )
    optim_wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-3))
    for step, kinds in enumerate(STEPS):
        torch.manual_seed(2 * step + rank)
        clips = [clip_of(kinds[rank], 2 * step + rank)]
        losses = model.train_step(pseudo_collate(clips), optim_wrapper)
        assert all(loss.isfinite() for loss in losses.values()), (kinds, losses)
    mine = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert mine.isfinite().all()
    theirs = mine.clone()
    dist.broadcast(theirs, 0)
    return (mine - theirs).abs().max().item()


def main():
    dist.init_process_group('gloo')
    rank = dist.get_rank()
    methods = dict(vct=tiny_vct(), combo=tiny_combo(), aqformer=tiny_aqformer())
    for name, config in methods.items():
        print(f'rank {rank}: {name} trained, {train(config, rank)} apart', flush=True)
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
