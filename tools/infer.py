# Copyright (c) mmavs developers. All rights reserved.
"""Segment what sounds in a video, or in a folder of frames with a WAV.

Sound that ends before the pictures is not repeated, as the benchmarks' pipelines may do: a last
window that sticks out is moved back inside, and frames behind the end hear silence (see
``mmavs/apis/clip_stream.py``).
"""

import argparse
import sys

from mmengine.config import DictAction

from mmavs.apis import AVSInferencer
from mmavs.utils.checkpoint import UnsafeCheckpointError


def parse_args(args: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Segment what sounds in a video of any length. Writes masks/*.png (0/255, '
        'named by number and time), results.json (times, area, score) and overlay.mp4 (with the '
        'original sound) to the output folder.'
    )
    parser.add_argument(
        'input', help='video file with sound, or folder of frames with a WAV (see --audio)'
    )
    parser.add_argument('--config', required=True, help='config file')
    parser.add_argument('--checkpoint', required=True, help='checkpoint file')
    parser.add_argument('--out-dir', required=True, help='output folder')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument(
        '--fps',
        type=float,
        help='frames to segment a second, each with the sound around it; default: one a second, '
        'chosen and heard as in the benchmarks',
    )
    parser.add_argument('--batch', type=int, default=1, help='clips a forward pass (default 1)')
    parser.add_argument(
        '--clip-frames', type=int, default=5, help='frames that the model sees at once (default 5)'
    )
    parser.add_argument('--threshold', type=float, help="default: the config's")
    parser.add_argument('--opacity', type=float, default=0.5, help='of the masks (default 0.5)')
    parser.add_argument('--audio', help='WAV of a folder of frames; default: the only one in it')
    parser.add_argument(
        '--frame-fps',
        type=float,
        default=1,
        help='frames a second in a folder of frames (default 1, as in the benchmarks)',
    )
    parser.add_argument('--no-overlay', action='store_true', help='do not write the video')
    parser.add_argument(
        '--resume', action='store_true', help='go on with an interrupted run in --out-dir'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...'
    )
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> None:
    """Segment the input; what is wrong with a file or an option is said in one line."""
    args = parse_args(args)
    try:
        inferencer = AVSInferencer(
            args.config, args.checkpoint, args.device, cfg_options=args.cfg_options
        )
        outputs = inferencer(
            args.input,
            batch_size=args.batch,
            out_dir=args.out_dir,
            resume=args.resume,
            overlay=not args.no_overlay,
            audio=args.audio,
            frame_fps=args.frame_fps,
            fps=args.fps,
            clip_frames=args.clip_frames,
            threshold=args.threshold,
            opacity=args.opacity,
        )
    except (OSError, ValueError, UnsafeCheckpointError) as error:
        sys.exit(f'error: {" ".join(str(error).split())}')
    except KeyboardInterrupt:
        sys.exit(
            f'interrupted: what was segmented so far is in {args.out_dir}; --resume goes on there'
        )
    for name, path in outputs['predictions'][0].items():
        if path is not None:
            print(f'{name}: {path}')


if __name__ == '__main__':
    main()
