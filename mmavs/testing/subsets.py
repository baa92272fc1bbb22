# Copyright (c) mmavs developers. All rights reserved.
"""The subsets of the benchmarks, and who sounds in them."""

from typing import TYPE_CHECKING

from .sounding import MultiInstanceProcess, SoundingProcess

if TYPE_CHECKING:
    from .synth_avs import SynthAVS

__all__ = ['SUBSETS', 'subset_process']

SINGLE, SWITCHING = ('s4', 'v1s', 'ss'), ('ms3', 'v1m', 'v2')
SUBSETS = (*SINGLE, *SWITCHING, 'ms', 'msmi')
"""S4, AVSS-v1s, VPO-SS; MS3, AVSS-v1m, AVSS-v2; VPO-MS; VPO-MSMI."""


def subset_process(synth: 'SynthAVS', subset: str) -> SoundingProcess:
    """The process that decides who sounds; see :meth:`SynthAVS.process`."""
    if subset not in SUBSETS:
        raise ValueError(f'subset={subset!r} is unknown: it must be one of {", ".join(SUBSETS)}')
    if subset in SINGLE:
        return SoundingProcess()
    fewest = synth.object_range[0]
    together = fewest - synth.twins
    if subset in SWITCHING:
        if max(synth.num_sounding) > together:
            why = ', of which twins never sound together' if synth.twins else ''
            raise ValueError(
                f'num_sounding={synth.num_sounding} asks for more sounding objects than '
                f'num_objects={synth.num_objects} shows{why}'
            )
        return SoundingProcess(tuple(synth.num_sounding), synth.silent_prob, synth.switch_prob)
    if (fewest if subset == 'msmi' else together) < 2:
        raise ValueError(
            f'num_objects={synth.num_objects} with twins={synth.twins} shows too few objects for '
            'VPO, where two may sound together'
        )
    if subset == 'msmi':
        return MultiInstanceProcess()
    return SoundingProcess(tuple(range(2, max(3, together))))
