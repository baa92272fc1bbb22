# Copyright (c) mmavs developers. All rights reserved.
"""Write the synthetic benchmark in the layout of AVSBench and VPO, and videos with sound."""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from mmavs.testing.synth_avs import SynthAVS
from mmavs.testing.synth_files import prepare_folder

ROOTS = {'s4': 'Single-source', 'ms3': 'Multi-sources', 'avss': 'AVSS', 'vpo': 'vpo'}
GROUPS = {'both': ('s4', 'ms3'), 'all': tuple(ROOTS), 'none': ()}
DEFAULTS = SynthAVS()


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        'out_dir', type=Path, help='folder that takes Single-source, ... and videos'
    )
    parser.add_argument(
        '--subset', choices=(*ROOTS, *GROUPS), default='s4', help='both: S4 and MS3'
    )
    parser.add_argument('--train', type=int, default=64, metavar='N', help='training clips')
    parser.add_argument(
        '--val', type=int, default=16, metavar='N', help='validation clips (VPO has none)'
    )
    parser.add_argument('--test', type=int, default=16, metavar='N', help='test clips')
    add_knobs(parser)
    video = parser.add_argument_group('videos')
    video.add_argument('--video', type=int, default=0, metavar='N', help='MP4 clips to write')
    video.add_argument('--video-subset', choices=('s4', 'ms3'), default='s4')
    video.add_argument('--video-seconds', type=float, default=10.0)
    video.add_argument('--video-size', type=int, nargs=2, metavar=('WIDTH', 'HEIGHT'))
    video.add_argument('--video-fps', type=Fraction, default=Fraction(25), help='or 30000/1001')
    parser.add_argument('--force', action='store_true', help='replace what this tool wrote before')
    return parser.parse_args(argv)


def add_knobs(parser: argparse.ArgumentParser) -> None:
    """Add the knobs of the benchmark."""
    knobs = parser.add_argument_group('knobs')
    knobs.add_argument(
        '--image-size',
        type=int,
        nargs='+',
        default=DEFAULTS.image_size,
        metavar='PIXELS',
        help='side of a square, or height and width',
    )
    knobs.add_argument(
        '--num-objects', type=int, default=DEFAULTS.num_objects, metavar='N', help='visible'
    )
    knobs.add_argument('--num-classes', type=int, default=DEFAULTS.num_classes, metavar='N')
    knobs.add_argument(
        '--num-sounding',
        type=int,
        nargs='+',
        default=DEFAULTS.num_sounding,
        metavar='N',
        help='MS3, v1m, v2: numbers of sounding objects, each entry equally likely',
    )
    knobs.add_argument(
        '--silent-prob',
        type=float,
        default=DEFAULTS.silent_prob,
        help='MS3, v1m, v2: silent frames',
    )
    knobs.add_argument(
        '--switch-prob',
        type=float,
        default=DEFAULTS.switch_prob,
        help='MS3, v1m, v2: state drawn afresh',
    )
    knobs.add_argument(
        '--twins',
        type=int,
        default=DEFAULTS.twins,
        metavar='PAIRS',
        help='pairs of one class, of which one sounds',
    )
    knobs.add_argument(
        '--offscreen-prob',
        type=float,
        default=DEFAULTS.offscreen_prob,
        help='clips with a voice that is not visible',
    )
    knobs.add_argument('--clip-seconds', type=int, default=DEFAULTS.clip_seconds, help='S4, MS3')
    knobs.add_argument('--sample-rate', type=int, default=DEFAULTS.sample_rate, help='of the WAV')
    knobs.add_argument('--channels', type=int, default=DEFAULTS.channels, help='of the WAV')
    knobs.add_argument('--noise-level', type=float, default=DEFAULTS.noise_level)
    knobs.add_argument('--seed', type=int, default=DEFAULTS.seed)
    extra = parser.add_argument_group('further files of S4, MS3 and AVSS')
    extra.add_argument('--maskige', action='store_true', help='Maskiges of the frames')
    extra.add_argument(
        '--vct-layout', action='store_true', help='the 384 set of VCT and COMBO, Maskiges included'
    )
    extra.add_argument(
        '--vct-sizes',
        type=int,
        nargs=2,
        default=(384, 224),
        metavar=('FRAMES', 'MASKS'),
        help='pixels of its frames, and of its val and test masks',
    )


def main(argv: list[str] | None = None) -> None:
    """Write what the command line asks for and say where it is."""
    args = parse_args(argv)
    wanted = GROUPS.get(args.subset, (args.subset,))
    if not wanted and not args.video:
        raise SystemExit('Nothing to write: choose a --subset, or --video N.')
    try:
        synth = SynthAVS(
            image_size=read_size(args.image_size),
            num_objects=args.num_objects,
            num_classes=args.num_classes,
            num_sounding=tuple(args.num_sounding),
            silent_prob=args.silent_prob,
            switch_prob=args.switch_prob,
            clip_seconds=args.clip_seconds,
            sample_rate=args.sample_rate,
            channels=args.channels,
            noise_level=args.noise_level,
            seed=args.seed,
            twins=args.twins,
            offscreen_prob=args.offscreen_prob,
        )
        for subset in wanted:
            write_subset(synth, subset, args)
        if args.video:
            write_videos(synth, args)
    except (ValueError, FileExistsError) as error:
        raise SystemExit(f'error: {error}') from None


def read_size(size: int | list[int]) -> int | tuple[int, int]:
    """One side, or height and width."""
    if isinstance(size, int) or len(size) == 1:
        return size if isinstance(size, int) else size[0]
    if len(size) > 2:
        raise ValueError(f'--image-size takes one or two numbers, got {size}')
    return size[0], size[1]


def write_subset(synth: SynthAVS, subset: str, args: argparse.Namespace) -> None:
    """Write one tree and print the ceilings of each split."""
    root = args.out_dir / ROOTS[subset]
    splits = {'train': args.train, 'val': args.val, 'test': args.test}
    files = dict(maskige=args.maskige, vct_layout=args.vct_layout, vct_sizes=tuple(args.vct_sizes))
    if subset == 'vpo':
        splits.pop('val')
        files = {}
    print(f'{subset.upper()}: {sum(splits.values())} clips to {root}')
    write = getattr(synth, f'write_{subset}')
    meta = write(root, splits, **files, force=args.force, progress=True)
    for split, scores in meta['splits'].items():
        parts = scores.get('subsets', {})
        for name, score in {'': scores, **parts}.items():
            if score.get('clips'):
                print(f'  {f"{split} {name}":11s} {describe(score)}')


def describe(score: dict[str, Any]) -> str:
    """One line about a split or a part of it."""
    return (
        f'{score["clips"]} clips, {score["frames"]} masks; audio-blind ceiling '
        f'{score["ceiling"]:.4f} mIoU (drawn: {score["realised"]:.4f} '
        f'+- {score["realised_std_error"]:.4f})'
    )


def write_videos(synth: SynthAVS, args: argparse.Namespace) -> None:
    """Write MP4 clips, each with a folder of true masks."""
    folder = args.out_dir / 'videos'
    prepare_folder(folder, args.force, {'knobs': synth.knobs()})
    size = tuple(reversed(args.video_size)) if args.video_size else None
    for index in range(args.video):
        truth = synth.write_video(
            folder / f'clip_{index:03d}.mp4',
            subset=args.video_subset,
            index=index,
            seconds=args.video_seconds,
            size=size,
            fps=args.video_fps,
            progress=True,
        )
        print(f'{truth.path}: true masks in {truth.save(folder / f"clip_{index:03d}_truth")}')


if __name__ == '__main__':
    main()
