# Copyright (c) mmavs developers. All rights reserved.
"""When the benchmarks' frames are taken and what each of them hears, in seconds."""

EXAMPLE_STEP = 0.96
"""float: From the begin of one log-mel example to the next: frame k of a clip hears from
``EXAMPLE_STEP * k`` on (vggish.md, section 1)."""

EXAMPLE_SPAN = 0.975
"""float: What one example hears: 96 windows of 25 ms, one every 10 ms (vggish.md, section 1)."""

HEARING = {'vggish': (EXAMPLE_SPAN, EXAMPLE_STEP), 'second': (1.0, 1.0)}
"""dict[str, tuple[float, float]]: What one frame hears, and from its begin to that of the next:
VGGish's examples, or second k of the sound for frame k (HTS-AT)."""

FRAME_POSITION = 0.9375
"""float: Where in its second a benchmark takes the frame from: near the end, the last of 16 samples
(datasets_avsbench.md, section 7)."""
