# Copyright (c) mmavs developers. All rights reserved.
"""Write the synthetic benchmark in AVSBench's layout, and videos with sound."""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from mmavs.testing.synth_avs import SynthAVS
from mmavs.testing.synth_writer import prepare_folder

ROOTS = {'s4': 'Single-source', 'ms3': 'Multi-sources'}
DEFAULTS = SynthAVS()


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        'out_dir', type=Path, help='folder that takes Single-source, ... and videos'
    )
    parser.add_argument('--subset', choices=('s4', 'ms3', 'both', 'none'), default='s4')
    parser.add_argument('--train', type=int, default=64, metavar='N', help='training clips')
    parser.add_argument('--val', type=int, default=16, metavar='N', help='validation clips')
    parser.add_argument('--test', type=int, default=16, metavar='N', help='test clips')
    parser.add_argument('--image-size', type=int, default=DEFAULTS.image_size, metavar='PIXELS')
    parser.add_argument('--num-objects', type=int, default=DEFAULTS.num_objects, metavar='N')
    parser.add_argument('--num-classes', type=int, default=DEFAULTS.num_classes, metavar='N')
    parser.add_argument(
        '--num-sounding',
        type=int,
        nargs='+',
        default=DEFAULTS.num_sounding,
        metavar='N',
        help='MS3: numbers of sounding objects, each entry equally likely',
    )
    parser.add_argument(
        '--silent-prob', type=float, default=DEFAULTS.silent_prob, help='MS3: silent frames'
    )
    parser.add_argument(
        '--switch-prob', type=float, default=DEFAULTS.switch_prob, help='MS3: state drawn afresh'
    )
    parser.add_argument('--clip-seconds', type=int, default=DEFAULTS.clip_seconds)
    parser.add_argument('--sample-rate', type=int, default=DEFAULTS.sample_rate, help='of the WAV')
    parser.add_argument('--channels', type=int, default=DEFAULTS.channels, help='of the WAV')
    parser.add_argument('--noise-level', type=float, default=DEFAULTS.noise_level)
    parser.add_argument('--seed', type=int, default=DEFAULTS.seed)
    video = parser.add_argument_group('videos')
    video.add_argument('--video', type=int, default=0, metavar='N', help='MP4 clips to write')
    video.add_argument('--video-subset', choices=tuple(ROOTS), default='s4')
    video.add_argument('--video-seconds', type=float, default=10.0)
    video.add_argument('--video-size', type=int, nargs=2, metavar=('WIDTH', 'HEIGHT'))
    video.add_argument('--video-fps', type=Fraction, default=Fraction(25), help='or 30000/1001')
    parser.add_argument('--force', action='store_true', help='replace what this tool wrote before')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Write what the command line asks for and say where it is."""
    args = parse_args(argv)
    if args.subset == 'none' and not args.video:
        raise SystemExit('Nothing to write: choose a --subset, or --video N.')
    try:
        synth = SynthAVS(
            image_size=args.image_size,
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
        )
        for subset in ROOTS if args.subset == 'both' else [args.subset]:
            if subset in ROOTS:
                write_subset(synth, subset, args)
        if args.video:
            write_videos(synth, args)
    except (ValueError, FileExistsError) as error:
        raise SystemExit(f'error: {error}') from None


def write_subset(synth: SynthAVS, subset: str, args: argparse.Namespace) -> None:
    """Write one subset and print the ceiling of each split."""
    root = args.out_dir / ROOTS[subset]
    splits = {'train': args.train, 'val': args.val, 'test': args.test}
    write = synth.write_s4 if subset == 's4' else synth.write_ms3
    print(f'{subset.upper()}: {sum(splits.values())} clips to {root}')
    meta = write(root, splits, force=args.force, progress=True)
    for split, score in meta['splits'].items():
        if score['clips']:
            print(f'  {split:5s} {describe(score)}')


def describe(score: dict[str, Any]) -> str:
    """One line about a split."""
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
