# Copyright (c) mmavs developers. All rights reserved.
"""Distributed training where there is no accelerator.

mmengine starts the process group with ``torch.cuda.set_device`` and binds the wrapped model to a
device of that number; both fail on a CPU. Here the group is started with gloo before the Runner
is built, and the model is wrapped without a device.
"""

import gc
import os
from datetime import timedelta

import torch.distributed as torch_dist
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device


def setup_distributed(cfg: Config) -> bool:
    """Prepare a config and the process group for ``cfg.launcher`` where there is no accelerator.

    Does nothing without a launcher, or with an accelerator: mmengine does it right there.

    Args:
        cfg (Config): The whole config. ``env_cfg.dist_cfg`` and ``model_wrapper_cfg`` are changed
            in place; ``env_cfg.dist_cfg.timeout`` (seconds) is kept.

    Returns:
        bool: Whether the CPU set-up was made.

    Raises:
        ValueError: If the launcher is not ``pytorch``, or the variables that torchrun sets are
            not there.
    """
    launcher = cfg.get('launcher') or 'none'
    if launcher == 'none' or get_device() != 'cpu':
        return False
    if launcher != 'pytorch':
        raise ValueError(
            f'launcher "{launcher}" needs an accelerator and none is available here. On CPUs use '
            'torchrun: bash tools/dist_train.sh CONFIG PROCESSES'
        )
    missing = [name for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE') if name not in os.environ]
    if missing:
        raise ValueError(
            f'launcher "pytorch" expects the environment variables of torchrun, and '
            f'{", ".join(missing)} is not set. Start with: '
            'bash tools/dist_train.sh CONFIG PROCESSES'
        )
    env_cfg = cfg.setdefault('env_cfg', ConfigDict())
    timeout = (env_cfg.get('dist_cfg') or {}).get('timeout')
    env_cfg['dist_cfg'] = ConfigDict(backend='gloo')
    options = {}
    if timeout is not None:
        env_cfg['dist_cfg']['timeout'] = timeout
        options['timeout'] = timedelta(seconds=timeout)
    if not torch_dist.is_initialized():
        torch_dist.init_process_group(backend='gloo', **options)
    wrapper = cfg.setdefault('model_wrapper_cfg', ConfigDict(type='MMDistributedDataParallel'))
    wrapper.update(device_ids=None)
    # With a wrapper config mmengine no longer passes these two on, and torch's default differs.
    wrapper.setdefault('broadcast_buffers', False)
    wrapper.setdefault('find_unused_parameters', cfg.get('find_unused_parameters', False))
    return True


def shutdown_distributed() -> None:
    """End the process group, if there is one, before the interpreter takes its threads down.

    A wrapped model holds the group too, and a runner is part of reference cycles: without a
    collection here the group would live until the interpreter ends, where gloo aborts now and then
    («terminate called without an active exception»). The caller must have let go of the runner.
    """
    if torch_dist.is_available() and torch_dist.is_initialized():
        gc.collect()
        torch_dist.destroy_process_group()
