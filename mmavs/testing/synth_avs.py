# Copyright (c) mmavs developers. All rights reserved.
"""SynthAVS: the synthetic audio-visual segmentation benchmark and its knobs."""

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mmavs.utils.timing import EXAMPLE_STEP

from .clip import SynthClip, check_sound
from .sound_classes import SOUND_CLASSES
from .sounding import SoundingProcess
from .subsets import subset_process
from .synth_avss import write_avss_tree
from .synth_maskige import ExtraFiles
from .synth_video import VideoTruth, write_clip_video
from .synth_vpo import write_vpo_tree
from .synth_writer import MS3_LAYOUT, S4_LAYOUT, write_tree

__all__ = ['SynthAVS']

_MSMI_SIDEWAYS = 0.25
"""Least horizontal distance of VPO-MSMI's twins by the width of the picture: they are told apart by
where their voices come from."""


@dataclass(frozen=True)
class SynthAVS:
    """Draws clips of moving, sounding objects and writes them as AVSBench and VPO lie on disk.

    A class is an appearance (shape and texture) bound to a timbre. Every clip shows ``num_objects``
    objects over a cluttered ground; some of them sound, the others are silent distractors. But for
    twins they are of different classes. In S4 and AVSS-v1s one object sounds through the whole
    clip; in MS3, AVSS-v1m and AVSS-v2 the set of sounding objects may change from frame to frame
    and may be empty; for VPO see :meth:`write_vpo`. Who sounds is independent of everything
    visible, so the best audio-blind score is known: see :mod:`mmavs.testing.audio_blind`.

    Clip i of a split has random numbers of its own, decided by (seed, subset, split, i) alone: the
    same knobs give the same bytes of PNG and WAV (with the same numpy and Pillow), however many
    clips are written in whatever order.

    Args:
        image_size (int | tuple[int, int]): Height and width in pixels. Defaults to 128.
        num_objects (int | tuple[int, int]): Visible objects, twins included, or least and greatest
            number. Defaults to 3.
        num_classes (int): The first so many of the 12 classes. Defaults to 8.
        num_sounding (tuple[int, ...]): MS3, v1m, v2: numbers of sounding objects, each entry
            equally likely. Defaults to (1, 1, 2): one, twice as often as two.
        silent_prob (float): MS3, v1m, v2: probability of a silent frame. Defaults to 0.1.
        switch_prob (float): MS3, v1m, v2: probability that the state is drawn afresh at the next
            frame. Defaults to 0.4.
        clip_seconds (int): S4, MS3: length of a clip, one frame a second. Defaults to 5.
        sample_rate (int): Of the WAV files, Hz. Defaults to 16000.
        channels (int): Of the WAV files but VPO's, which are mono: 1 or 2. Defaults to 1.
        noise_level (float): RMS of the background noise; voices have 0.08 or less. Defaults to
            0.002.
        hue_jitter (float): Greatest change of a class's hue in turns. Defaults to 0.06.
        seed (int): Defaults to 0.
        twins (int): Pairs of objects of one class in every clip, which never sound together. They
            are told apart by motion in time with the sound: every object of such a clip changes
            between small and large from second to second, and the voice of the one that sounds is
            soft while it is small (see :mod:`mmavs.testing.pulse`). Defaults to 0.
        offscreen_prob (float): Probability that a clip has a further voice, of a class that is not
            visible (see :mod:`mmavs.testing.offscreen`). Masks are not affected. Defaults to 0.

    Raises:
        ValueError: If a knob is out of range or two contradict each other.
    """

    image_size: int | tuple[int, int] = 128
    num_objects: int | tuple[int, int] = 3
    num_classes: int = 8
    num_sounding: tuple[int, ...] = (1, 1, 2)
    silent_prob: float = 0.1
    switch_prob: float = 0.4
    clip_seconds: int = 5
    sample_rate: int = 16000
    channels: int = 1
    noise_level: float = 0.002
    hue_jitter: float = 0.06
    seed: int = 0
    twins: int = 0
    offscreen_prob: float = 0.0

    def __post_init__(self) -> None:
        fewest, most = self.object_range
        if not 1 <= self.num_classes <= len(SOUND_CLASSES):
            raise ValueError(
                f'num_classes={self.num_classes} must lie in 1..{len(SOUND_CLASSES)}, '
                'the classes that are defined'
            )
        if not 0 <= 2 * self.twins <= fewest:
            raise ValueError(
                f'twins={self.twins} pairs must lie in 0..{fewest // 2}: '
                f'num_objects={self.num_objects} counts both of a pair'
            )
        if not 1 <= fewest <= most <= self.num_classes + self.twins:
            raise ValueError(
                f'num_objects={self.num_objects} must lie in 1..num_classes={self.num_classes}: '
                f'but for twins ({self.twins}), the objects of a clip are of different classes'
            )
        if not 0 <= self.offscreen_prob <= 1:
            raise ValueError(f'offscreen_prob={self.offscreen_prob} must lie in [0, 1]')
        if self.offscreen_prob and most - self.twins >= self.num_classes:
            raise ValueError(
                f'offscreen_prob={self.offscreen_prob} needs a class that is not visible: '
                f'num_classes={self.num_classes} must be more than the {most - self.twins} classes '
                'of a clip'
            )
        if min(self.frame_size) < 16:
            raise ValueError(f'image_size={self.image_size} is below 16 pixels: nothing to see')
        if self.clip_seconds < 1:
            raise ValueError(f'clip_seconds={self.clip_seconds} must be at least 1')
        check_sound(self.sample_rate, self.channels)
        SoundingProcess(tuple(self.num_sounding), self.silent_prob, self.switch_prob)

    @property
    def object_range(self) -> tuple[int, int]:
        """Least and greatest number of visible objects."""
        count = self.num_objects
        return (count, count) if isinstance(count, int) else (count[0], count[1])

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        size = self.image_size
        return (size, size) if isinstance(size, int) else (size[0], size[1])

    def process(self, subset: str) -> SoundingProcess:
        """The process that decides who sounds.

        Args:
            subset (str): One of :data:`mmavs.testing.subsets.SUBSETS`.

        Returns:
            SoundingProcess: For S4, v1s and SS one object, chosen uniformly, throughout; for MS3,
            v1m and v2 by the knobs; for MS two or more objects, and fewer than are visible if these
            are more than two; for MSMI one twin or both, and perhaps another object.

        Raises:
            ValueError: If the subset is unknown, or more objects should sound than can together.
        """
        return subset_process(self, subset)

    def clip(
        self,
        subset: str,
        split: str,
        index: int,
        *,
        size: tuple[int, int] | None = None,
        seconds: float | None = None,
        period: float = EXAMPLE_STEP,
    ) -> SynthClip:
        """Draw one clip without writing it.

        Args:
            subset (str): One of :data:`mmavs.testing.subsets.SUBSETS`. Clips of MSMI show one pair
                of twins at least.
            split (str): Any name; the benchmark uses 'train', 'val' and 'test'.
            index (int): Number of the clip in its split.
            size (tuple[int, int], optional): Height and width. Defaults to ``frame_size``.
            seconds (float, optional): Length. Defaults to ``clip_seconds``.
            period (float): Seconds that a sounding state lasts. Defaults to 0.96, the hop of
                VGGish's examples (see :class:`SoundingTimeline`).

        Returns:
            SynthClip: Pictures, masks and sound on demand.
        """
        key = (zlib.crc32(f'{subset}/{split}'.encode()), index)
        return SynthClip(
            np.random.SeedSequence(self.seed, spawn_key=key),
            SOUND_CLASSES[: self.num_classes],
            self.process(subset),
            self.object_range,
            size or self.frame_size,
            seconds or self.clip_seconds,
            period,
            self.noise_level,
            self.hue_jitter,
            num_twins=max(self.twins, 1) if subset == 'msmi' else self.twins,
            pulsing=self.twins > 0,
            sideways=_MSMI_SIDEWAYS if subset == 'msmi' else 0.0,
            offscreen_prob=self.offscreen_prob,
        )

    def write_s4(
        self,
        root: str | Path,
        splits: Mapping[str, int] | None = None,
        *,
        maskige: bool = False,
        vct_layout: bool = False,
        vct_sizes: tuple[int, int] = (384, 224),
        force: bool = False,
        progress: bool = False,
    ) -> dict[str, Any]:
        """Write an S4 tree (``Single-source`` of AVSBench).

        Files are those of the official layout: ``s4_meta_data.csv`` and, under ``s4_data``,
        ``visual_frames``, ``gt_masks`` (training: first frame only) and ``audio_wav``. The category
        folders carry the names of the synthetic classes (the class that sounds). Beside the csv lie
        ``synth_meta.json`` (knobs, ceilings), ``synth_clips.json`` (who is there, who sounds) and
        ``objects.csv`` (the same by class, for off-screen partners).

        Args:
            root (str | Path): Folder that takes the csv; made if it is not there.
            splits (Mapping[str, int], optional): Clips of each split. Defaults to 64 train, 16 val
                and 16 test.
            maskige (bool): Also write Maskiges, see :class:`ExtraFiles`. Defaults to False.
            vct_layout (bool): Also write the 384 set that VCT and COMBO read. Defaults to False.
            vct_sizes (tuple[int, int]): Its sizes of frames and test masks, in pixels. Defaults to
                (384, 224).
            force (bool): Replace what an earlier run wrote there. Defaults to False.
            progress (bool): Show a progress bar with the time left. Defaults to False.

        Returns:
            dict[str, Any]: What ``synth_meta.json`` holds; ``['splits'][split]['ceiling']`` is the
            expected mIoU, in [0, 1], of the best predictor that does not hear.

        Raises:
            FileExistsError: If the folder is not empty and ``force`` is off, or holds something
                that SynthAVS did not write.
        """
        extra = ExtraFiles(maskige, vct_layout, vct_sizes)
        return write_tree(self, S4_LAYOUT, root, splits, extra, force, progress)

    def write_ms3(
        self,
        root: str | Path,
        splits: Mapping[str, int] | None = None,
        *,
        maskige: bool = False,
        vct_layout: bool = False,
        vct_sizes: tuple[int, int] = (384, 224),
        force: bool = False,
        progress: bool = False,
    ) -> dict[str, Any]:
        """Write an MS3 tree (``Multi-sources`` of AVSBench), every frame with its mask.

        Files are ``ms3_meta_data.csv``, those under ``ms3_data``, and the three that
        :meth:`write_s4` puts beside the csv; arguments, result and errors are the same.
        """
        extra = ExtraFiles(maskige, vct_layout, vct_sizes)
        return write_tree(self, MS3_LAYOUT, root, splits, extra, force, progress)

    def write_avss(
        self,
        root: str | Path,
        splits: Mapping[str, int | Mapping[str, int]] | None = None,
        *,
        maskige: bool = False,
        vct_layout: bool = False,
        vct_sizes: tuple[int, int] = (384, 224),
        force: bool = False,
        progress: bool = False,
    ) -> dict[str, Any]:
        """Write an AVSS tree (AVSBench-semantic): v1s and v1m of 5 s, v2 of 10 s.

        Files are ``metadata.csv``, ``label2idx.json`` (the official 71 classes) and under
        ``<subset>/<uid>`` ``frames``, ``labels_semantic``, ``labels_rgb`` (v1s training: first
        frame only) and ``audio.wav``. Each synthetic class carries the name of an official one.

        Args:
            root (str | Path): Folder that takes the csv; made if it is not there.
            splits (Mapping, optional): For each split the number of clips of each subset, e.g.
                ``{'train': {'v1s': 8, 'v1m': 4, 'v2': 8}}``, or one number, which is shared as
                evenly as can be: what is left over goes to v1s, then to v2. Defaults to 64 train,
                16 val and 16 test.
            maskige (bool): See :meth:`write_s4`.
            vct_layout (bool): See :meth:`write_s4`; here the squashed frames and masks of val and
                test, and the Maskiges of all.
            vct_sizes (tuple[int, int]): See :meth:`write_s4`.
            force (bool): Replace what an earlier run wrote there. Defaults to False.
            progress (bool): Show a progress bar with the time left. Defaults to False.

        Returns:
            dict[str, Any]: What ``synth_meta.json`` holds: for each split, and for each of its
            ``subsets``, ``ceiling`` is the foreground mIoU (a mean over labelled frames of the IoU
            of all that sounds, whatever its class) that is expected of the best predictor that does
            not hear.

        Raises:
            FileExistsError: See :meth:`write_s4`.
        """
        extra = ExtraFiles(maskige, vct_layout, vct_sizes)
        return write_avss_tree(self, root, splits, extra, force, progress)

    def write_vpo(
        self,
        root: str | Path,
        splits: Mapping[str, int | Mapping[str, int]] | None = None,
        *,
        force: bool = False,
        progress: bool = False,
    ) -> dict[str, Any]:
        """Write a VPO tree: ``VPO/VPO-SS``, ``VPO-MS``, ``VPO-MSMI`` and ``vggsound_bench``.

        A sample is a picture; every object that sounds has a row in the csv, a mono WAV file of
        10 s and a position. In SS one object sounds, in MS objects of different classes do. In MSMI
        (``multi_instance`` 1) one or both of two objects of one class sound, perhaps with another;
        for every two of these pictures, one of MS is listed there too (``multi_instance`` 0).

        Args:
            root (str | Path): Folder that takes the two; made if it is not there.
            splits (Mapping, optional): For each of 'train' and 'test' ('val' in the csv) the number
                of pictures of each setup, e.g. ``{'train': {'ss': 8, 'ms': 8, 'msmi': 8}}``, or one
                number, which is shared as evenly as can be. Defaults to 64 train and 16 test.
            force (bool): Replace what an earlier run wrote there. Defaults to False.
            progress (bool): Show a progress bar with the time left. Defaults to False.

        Returns:
            dict[str, Any]: What ``synth_meta.json`` holds; ``['splits'][split]['subsets'][setup]``
            has the ceiling of the foreground mIoU.

        Raises:
            FileExistsError: See :meth:`write_s4`.
        """
        return write_vpo_tree(self, root, splits, force, progress)

    def write_video(
        self,
        path: str | Path,
        *,
        subset: str = 's4',
        index: int = 0,
        seconds: float = 10.0,
        size: tuple[int, int] | None = None,
        fps: Fraction | float = 25,
        sample_rate: int = 44100,
        channels: int = 2,
        state_seconds: float = 2.0,
        mask_times: list[float] | None = None,
        progress: bool = False,
    ) -> VideoTruth:
        """Write a whole clip as MP4 (H.264 and AAC), in memory that does not grow with its length.

        Args:
            path (str | Path): File to write; its folder is made.
            subset (str): 's4' (one object sounds throughout) or 'ms3'. Defaults to 's4'.
            index (int): Number of the clip. Defaults to 0.
            seconds (float): Length. Defaults to 10.
            size (tuple[int, int], optional): Height and width, even. Defaults to ``frame_size``.
            fps (Fraction | float): Frames a second, e.g. 25 or ``Fraction(30000, 1001)``.
            sample_rate (int): Hz. Defaults to 44100.
            channels (int): 1 or 2. Defaults to 2.
            state_seconds (float): MS3: seconds that a sounding state lasts at least. Defaults to 2.
            mask_times (list[float], optional): Seconds at which the truth is wanted. Defaults to
                0.9375, 1.9375, ..., as AVSBench takes its frames.
            progress (bool): Show a progress bar. Defaults to False.

        Returns:
            VideoTruth: Masks at the times asked for, and who sounds when.
        """
        clip = self.clip(subset, 'video', index, size=size, seconds=seconds, period=state_seconds)
        return write_clip_video(
            clip,
            Path(path),
            seconds=seconds,
            fps=fps,
            sample_rate=sample_rate,
            channels=channels,
            mask_times=mask_times,
            progress=progress,
        )

    def knobs(self) -> dict[str, Any]:
        """All arguments, as they can be written to JSON."""
        return asdict(self)
