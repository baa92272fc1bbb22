# Copyright (c) mmavs developers. All rights reserved.
"""The config that a checkpoint holds, as far as it can be trusted."""

from collections.abc import Iterator
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.utils import get_object_from_string, import_modules_from_strings
from torch import nn
from torch.utils.data import Dataset

from mmavs.utils.checkpoint import (
    UNSAFE_ENV,
    UnsafeCheckpointError,
    load_checkpoint_file,
    unsafe_load_allowed,
)
from mmavs.utils.config_text import PACKAGES, ConfigTextError, parse_config_text

OWN_PACKAGES = ('mmavs', 'mmdet', 'mmseg', 'mmpretrain')
"""tuple[str]: Of these any class may be a part of a model, e.g. a matcher."""


def config_in_checkpoint(weights: str) -> Config:
    """The config that a checkpoint of a Runner holds, read without running it.

    Raises:
        UnsafeCheckpointError: If the text is more than plain values, or its model or pipeline has
            types that are none of a model or pipeline; ``MMAVS_UNSAFE_LOAD=1`` lets it run.
        ValueError: If there is no config, or it cannot be read.
    """
    checkpoint = load_checkpoint_file(weights)
    text = ((checkpoint.get('meta') if isinstance(checkpoint, dict) else None) or {}).get('cfg')
    if not isinstance(text, str):
        raise ValueError(f'{weights} holds no config: give the config file as well.')
    if unsafe_load_allowed():
        return Config.fromstring(text, file_format='.py')
    try:
        values = parse_config_text(text)
        check_types([values.get('model'), values.get('test_dataloader')])
    except ConfigTextError as error:
        raise UnsafeCheckpointError(
            f'The config in {weights} was not used: {error}. Give the config file as well, or, if '
            f'you trust where the checkpoint comes from, set {UNSAFE_ENV}=1.'
        ) from error
    except ValueError as error:
        raise ValueError(
            f'The config in {weights} cannot be read: {error}. Give the config file as well.'
        ) from error
    imports = values.get('custom_imports')
    if isinstance(imports, dict):  # those that parse_config_text lets pass
        import_modules_from_strings(imports.get('imports'), allow_failed_imports=True)
    return Config(values)


def check_types(config: Any) -> None:
    """Refuse types by which a registry would call any function of any module.

    A registry takes ``'torch.nn.Conv2d'`` as well as a registered name, and so ``'os.system'``.

    Args:
        config (Any): Part of a config: a dict, list or plain value.

    Raises:
        ConfigTextError: If a type, given by its full name, is not one for models and pipelines.
    """
    for name in _types_in(config):
        if '.' not in name:
            continue
        if name.split('.')[0] not in PACKAGES:
            raise ConfigTextError(f'its type {name} is not of a package that mmavs builds on')
        found = get_object_from_string(name)
        if found is None:  # 'mmdet.ResNet': a registered name with its scope
            continue
        known = isinstance(found, type) and (
            found.__module__.split('.')[0] in OWN_PACKAGES
            or issubclass(found, (nn.Module, BaseTransform, Dataset))
        )
        if not known:
            raise ConfigTextError(f'its type {name} is no part of a model or pipeline')


def _types_in(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        if isinstance(config.get('type'), str):
            yield config['type']
        config = list(config.values())
    if isinstance(config, (list, tuple, set)):
        for item in config:
            yield from _types_in(item)
