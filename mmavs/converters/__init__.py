# Copyright (c) mmavs developers. All rights reserved.
"""Official checkpoints under the names of mmavs."""

from .avsegformer import convert_avsegformer
from .rules import Conversion, Drop, Rename, convert, unwrap_state_dict

CONVERTERS = {'avsegformer': convert_avsegformer}
"""dict[str, Callable]: Converter of a state dict by the method's name."""

__all__ = ['CONVERTERS', 'Conversion', 'Drop', 'Rename', 'convert', 'unwrap_state_dict']
