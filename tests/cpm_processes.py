# Copyright (c) mmavs developers. All rights reserved.
"""Run by torchrun: CPM trains on two processes, whose frames have other classes, or none."""

import torch
import torch.distributed as dist
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from mmavs.registry import MODELS
from mmavs.testing.tiny import random_clip
from mmavs.testing.tiny_cpm import tiny_cpm

STEPS = 20
CLASSES = 4


def clip_of(step, rank):
    """Frames of one class each; on the second process every third time of the background alone."""
    clip = random_clip(2, seed=2 * step + rank, num_classes=CLASSES)
    label = clip['data_samples'].gt_sem_seg.data
    label[label > 0] = 1 + (step + rank) % 2
    if rank == 1 and step % 3 == 2:
        label.zero_()
    if rank == 1 and step % 5 == 4:
        clip['data_samples'].frame_annotated.fill_(False)
    return clip


def largest_difference(values):
    mine = torch.cat([value.detach().double().flatten() for value in values])
    theirs = mine.clone()
    dist.broadcast(theirs, 0)
    return (mine - theirs).abs().max().item()


def main():
    dist.init_process_group('gloo')
    rank = dist.get_rank()
    torch.manual_seed(0)
    model = MMDistributedDataParallel(
        MODELS.build(tiny_cpm(CLASSES)).train(),
        find_unused_parameters=False,
        broadcast_buffers=False,
    )
    optim_wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-3))
    prompts = []
    for step in range(STEPS):
        torch.manual_seed(2 * step + rank)
        losses = model.train_step(pseudo_collate([clip_of(step, rank)]), optim_wrapper)
        assert all(loss.isfinite() for loss in losses.values()), losses
        prompts.append(int(losses['prompts']))
    classifier = model.module.decode_head.classifier
    assert classifier.filled[:3].all() and not classifier.filled[3]
    mixtures = largest_difference(classifier.buffers()) == 0.0
    apart = largest_difference(model.parameters())
    print(f'rank {rank}: apart {apart}, mixtures equal {mixtures}, prompts {prompts}', flush=True)
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
