# Copyright (c) mmavs developers. All rights reserved.
"""The page of the model zoo, from ``model-index.yml`` and the metafiles that it names."""

import re
from pathlib import Path
from typing import Any

import yaml

NOTHING = '–'
DATASETS = ('AVSBench S4', 'AVSBench MS3', 'AVSBench AVSS', 'VPO', 'SynthAVS')
COLUMNS = (
    'Data set',
    'Method',
    'Image, sound',
    'Size',
    'Schedule',
    'mIoU (paper)',
    'F (paper)',
    'From',
    'Protocol, F batch',
    'mIoU on SynthAVS (measured)',
    'F on SynthAVS (measured)',
    'Audio-blind ceiling',
    'Config',
)
INTRODUCTION = """---
html_theme.sidebar_secondary.remove: true
---

# Model zoo

All methods and configs of mmavs, made from the metafiles when these pages are built.

- **(paper)**: numbers that others published, in percent. mmavs has not measured them, and no
  checkpoint of ours has been trained on AVSBench or VPO. *From* says who published them. Numbers of
  different protocols do not compare: *Protocol* is the name in
  [Published protocols](../docs/en/protocols.md), and *F batch* the number of clips over which the
  published F takes its best threshold.
- **(measured)**: measured by mmavs on [SynthAVS](../docs/en/synth_avs.md), one run on a CPU; the
  link leads to the commands. The *audio-blind ceiling* is the best mIoU that can be expected there
  of a model without ears; of AVSS it is that of the foreground mIoU, whatever the class. *Seen*:
  the mean over the classes that occur there.
- {nothing}: nobody has published or measured it.

Checkpoints: the official ones, [converted](../docs/en/checkpoints.md). mmavs publishes none of its
own yet.
"""


def load_index(root: Path) -> list[dict[str, Any]]:
    """The metafiles, in the order of ``model-index.yml``.

    Args:
        root (Path): Of the checkout.

    Returns:
        list[dict]: Contents of the metafiles.
    """
    index = yaml.safe_load((root / 'model-index.yml').read_text(encoding='utf-8'))
    return [yaml.safe_load((root / name).read_text(encoding='utf-8')) for name in index['Import']]


def dataset_rank(name: str) -> int:
    """Where the rows of a data set stand.

    Args:
        name (str): ``Training Data`` of a model.

    Returns:
        int: Its place among :data:`DATASETS`; behind them if it is none.
    """
    ranks = [rank for rank, known in enumerate(DATASETS) if name.startswith(known)]
    return ranks[0] if ranks else len(DATASETS)


def numbers(metrics: dict[str, Any], key: str) -> str:
    """All measured numbers of a kind, with what the key says besides.

    Args:
        metrics (dict): Of a metafile: ``mIoU``, ``Foreground mIoU``, ``Seen F-score`` and so on.
        key (str): ``'mIoU'`` or ``'F-score'``.

    Returns:
        str: For instance ``'2.01, 50.20 (foreground)'``.
    """
    found = []
    for name, value in metrics.items():
        if name.endswith(key):
            label = name.removesuffix(key).strip().lower()
            found.append(f'{value:.2f} ({label})' if label else f'{value:.2f}')
    return ', '.join(found) or NOTHING


def paper_cells(model: dict[str, Any]) -> list[str]:
    """The four cells on what a paper says of a model."""
    if not model.get('Paper Results'):
        return [NOTHING] * 4
    (result,) = model['Paper Results']
    metrics = result['Metrics']
    protocol = f'{result.get("Protocol", "not known")}, {result.get("F Batch", "not known")}'
    scores = [str(metrics.get(key, NOTHING)) for key in ('mIoU', 'F-score')]  # as published
    return [*scores, result['Source'], protocol]


def measured_cells(model: dict[str, Any]) -> list[str]:
    """The three cells on what mmavs measured of a model."""
    if not model.get('Results'):
        return [NOTHING] * 3
    (result,) = model['Results']
    metrics = result['Metrics']
    ceiling = f'{result["Audio-Blind Ceiling"]:.2f}'
    if 'Foreground mIoU' in metrics:
        ceiling += ' (foreground)'
    miou = f'[{numbers(metrics, "mIoU")}](../{result["Measured"]})'
    return [miou, numbers(metrics, 'F-score'), ceiling]


def model_row(model: dict[str, Any]) -> list[str]:
    """The cells of a model, one for each of :data:`COLUMNS`."""
    metadata = model['Metadata']
    schedule = re.search(r'_\d+xb(\d+)-(\d+[ek])_', model['Name'])
    size = re.search(r'-(\d+x\d+)$', model['Name'])
    method = model['In Collection']
    folder = Path(model['Config']).parent.name
    return [
        metadata['Training Data'],
        f'[{method}]({folder}/README.md)',
        ', '.join(metadata['Architecture'][:2]),
        size[1] if size else NOTHING,
        f'{schedule[2]}, {schedule[1]} clips' if schedule else NOTHING,
        *paper_cells(model),
        *measured_cells(model),
        f'[config](../{model["Config"]})',
    ]


def table(rows: list[list[str]], columns: tuple[str, ...]) -> str:
    """A table of Markdown."""
    lines = [' | '.join(columns), ' | '.join('---' for _ in columns)]
    return '\n'.join(f'| {line} |' for line in [*lines, *(' | '.join(row) for row in rows)])


def method_rows(metafiles: list[dict[str, Any]]) -> list[list[str]]:
    """One row a method: name, paper, number of configs, data sets."""
    rows = []
    for metafile in metafiles:
        for collection in metafile['Collections']:
            name, paper = collection['Name'], collection['Paper']
            models = [model for model in metafile['Models'] if model['In Collection'] == name]
            title = f'[{paper["Title"]}]({paper["URL"]})' if paper.get('URL') else paper['Title']
            page = collection['README'].removeprefix('configs/')
            data = sorted(
                {model['Metadata']['Training Data'] for model in models}, key=dataset_rank
            )
            rows.append([f'[{name}]({page})', title, str(len(models)), ', '.join(data)])
    return rows


def model_zoo(root: Path) -> str:
    """The page.

    Args:
        root (Path): Of the checkout.

    Returns:
        str: Markdown whose links are relative to ``configs``.
    """
    metafiles = load_index(root)
    models = [model for metafile in metafiles for model in metafile['Models']]
    models.sort(key=lambda model: dataset_rank(model['Metadata']['Training Data']))
    parts = [
        INTRODUCTION.format(nothing=NOTHING),
        '## Methods\n',
        table(method_rows(metafiles), ('Method', 'Paper', 'Configs', 'Trained on')),
        '\n## All configs\n',
        table([model_row(model) for model in models], COLUMNS),
    ]
    return '\n'.join(parts) + '\n'
