# Copyright (c) mmavs developers. All rights reserved.
"""Everything that is built from a config by the registry ``MODELS``."""

from .audio import *  # noqa: F403
from .backbones import *  # noqa: F403
from .data_preprocessor import AVSDataPreprocessor
from .decoders import *  # noqa: F403
from .fusion import *  # noqa: F403
from .heads import *  # noqa: F403
from .losses import *  # noqa: F403
from .pixel_decoders import *  # noqa: F403
from .queries import *  # noqa: F403
from .segmentors import *  # noqa: F403

__all__ = ['AVSDataPreprocessor']
