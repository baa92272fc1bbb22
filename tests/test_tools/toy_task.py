# Copyright (c) mmavs developers. All rights reserved.
"""The smallest task that a Runner can train: a line through points on y = 2x + 1."""

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from torch.utils.data import Dataset


@DATASETS.register_module(force=True)
class ToyDataset(Dataset):
    METAINFO = {'classes': ('line',)}
    metainfo = METAINFO

    def __init__(self, size=6):
        self.x = torch.linspace(-1, 1, size)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return {'inputs': self.x[index : index + 1], 'data_samples': 2 * self.x[index] + 1}


@MODELS.register_module(force=True)
class ToyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.bias = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        y = torch.stack(list(inputs)).squeeze(1) * self.weight + self.bias
        if mode == 'loss':
            return {'loss': ((y - torch.stack(list(data_samples))) ** 2).mean()}
        return [{'y': a, 'target': b} for a, b in zip(y, data_samples, strict=True)]


@METRICS.register_module(force=True)
class ToyMetric(BaseMetric):
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += [(float(s['y']), float(s['target'])) for s in data_samples]

    def compute_metrics(self, results):
        return {
            'error': sum(abs(y - t) for y, t in results) / len(results),
            'count': len(results),
        }
