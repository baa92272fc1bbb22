# Copyright (c) mmavs developers. All rights reserved.
"""Clips of the test data of a config, by name or by place."""

from collections.abc import Sequence

from mmengine.config import Config

from mmavs.datasets import BaseAVSDataset
from mmavs.datasets.doctor.sources import leaves
from mmavs.registry import DATASETS


def build_test_sets(cfg: Config) -> list[BaseAVSDataset]:
    """The test data sets of a config, those inside wrappers one by one.

    Raises:
        ValueError: If it has none.
    """
    if not cfg.get('test_dataloader'):
        raise ValueError(f'{cfg.filename} has no test_dataloader.')
    return [DATASETS.build(leaf) for leaf in leaves(cfg.test_dataloader['dataset'])]


def find_clips(
    data_sets: Sequence[BaseAVSDataset], names: Sequence[str] | None, num: int
) -> list[tuple[int, BaseAVSDataset, int]]:
    """Clips of these names, else the first ones.

    Args:
        data_sets (Sequence[BaseAVSDataset]): All of the test.
        names (Sequence[str], optional): ``clip_id`` of clips.
        num (int): How many if there are no names; 0 for all.

    Returns:
        list[tuple]: Number of the clip among all, its data set, and its index there.

    Raises:
        ValueError: If there is no clip of a name.
    """
    pairs = [(data_set, index) for data_set in data_sets for index in range(len(data_set))]
    places = [(number, *pair) for number, pair in enumerate(pairs)]
    if not names:
        return places[: num or None]
    ids = [data_set.get_data_info(index)['clip_id'] for data_set, index in pairs]
    missing = [name for name in names if name not in ids]
    if missing:
        raise ValueError(
            f'The test data have no clip {", ".join(missing)}. Their {len(ids)} clips are called '
            f'{", ".join(ids[:3])} and so on.'
        )
    return [place for place, clip_id in zip(places, ids) if clip_id in names]
