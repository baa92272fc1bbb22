# Copyright (c) mmavs developers. All rights reserved.
"""Official checkpoints under the names of mmavs, and back."""

from .avsegformer import AVSEGFORMER
from .converter import Converter
from .encoders import (
    detectron2_resnet_rules,
    join_mit_attention,
    mit_rules,
    pvt_rules,
    resnet_rules,
    swin_rules,
    vggish_rules,
)
from .files import unwrap_state_dict
from .htsat import clap_rules, convert_htsat, htsat_rules
from .query_methods import COMBO, VCT
from .report import read, report
from .rules import Conversion, Drop, Extra, Rename, Reshape, convert, revert
from .tpavi import TPAVI

CONVERTERS = {'avsegformer': AVSEGFORMER, 'combo': COMBO, 'tpavi': TPAVI, 'vct': VCT}
"""dict[str, Converter]: By the method's name. Add a method by its own file and a line here."""

__all__ = [
    'CONVERTERS',
    'Conversion',
    'Converter',
    'Drop',
    'Extra',
    'Rename',
    'Reshape',
    'clap_rules',
    'convert',
    'convert_htsat',
    'detectron2_resnet_rules',
    'htsat_rules',
    'join_mit_attention',
    'mit_rules',
    'pvt_rules',
    'read',
    'report',
    'resnet_rules',
    'revert',
    'swin_rules',
    'unwrap_state_dict',
    'vggish_rules',
]
