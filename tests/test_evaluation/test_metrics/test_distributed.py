# Copyright (c) mmavs developers. All rights reserved.
"""Every metric on two processes equals one process, the sampler's padding included."""

import json
import math
import os

import torch
import torch.multiprocessing as mp
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from semantic_samples import random_samples

from mmavs.registry import METRICS

NUM_CLIPS = 7
SEMANTIC = [
    dict(type='AVSSemanticMetric', prefix='padded'),
    dict(type='AVSSemanticMetric', count_padded_frames=False, prefix='clean'),
    dict(type='PerDatasetMetric', prefix='zero'),
    dict(type='PerDatasetMetric', absent='skip', prefix='skip'),
    dict(type='AudioRobustnessMetric', prefix='semantic'),
    dict(type='ClassCoverageMetric'),
]
BINARY = [
    dict(type='AVSBenchMetric', f_batch_size=2),
    dict(type='AudioRobustnessMetric', f_batch_size=2),
    dict(type='PerDatasetMetric'),
]


def clips(binary: bool) -> list:
    samples = random_samples(NUM_CLIPS, 2 if binary else 6)
    for sample in samples if binary else ():
        noise = torch.rand(sample.gt_sem_seg.data.shape, generator=torch.Generator().manual_seed(0))
        sample.pred_scores = PixelData(data=(sample.pred_sem_seg.data * 0.6 + noise * 0.4))
    return samples


def evaluate(share: slice, fill: bool, collect_dir: str | None = None) -> dict[str, float]:
    scores = {}
    for kind, configs in (('semantic', SEMANTIC), ('binary', BINARY)):
        samples = clips(kind == 'binary')
        samples = [*samples, *samples[:1]] if fill else samples
        for index, config in enumerate(configs):
            folder = collect_dir and os.path.join(collect_dir, f'{kind}{index}')
            evaluator = Evaluator([METRICS.build(dict(config, collect_dir=folder))])
            classes = 2 if kind == 'binary' else 6
            evaluator.dataset_meta = dict(classes=tuple(map(str, range(classes))))
            for sample in samples[share]:
                evaluator.process([sample], {})
            found = evaluator.evaluate(NUM_CLIPS)
            scores.update({f'{kind}/{name}': value for name, value in found.items()})
    return scores


def _score_a_share(rank: int, folder: str) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    # As mmengine's DefaultSampler deals them out: in turn, the first again to fill up.
    scores = evaluate(slice(rank, None, 2), True, os.path.join(folder, 'collect'))
    with open(os.path.join(folder, f'{rank}.json'), 'w') as file:
        json.dump(scores, file)
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(_score_a_share, args=(str(tmp_path),), nprocs=2)
    expected = evaluate(slice(None), False)
    assert len(expected) > 60 and not any(math.isnan(value) for value in expected.values())
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected
