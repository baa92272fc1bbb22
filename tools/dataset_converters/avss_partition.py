# Copyright (c) mmavs developers. All rights reserved.
"""Divide the clips of AVSBench-semantic into one and several sounding sources (AVSS-SS, AVSS-MS).

Example:
    python tools/dataset_converters/avss_partition.py data/avsbench/AVSS

CPM's partition of the test split, 1278 and 276 clips, is published as two numbers only. This counts
what each rule that may be meant gives (``mmavs.datasets.avss_partition``), says which fits, and
stores the list of one rule: of ``--rule``, else of the first that fits, else of ``objects``. Use
it with ``partition_file='avss_partition_test.json'`` in the data set.
"""

import argparse
import sys
from pathlib import Path

from mmavs.datasets import AVSBenchSemanticDataset
from mmavs.datasets.avss_partition import (
    PARTITION_RULES,
    PUBLISHED_PARTITION,
    label_rules,
    name_rules,
    save_partition,
)
from mmavs.utils.progress import progress_bar


def parse_args(args: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Divide AVSS into single and multiple sources')
    parser.add_argument('data_root', type=Path, help='folder with metadata.csv and label2idx.json')
    parser.add_argument('--split', default='test', choices=AVSBenchSemanticDataset.SPLITS)
    parser.add_argument('--rule', choices=PARTITION_RULES, help='store the list of this rule')
    parser.add_argument(
        '--out', type=Path, help='JSON file (default: DATA_ROOT/avss_partition_<split>.json)'
    )
    parser.add_argument(
        '--label-source', default='semantic', choices=tuple(AVSBenchSemanticDataset.LABEL_FOLDERS)
    )
    return parser.parse_args(args)


def find_multiple(dataset: AVSBenchSemanticDataset) -> dict[str, dict[str, bool]]:
    """Apply all rules to all clips; a rule on names is left out where there is no ``a_obj``.

    Returns:
        dict[str, dict[str, bool]]: By rule, by clip id: whether it has several sources.
    """
    found: dict[str, dict[str, bool]] = {}
    with progress_bar() as bar:
        for index in bar.track(range(len(dataset)), description='clips'):
            info = dataset.get_data_info(index)
            rules = label_rules(dataset.read_clip_labels(info))
            if 'heard_objects' in info:
                rules = {**name_rules(info['heard_objects'], dataset.class_names), **rules}
            for rule, is_multiple in rules.items():
                found.setdefault(rule, {})[info['clip_id']] = is_multiple
    # A clip without a_obj among others that have it: no count of the names could be right.
    return {rule: clips for rule, clips in found.items() if len(clips) == len(dataset)}


def main(args: list[str] | None = None) -> int:
    """Count, choose and store.

    Returns:
        int: Exit status, 1 if the wanted rule cannot be applied.
    """
    options = parse_args(args)
    try:
        dataset = AVSBenchSemanticDataset(
            data_root=str(options.data_root),
            split=options.split,
            label_source=options.label_source,
        )
        found = find_multiple(dataset)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'error: {error}') from None
    is_published = options.split == 'test'
    fitting = []
    print(f'{len(dataset)} clips of split {options.split}')
    for rule in PARTITION_RULES:
        if rule not in found:
            print(f'  {rule:<18} no a_obj in metadata.csv')
            continue
        multiple = sum(found[rule].values())
        counts = {'ss': len(dataset) - multiple, 'ms': multiple}
        fits = is_published and counts == PUBLISHED_PARTITION
        fitting += [rule] * fits
        print(f'  {rule:<18} ss {counts["ss"]:>5}  ms {counts["ms"]:>5}{"  fits" if fits else ""}')
    if is_published:
        print('  {:<18} ss {ss:>5}  ms {ms:>5}'.format('published (CPM)', **PUBLISHED_PARTITION))
    rule = options.rule or (fitting or ['objects'])[0]
    if rule not in found:
        print(f'Rule {rule} needs the column a_obj. Choose another with --rule.', file=sys.stderr)
        return 1
    if is_published and rule not in fitting:
        print(f'Rule {rule} does not give the published numbers.')
    path = options.out or options.data_root / f'avss_partition_{options.split}.json'
    save_partition(path, found[rule], rule, options.split)
    print(f'The list of rule {rule} is in {path}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
