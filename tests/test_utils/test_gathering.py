# Copyright (c) mmavs developers. All rights reserved.
"""Rows of two processes that have different numbers of them."""

import torch
import torch.multiprocessing as mp

from mmavs.utils.gathering import gather_rows

COUNTS = [(2, 3), (0, 1), (3, 0), (0, 0)]


def rows_of(rank, count):
    return torch.arange(count * 4.0).view(count, 2, 2) + 100 * rank


def _gather(rank, folder):
    torch.set_num_threads(1)  # the threads of the parent are not in a fork
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    found = []
    for counts in COUNTS:
        rows = rows_of(rank, counts[rank]).requires_grad_()
        found.append((gather_rows(rows), gather_rows(rows[:, 0, 0].long())))
    torch.save(found, f'{folder}/{rank}.pt')
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path):
    mp.start_processes(_gather, (str(tmp_path),), nprocs=2, start_method='fork')
    for rank in range(2):
        gathered = torch.load(tmp_path / f'{rank}.pt', weights_only=True)
        for (rows, numbers), counts in zip(gathered, COUNTS):
            expected = torch.cat([rows_of(r, counts[r]) for r in range(2)])
            assert torch.equal(rows, expected)
            assert not rows.requires_grad
            assert torch.equal(numbers, expected[:, 0, 0].long())


def test_one_process():
    rows = torch.randn(3, 2, requires_grad=True)
    assert torch.equal(gather_rows(rows), rows)
    assert not gather_rows(rows).requires_grad
