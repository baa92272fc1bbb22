# Copyright (c) mmavs developers. All rights reserved.
"""The main job on embedded data: write it, train, test, test with swapped sound, segment a video.

Every step is a command that can be run by hand; it is printed before it runs. Run again, whole data
are not written again and the training goes on where it stopped; tests and video are repeated.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'
MARGIN = 20.0
"""float: Percent of mIoU by which the model must beat the audio-blind ceiling."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/quickstart'))
    parser.add_argument('--config', default=CONFIG, help='relative to the checkout')
    parser.add_argument('--train', type=int, default=400, metavar='N', help='training clips')
    parser.add_argument('--test', type=int, default=80, metavar='N', help='test clips')
    parser.add_argument('--epochs', type=int, help='default: as in the config')
    return parser.parse_args()


def run(title: str, tool: str, *arguments: object) -> None:
    """Run one of our tools, after saying which."""
    command = ['python', tool, *map(str, arguments)]
    print(f'\n== {title}\n$ {shlex.join(command)}', flush=True)
    start = time.monotonic()
    command[0] = sys.executable
    result = subprocess.run(command, cwd=ROOT, env=dict(os.environ, PYTHONWARNINGS='ignore'))
    if result.returncode:
        raise SystemExit(f'quickstart: the step "{title}" failed, see above.')
    print(f'== {title}: {time.monotonic() - start:.0f} s', flush=True)


def is_whole(data: Path) -> bool:
    """Whether clips and video were written to the end: of each, this file comes last."""
    meta_path = data / 'Multi-sources' / 'synth_meta.json'
    if not meta_path.is_file() or not any((data / 'videos').glob('*_truth/truth.json')):
        return False
    try:
        complete = json.loads(meta_path.read_text()).get('complete', False)
    except ValueError:  # it was being written
        return False
    return complete and any((data / 'videos').glob('*.mp4'))


def write_data(work_dir: Path, train: int, test: int) -> tuple[Path, Path, float]:
    """Write the clips and a video with sound.

    Returns:
        tuple: Data root, video, and the audio-blind ceiling of the test split in percent.
    """
    data = work_dir / 'data'
    meta_path = data / 'Multi-sources' / 'synth_meta.json'
    if not is_whole(data):
        run(
            'Write SynthAVS in the layout of MS3, and a video',
            'tools/dataset_converters/synth_avs.py',
            *(data, '--subset', 'ms3', '--image-size', 96),
            *('--train', train, '--val', max(train // 10, 2), '--test', test),
            *('--video', 1, '--video-subset', 'ms3', '--video-seconds', 12),
            *('--video-size', 320, 320, '--force'),
        )
    splits = json.loads(meta_path.read_text())['splits']
    if (splits['train']['clips'], splits['test']['clips']) != (train, test):
        raise SystemExit(
            f'quickstart: {data} holds {splits["train"]["clips"]} training and '
            f'{splits["test"]["clips"]} test clips, asked for were {train} and {test}. '
            'Remove it, or choose another --work-dir.'
        )
    video = next((data / 'videos').glob('*.mp4'))
    return data / 'Multi-sources', video, 100 * splits['test']['ceiling']


def test(title: str, args: argparse.Namespace, checkpoint: Path, *options: str) -> dict:
    """Test and return the scores in percent."""
    out = args.work_dir / f'{title.replace(" ", "_")}.json'
    run(
        f'Test: {title}',
        'tools/test.py',
        *(args.config, checkpoint, '--work-dir', args.work_dir / 'test', '--out', out),
        *('--show-dir', 'pictures', '--interval', 20, '--cfg-options', *options),
    )
    return json.loads(out.read_text())


def main() -> None:
    """Run all steps and print what came out."""
    args = parse_args()
    args.work_dir = args.work_dir.absolute()
    start = time.monotonic()
    root, video, ceiling = write_data(args.work_dir, args.train, args.test)

    loaders = [f'{split}_dataloader.dataset.data_root={root}' for split in ('train', 'val', 'test')]
    if args.epochs:
        loaders.append(f'train_cfg.max_epochs={args.epochs}')
    train_dir = args.work_dir / 'train'
    run(
        'Train',
        'tools/train.py',
        *(args.config, '--work-dir', train_dir, '--resume', '--cfg-options', *loaders),
    )
    checkpoint = Path((train_dir / 'last_checkpoint').read_text().strip())
    right = test('right sound', args, checkpoint, *loaders)
    # A folder a run, named by its time: of this run, not of an earlier one.
    newest = max((args.work_dir / 'test').glob('*/pictures'), key=lambda p: p.stat().st_mtime)
    picture = min(newest.rglob('*.png'))
    swapped = test(
        'swapped sound',
        args,
        checkpoint,
        *loaders,
        'test_dataloader.dataset.audio_condition=swapped',
    )
    overlay_dir = args.work_dir / 'video'
    run(
        'Segment a video',
        'tools/infer.py',
        *(video, '--config', args.config, '--checkpoint', checkpoint),
        *('--out-dir', overlay_dir, '--fps', 4),
    )
    overlays = sorted(overlay_dir.rglob('*.mp4'))
    gain = right['avs/mIoU'] - ceiling
    print(
        f"""
== Results on {args.test} SynthAVS test clips, in percent
   mIoU with the right sound    {right['avs/mIoU']:6.2f}   F-score {right['avs/Fscore_b2']:.2f}
   audio-blind ceiling          {ceiling:6.2f}   the best that a model without ears can reach
   mIoU with swapped sound      {swapped['avs/mIoU']:6.2f}
   above the ceiling by         {gain:6.2f}   (expected: at least {MARGIN:.0f})
   video     {overlays[0]}
   picture   {picture}
   weights   {checkpoint}
   time      {(time.monotonic() - start) / 60:.1f} min without set-up"""
    )
    if gain < MARGIN or swapped['avs/mIoU'] >= ceiling:
        raise SystemExit('quickstart: the model does not beat the ceiling as it should.')


if __name__ == '__main__':
    main()
