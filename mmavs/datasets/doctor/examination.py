# Copyright (c) mmavs developers. All rights reserved.
"""Examine all clips of a config, in parallel, and keep of each only what is found."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial

from mmengine.config import Config

from mmavs.utils.progress import progress_bar

from . import picture_checks, sound_checks  # noqa: F401  they enter their checks
from .clip_check import CLIP_CHECKS
from .content import ClipTask, Needs, digest, read_clip
from .duplicates import ClipDigests, find_duplicates
from .findings import SEVERITIES, Finding, describe
from .folder_checks import find_unlisted
from .list_checks import class_list, count_clips, duplicate_ids
from .sources import Source, find_sources

describe('check_failed', 'error', 'clips that could not be examined to the end')
describe('audio_format', 'info', 'sounds of another rate or more channels than the config loads')

CHUNK = 4
"""int: Clips that a worker takes at once."""


@dataclass
class ClipSummary:
    """What remains of an examined clip."""

    digests: ClipDigests
    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    formats: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass
class Diagnosis:
    """The result of an examination.

    Args:
        findings (list[Finding]): Errors first, then warnings.
        clips (dict[str, int]): Split -> clips that were examined.
        files (int): Files that they name.
        seconds (float): That it took.
        fast (bool): Whether only headers were read.
    """

    findings: list[Finding]
    clips: dict[str, int]
    files: int
    seconds: float
    fast: bool

    def count(self, severity: str) -> int:
        """Findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def examine(
    cfg: Config,
    loaders: Sequence[str] = ('train', 'val', 'test'),
    workers: int = 2,
    fast: bool = False,
    counts: str = 'auto',
    show_progress: bool = False,
) -> Diagnosis:
    """Examine the data sets of a config.

    Args:
        cfg (Config): With data loaders.
        loaders (Sequence[str]): Which of them. Defaults to all.
        workers (int): Processes; 0 works in this one. Defaults to 2.
        fast (bool): Whether to read headers only: sizes and lengths, no values, so neither stray
            values, silence nor duplicates are found. Defaults to False.
        counts (str): See :func:`count_clips`. Defaults to ``'auto'``.
        show_progress (bool): Whether to show a bar. Defaults to False.

    Raises:
        ValueError: If the config has none of the loaders.
        KeyError: If a class is unknown.
        TypeError: If a class does not take its arguments, or a data set is not of mmavs.
    """
    start = time.monotonic()
    sources, findings = find_sources(cfg, loaders)
    findings += [finding for source in sources for finding in class_list(source)]
    loaded = [source for source in sources if source.tasks]
    for source in loaded:
        findings += [*duplicate_ids(source), *count_clips(source, counts)]
    summaries = []
    for summary in examine_clips(loaded, workers, fast, show_progress):
        summaries.append(summary)
        findings += summary.findings
    findings += find_unlisted(loaded)
    findings += find_duplicates([summary.digests for summary in summaries])
    findings += unusual_formats(loaded, summaries)
    findings = list(dict.fromkeys(findings))
    findings.sort(key=lambda entry: (SEVERITIES.index(entry.severity), entry.check, entry.file))
    return Diagnosis(
        findings,
        dict(Counter(task.split for source in loaded for task in source.tasks)),
        sum(summary.files for summary in summaries),
        time.monotonic() - start,
        fast,
    )


def examine_clips(
    sources: Sequence[Source], workers: int, fast: bool, show_progress: bool
) -> Iterator[ClipSummary]:
    """Examine the clips of all sources; the order is that of the clips."""
    jobs = [(task, source.needs) for source in sources for task in source.tasks]
    with progress_bar(show_progress) as bar:
        yield from bar.track(_run(jobs, workers, fast), len(jobs), description='clips')


def _run(jobs: Sequence[tuple[ClipTask, Needs]], workers: int, fast: bool) -> Iterable[ClipSummary]:
    work = partial(examine_clip, fast=fast)
    if workers == 0:
        yield from map(work, jobs)
        return
    done = 0
    with ProcessPoolExecutor(workers) as pool:
        try:
            for summary in pool.map(work, jobs, chunksize=CHUNK):
                yield summary
                done += 1
        except BrokenProcessPool as error:
            task = jobs[done][0]
            remedy = (
                'Run again with --workers 0 to see which clip it is. The clips behind this one '
                'were not examined.'
            )
            text = f'a worker died ({error}), at this clip or one of the next {CHUNK * workers}'
            summary = ClipSummary(ClipDigests(task.clip_id, task.split, {}, None))
            summary.findings.append(_failed(task, text, remedy))
            yield summary


def examine_clip(job: tuple[ClipTask, Needs], fast: bool = False) -> ClipSummary:
    """Read the files of a clip, run all checks on them, and let the files go.

    Args:
        job (tuple[ClipTask, Needs]): The clip, and what is wanted of it.
        fast (bool): See :func:`examine`. Defaults to False.
    """
    task, needs = job
    summary = ClipSummary(ClipDigests(task.clip_id, task.split, {}, None), files=len(task.files()))
    try:
        clip = read_clip(task, needs, fast)
        for check in CLIP_CHECKS:
            summary.findings += check(clip)
        sounds = [sound for sound in clip.sounds if sound.fine]
        summary.formats = [(sound.rate, sound.channels, sound.path) for sound in sounds]
        summary.digests = ClipDigests(
            task.clip_id,
            task.split,
            {frame.path: value for frame in clip.frames if (value := digest(frame.pixels))},
            next(
                (
                    (sound.path, value)
                    for sound in sounds
                    if needs.audio == 'wave' and (value := digest(sound.waveform))
                ),
                None,
            ),
        )
    except Exception as error:  # one clip must not end the examination of the others
        text = f'{type(error).__name__}: {" ".join(str(error).split())}'
        remedy = 'Look at the files of the clip; if they are good, please report this.'
        summary.findings.append(_failed(task, text, remedy))
    return summary


def _failed(task: ClipTask, text: str, remedy: str) -> Finding:
    file, expected = task.frames[0], 'a clip that can be examined'
    return Finding('check_failed', file, text, expected, remedy, task.clip_id, task.split)


def unusual_formats(
    sources: Sequence[Source], summaries: Sequence[ClipSummary]
) -> Iterator[Finding]:
    """One note for each rate and number of channels that the loader has to change."""
    needs = [source.needs for source in sources for _ in source.tasks]
    files: dict[tuple, list[str]] = {}
    for need, summary in zip(needs, summaries):
        mono = need.mono or need.audio == 'mixed'
        for rate, channels, path in summary.formats:
            if rate != need.sample_rate or (mono and channels > 1):
                wanted = f'{need.sample_rate} Hz, {"mono" if mono else "mono or stereo"}'
                files.setdefault((rate, channels, wanted), []).append(path)
    for (rate, channels, wanted), paths in files.items():
        found = f'{len(paths)} files have {rate} Hz and {channels} channels'
        remedy = 'Nothing: the loader averages channels and resamples.'
        yield Finding('audio_format', paths[0], found, wanted, remedy)
