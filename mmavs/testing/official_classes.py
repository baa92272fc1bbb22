# Copyright (c) mmavs developers. All rights reserved.
"""Which official class stands for a synthetic one, where a benchmark has classes."""

__all__ = ['AVSS_OF', 'VPO_OF']

AVSS_OF: dict[str, str] = {
    'star_chime': 'bell',
    'gear_buzz': 'mower',
    'flower_flute': 'flute',
    'ring_siren': 'emergency-car',
    'cross_rattle': 'gun',
    'heart_thump': 'drum',
    'box_hiss': 'frying-food',
    'leaf_chirp': 'bird',
    'moon_hoot': 'wolf',
    'bolt_zap': 'saw',
    'drop_drip': 'clock',
    'hexagon_surf': 'boat',
}
"""Synthetic class to the class of AVSBench-semantic that it stands for."""

VPO_OF: dict[str, str] = {
    'star_chime': 'cell phone',
    'gear_buzz': 'motorcycle',
    'flower_flute': 'female',
    'ring_siren': 'car',
    'cross_rattle': 'keyboard',
    'heart_thump': 'sports ball',
    'box_hiss': 'airplane',
    'leaf_chirp': 'bird',
    'moon_hoot': 'dog',
    'bolt_zap': 'skateboard',
    'drop_drip': 'mouse',
    'hexagon_surf': 'bus',
}
"""Synthetic class to the class of VPO that it stands for. Car and airplane are among the first
eight, because the official loader takes one for the other where an image shows both."""
