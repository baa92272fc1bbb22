# Copyright (c) mmavs developers. All rights reserved.
"""Time and peak memory of a call, in a process of its own."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any


def in_fresh_process(function: Callable, *args: Any) -> Any:
    """Call a function in a new process, so that the peaks of several do not mix.

    Args:
        function (Callable): Importable, as pickle asks for.
        *args (Any): Of the function.

    Returns:
        Any: What it returned.
    """
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(function, args)


def best_time_and_peak(call: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Measure a call in this process, whose peak memory must not have been higher before.

    Args:
        call (Callable): What to measure.
        repeats (int): How often.

    Returns:
        tuple: The least processor seconds of all threads, by how many MB the peak of the process
        grew, and what the last call returned.
    """
    before, times, value = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], None
    for _ in range(repeats):
        start = time.process_time()
        value = call()
        times.append(time.process_time() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return min(times), peak, value
