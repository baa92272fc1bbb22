# Copyright (c) mmavs developers. All rights reserved.
"""Names of the official query generators of VCT and COMBO (sheet vct.md, section 11)."""

from .rules import Rename

_OFFICIAL = 'sem_seg_head.predictor.'
_BLOCK = f'{_OFFICIAL}visual_query_block.'
_OURS = 'decode_head.query_generator.'

QUERY_GENERATOR_RULES = [
    Rename(f'{_OFFICIAL}query_feat.', f'{_OURS}query_feat.'),
    Rename(f'{_BLOCK}prototype.', f'{_OURS}prototypes.'),
    Rename(f'{_BLOCK}pre_proj.', f'{_OURS}pixel_proj.'),
    Rename(f'{_BLOCK}query_mixer.', f'{_OURS}query_mixer.'),
    Rename(f'{_BLOCK}pre_attn.multihead_attn.', f'{_OURS}prompting.attn.'),
    Rename(f'{_BLOCK}pre_attn.norm.', f'{_OURS}prompting.norm.'),
    Rename(f'{_BLOCK}assign_attn.proj.', f'{_OURS}grouping.out_proj.'),
    Rename(f'{_BLOCK}assign_attn.', f'{_OURS}grouping.'),
]
"""list[Rename]: To be put among the rules of a method. COMBO has ``query_feat`` only."""
