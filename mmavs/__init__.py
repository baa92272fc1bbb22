# Copyright (c) mmavs developers. All rights reserved.
"""mmavs: the OpenMMLab toolbox and benchmark for audio-visual segmentation."""

from .utils.dependencies import check_dependencies
from .utils.mmcv_ops import ensure_mmcv_ext
from .version import __version__

ensure_mmcv_ext()
check_dependencies()

from mmengine.config.utils import MODULE2PACKAGE  # noqa: E402

from .utils.activation_checkpointing import install_activation_checkpointing  # noqa: E402
from .utils.checkpoint import install_safe_loading  # noqa: E402

# No loader of mmengine may run code from a checkpoint.
install_safe_loading()
# Its key activation_checkpointing changes memory and time, and nothing else.
install_activation_checkpointing()

# Unlocks 'mmavs::config.py' inheritance, inferencer look-up by name and list_models.
MODULE2PACKAGE.setdefault('mmavs', 'mmavs')

__all__ = ['__version__']
