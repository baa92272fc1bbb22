# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/confusion_matrix.py on a small MS3 tree."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from tiny_run import make_run

TOOL = 'tools/analysis_tools/confusion_matrix.py'


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('tiny'), num_clips=3, size=32)


def read(path):
    with open(path, newline='') as file:
        head, *rows = csv.reader(file)
    return head[1:], np.array([[int(cell) for cell in row[1:]] for row in rows])


def test_its_scores_are_those_of_per_dataset_metric(tools, tiny_run, tmp_path, capsys):
    """IoU of both classes from the matrix: another implementation."""
    out = tmp_path / 'scores.json'
    tools.run(
        'tools/test.py', *tiny_run, '--work-dir', tmp_path, '--protocol', 'ravs', '--out', out
    )
    expected = json.loads(out.read_text())
    tools.run(TOOL, *tiny_run, '--out-dir', tmp_path / 'a')
    names, matrix = read(tmp_path / 'a' / 'confusion.csv')
    assert len(names) == 2 and matrix.sum() == 3 * 5 * 32 * 32
    right = matrix.diagonal()
    iou = right / (matrix.sum(0) + matrix.sum(1) - right)
    assert 100 * iou.mean() == pytest.approx(expected['ravs/mIoU'])
    text = capsys.readouterr().out
    assert f'confusion/aAcc {100 * right.sum() / matrix.sum():.2f}' in text
    wrong = 100 * matrix[1, 0] / matrix[1].sum()
    assert f'{wrong:5.1f} % of {names[1]} is taken for {names[0]}' in text
    with Image.open(tmp_path / 'a' / 'confusion.png') as image:
        assert np.asarray(image.convert('L')).std() > 5


def test_shares(tools):
    matrix = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    tool = tools.load(TOOL)
    by_truth = tool.shares(matrix, 'truth')
    np.testing.assert_allclose(by_truth[:2], [[75, 25, 0], [25, 75, 0]])
    assert np.isnan(by_truth[2]).all()
    np.testing.assert_allclose(tool.shares(matrix, 'prediction')[0, :2], [600 / 7, 40])
    assert (tool.shares(matrix, 'none') == matrix).all()


def test_many_classes(tools, tmp_path):
    """Wider for more classes, and only those that occur unless asked for all."""
    tool = tools.load(TOOL, 'c', 'w', '--out-dir', tmp_path)
    args = tool.parse_args()
    args.title = 'x'
    matrix = np.zeros((30, 30), dtype=np.int64)
    matrix[:3, :3] = np.arange(9).reshape(3, 3) + 1
    cfg = tool.Config(dict(work_dir=str(tmp_path)))
    sizes = []
    for args.all_classes, args.normalize in ((False, 'none'), (True, 'prediction')):
        text = tool.write(matrix, [f'c{k}' for k in range(30)], cfg, args)
        with Image.open(tmp_path / 'confusion.png') as image:
            sizes.append(image.width)
    assert sizes[0] < sizes[1]
    assert text.splitlines()[0] == ' 50.0 % of c0 is taken for c2'
    assert len(read(tmp_path / 'confusion.csv')[0]) == 30


def test_a_wrong_checkpoint(tools, tiny_run, tmp_path):
    with pytest.raises(SystemExit, match=f'^{TOOL}: .*nothing.pth'):
        tools.run(TOOL, tiny_run[0], tmp_path / 'nothing.pth', '--out-dir', tmp_path)
