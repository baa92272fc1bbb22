# Copyright (c) mmavs developers. All rights reserved.
"""Make the pictures of fixed size that VCT reads, out of the originals of AVSBench-semantic.

Examples:
    python tools/dataset_converters/avss_fixed_size.py data/avsbench/AVSS avss
    python tools/dataset_converters/avss_fixed_size.py data/avsbench/AVSS s4 \
        --object-root data/avsbench/Single-source
    python tools/dataset_converters/avss_fixed_size.py data/avsbench/AVSS ms3 \
        --object-root data/avsbench/Multi-sources

``avss``: frames of val and test, 384x384, to ``<label>/<uid>/processed_frames_384``, their labels,
224x224, to ``processed_labels_semantic``, and their Maskiges where there are any.

``s4``, ``ms3``: frames and masks of the clips that the csv of the object set lists, from the clips
v1s or v1m, to ``s4_data_384`` or ``ms3_data_384`` in ``--object-root``. Those of the object set
itself are 224x224 and not the source of VCT's. A mask is what has a colour in ``labels_rgb``.

Pictures are squashed to squares: frames bilinearly, labels, masks and Maskiges by nearest. A bad
picture is left out and told at the end, the others are made. Files that are there are skipped, so
the command can be run again after an interruption, or when bad pictures have been mended.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mmcv
import numpy as np
from PIL import Image

from mmavs.datasets import AVSBenchMS3Dataset, AVSBenchS4Dataset, AVSBenchSemanticDataset
from mmavs.datasets.base_avs_dataset import read_csv_rows
from mmavs.datasets.maskige import save_maskige
from mmavs.datasets.transforms.loading import read_binary_mask, read_picture
from mmavs.utils.file_conversion import add_conversion_arguments, convert_files, whole_file

OBJECT_SETS = {
    's4': (AVSBenchS4Dataset, 'v1s', 's4_meta_data.csv', 'name'),
    'ms3': (AVSBenchMS3Dataset, 'v1m', 'ms3_meta_data.csv', 'video_id'),
}
JPEG_QUALITY = 95


class Job(NamedTuple):
    """A picture to resize: its kind ('frame', 'labels', 'mask' or 'maskige') decides how."""

    kind: str
    source: Path
    target: Path
    size: int


def parse_args(args: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make VCT's pictures of fixed size")
    parser.add_argument('avss_root', type=Path, help='folder of AVSBench-semantic (metadata.csv)')
    parser.add_argument('layout', choices=('avss', *OBJECT_SETS), help='what to make')
    parser.add_argument('--object-root', type=Path, help='folder of S4 or MS3, with its csv')
    parser.add_argument('--frame-size', type=int, default=384, help='default: 384')
    parser.add_argument('--test-mask-size', type=int, default=224, help='default: 224')
    add_conversion_arguments(parser)
    options = parser.parse_args(args)
    if min(options.frame_size, options.test_mask_size) < 1:
        parser.error('--frame-size and --test-mask-size must be at least 1')
    if options.layout != 'avss' and options.object_root is None:
        parser.error(f'{options.layout} needs --object-root')
    return options


def write_resized(job: Job) -> None:
    """Do one job.

    Raises:
        FileNotFoundError: If there is no such picture.
        ValueError: If it is damaged, or a Maskige is none.
    """
    if job.kind == 'mask':
        picture = read_binary_mask(job.source) * np.uint8(255)
    else:
        picture = read_picture(job.source, 'RGB' if job.kind == 'frame' else None)
    if job.kind == 'maskige' and picture.ndim != 2:
        raise ValueError(
            f'{job.source} is a picture in colours, expected a palette PNG as '
            'tools/dataset_converters/sam_masks2maskige.py writes it. Make it again.'
        )
    interpolation = 'bilinear' if job.kind == 'frame' else 'nearest'
    picture = mmcv.imresize(
        picture, (job.size, job.size), interpolation=interpolation, backend='pillow'
    )
    if job.kind == 'maskige':
        save_maskige(job.target, picture)
        return
    options = dict(quality=JPEG_QUALITY) if job.target.suffix == '.jpg' else {}
    with whole_file(job.target) as part:
        Image.fromarray(picture).save(part, **options)


def avss_jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Frames, labels and Maskiges of val and test."""
    dataset = AVSBenchSemanticDataset(
        data_root=str(options.avss_root),
        split=('val', 'test'),
        data_prefix=dict(maskige_path='pre_SAM_mask/AVSBench_semantic'),
    )
    # The names are VCT's whatever the sizes are: the base config has them.
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        for frame, label in zip(map(Path, info['img_paths']), map(Path, info['mask_paths'])):
            clip = frame.parent.parent
            target = clip / 'processed_frames_384' / frame.name
            yield Job('frame', frame, target, options.frame_size)
            target = clip / 'processed_labels_semantic' / label.name
            yield Job('labels', label, target, options.test_mask_size)
        for path in map(Path, info['maskige_paths']):
            if path.is_file():
                target = path.parent.parent / 'processed_frames_384' / path.name
                yield Job('maskige', path, target, options.frame_size)


