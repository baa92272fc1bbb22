# Copyright (c) mmavs developers. All rights reserved.
"""Every config builds, inherits at most twice, survives a dump, and has a telling name."""

import re
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

from mmavs.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS, VISUALIZERS
from mmavs.utils.meta_tensors import meta_tensors

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(p for p in (ROOT / 'configs').glob('*/*.py') if p.parent.name != '_base_')
NAME = re.compile(r'^[a-z0-9]+(_[a-z0-9-]+){1,3}_\d+xb\d+-\d+[ek]_[a-z0-9]+-\d+x\d+$')


def name(path):
    return path.stem


def bases(path):
    """The config files that this one inherits from, itself not included."""
    text = Config._get_base_files(str(path))
    return [Path(path).parent / base for base in text]


def depth(path):
    return 1 + max((depth(base) for base in bases(path)), default=0)


def test_there_are_configs():
    assert len(CONFIGS) >= 9


@pytest.mark.parametrize('path', CONFIGS, ids=name)
def test_model_and_data_build(path):
    config = Config.fromfile(path)
    with meta_tensors():  # shapes only, 150 M parameters a model
        model = MODELS.build(config.model)
    assert sum(p.numel() for p in model.parameters()) > 1e6
    for split in ('train', 'val', 'test'):
        dataset = dict(config[f'{split}_dataloader'].dataset)
        assert DATASETS.get(dataset['type']) is not None
        for transform in dataset['pipeline']:
            TRANSFORMS.build(transform)
    for evaluator in (config.val_evaluator, config.test_evaluator):
        for metric in evaluator if isinstance(evaluator, list) else [evaluator]:
            METRICS.build(metric)
    for hook in config.get('custom_hooks', []):
        HOOKS.build(hook)
    assert VISUALIZERS.get(config.visualizer.type) is not None


@pytest.mark.parametrize('path', CONFIGS, ids=name)
def test_survives_a_dump(path, tmp_path):
    config = Config.fromfile(path)
    config.dump(tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').to_dict() == config.to_dict()


@pytest.mark.parametrize('path', CONFIGS, ids=name)
def test_is_short_flat_and_well_named(path):
    assert depth(path) <= 2
    assert len(path.read_text().splitlines()) <= 60
    assert NAME.match(path.stem), path.stem
    batch, length, unit = re.search(r'_\d+xb(\d+)-(\d+)([ek])_', path.stem).groups()
    config = Config.fromfile(path)
    assert config.train_dataloader.batch_size == int(batch)
    assert config.auto_scale_lr.base_batch_size == int(batch)
    if unit == 'e':
        assert config.train_cfg.max_epochs == int(length)


def test_metafiles_name_every_config():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    named = []
    for metafile in index['Import']:
        content = yaml.safe_load((ROOT / metafile).read_text())
        collections = {collection['Name'] for collection in content['Collections']}
        for model in content['Models']:
            assert model['In Collection'] in collections
            assert Path(model['Config']).stem == model['Name']
            named.append(ROOT / model['Config'])
    assert sorted(named) == CONFIGS
