# Copyright (c) mmavs developers. All rights reserved.
import pytest
from PIL import Image

from mmavs.evaluation.robustness_report import arrange, draw_report, markdown_table

SCORES = {
    'robust/mIoU_original': 50.0, 'robust/F_original': 60.0, 'robust/FPR_original': 10.0,
    'robust/mIoU_silence': 5.0, 'robust/F_silence': 6.0, 'robust/FPR_silence': 0.5,
    'robust/G_mIoU_silence': 65.5, 'robust/G_F_silence': 73.25,
    'robust/G_mIoU': 65.5, 'robust/G_F': 73.25, 'robust/G_FPR': 0.5,
}  # fmt: skip


def test_arrange_and_table():
    report = arrange(SCORES, ['original', 'silence'])
    assert report['conditions']['original'] == dict(mIoU=50, F=60, FPR=10)
    assert report['conditions']['silence']['G_F'] == 73.25
    assert report['global'] == dict(G_mIoU=65.5, G_F=73.25, G_FPR=0.5)
    assert markdown_table(report).splitlines() == [
        '| audio | mIoU | F | FPR | G_mIoU | G_F | G_FPR |',
        '|---|---:|---:|---:|---:|---:|---:|',
        '| original | 50.00 | 60.00 | 10.00 |  |  |  |',
        '| silence | 5.00 | 6.00 | 0.50 | 65.50 | 73.25 |  |',
        '| all negatives |  |  |  | 65.50 | 73.25 | 0.50 |',
    ]


@pytest.mark.parametrize('conditions', [['original', 'silence'], ['original']])
def test_figure(conditions, tmp_path):
    """Also where there is no F and no G."""
    scores = {name: value for name, value in SCORES.items() if '/F_' not in name}
    if len(conditions) == 1:
        scores = {name: value for name, value in scores.items() if 'original' in name}
    draw_report(arrange(scores, conditions), 'a model', tmp_path / 'figure.png')
    with Image.open(tmp_path / 'figure.png') as image:
        assert image.size == (1200, 480)
        assert len(image.convert('RGB').getcolors(1 << 20)) > 20