def object_jobs(options: argparse.Namespace) -> tuple[list[Job], list[str]]:
    """Frames and masks of an object set; and why clips of it are left out."""
    dataset_type, subset, csv_name, key = OBJECT_SETS[options.layout]
    rows = read_csv_rows(
        str(options.object_root / csv_name), dataset_type.COLUMNS, dataset_type.SPLITS
    )
    source = AVSBenchSemanticDataset
    avss_rows = read_csv_rows(
        str(options.avss_root / 'metadata.csv'), source.COLUMNS, source.SPLITS
    )
    uids = index_clips([row for row in avss_rows if row['label'] == subset])
    out = options.object_root / f'{options.layout}_data_384'
    jobs, left_out = [], []
    for row in rows:
        name, split = row[key], row['split']
        found = uids.get((name, split), set())
        if len(found) != 1:
            left_out.append(
                f'{split} clip {name}: {len(found)} clips of {subset} in metadata.csv have this '
                'uid or vid and this split, expected one.'
            )
            continue
        clip = options.avss_root / subset / found.pop()
        place = Path(split, row['category'], name) if 'category' in row else Path(name)
        mask_place = place if 'category' in row else Path(split, name)
        is_train = split == 'train'
        num_masks = 1 if (subset, split) == ('v1s', 'train') else dataset_type.NUM_FRAMES
        size = options.frame_size if is_train else options.test_mask_size
        masks = out / ('gt_masks_384' if is_train else 'gt_masks_224') / mask_place
        for number in range(dataset_type.NUM_FRAMES):
            file = f'{name}_{number + 1}.png'
            frame = clip / 'frames' / f'{number}.jpg'
            jobs.append(
                Job('frame', frame, out / 'visual_frames_384' / place / file, options.frame_size)
            )
            if number < num_masks:
                label = clip / 'labels_rgb' / f'{number}.png'
                jobs.append(Job('mask', label, masks / file, size))
    return jobs, left_out


def index_clips(rows: list[dict[str, str]]) -> dict[tuple[str, str], set[str]]:
    """The uids of clips, by what an object set may call them (uid, vid), and split."""
    uids: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for name in {row['uid'], row.get('vid') or row['uid']}:
            uids.setdefault((name, row['split']), set()).add(row['uid'])
    return uids


def main(args: list[str] | None = None) -> int:
    """Make the pictures.

    Returns:
        int: Exit status, 1 if a clip or picture was left out.
    """
    options = parse_args(args)
    try:
        if options.layout == 'avss':
            jobs, left_out = list(avss_jobs(options)), []
        else:
            jobs, left_out = object_jobs(options)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
    return convert_files(
        write_resized,
        jobs,
        options.nproc,
        options.overwrite,
        done='made',
        failed='left out',
        nouns='clips or pictures',
        left_out=left_out,
    )


if __name__ == '__main__':
    sys.exit(main())
