# Copyright (c) mmavs developers. All rights reserved.
"""Pretrained encoders by their authors' names, loaded whole or refused."""

from collections.abc import Callable, Sequence

from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmavs.converters import unwrap_state_dict
from mmavs.utils.weights import mismatch


def names_pretrained_file(model: BaseModule) -> bool:
    """Whether the ``init_cfg`` of a model is a file."""
    return isinstance(model.init_cfg, dict) and model.init_cfg.get('type') == 'Pretrained'


def load_pretrained_file(
    model: BaseModule,
    kind: str,
    rename: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    arguments: str,
    kept: Sequence[str] = (),
) -> None:
    """Load the file that ``init_cfg`` names, once.

    Args:
        model (BaseModule): Filled in place.
        kind (str): Of network, for messages.
        rename (Callable): The file's tensors by the model's names; raises ValueError if they are
            not those of such a network.
        arguments (str): Of the config that decide the shapes, for messages.
        kept (Sequence[str]): Parameters that are not in the file and stay as they are.

    Raises:
        ValueError: If the file does not hold exactly this network.
    """
    if model._is_init:
        return
    path = model.init_cfg['checkpoint']
    print_log(f'Loads {kind} from {path}', logger='current')
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    own = model.state_dict()
    try:
        state_dict = rename(unwrap_state_dict(checkpoint))
    except ValueError as error:
        raise ValueError(f'{path} is no checkpoint of {kind}: {error}') from error
    state_dict = {**{name: own[name] for name in kept}, **state_dict}
    problems = mismatch(state_dict, own)
    if problems:
        raise ValueError(f"{path} is another {kind} than the config's ({arguments}): {problems}.")
    model.load_state_dict(state_dict)
    model._is_init = True
