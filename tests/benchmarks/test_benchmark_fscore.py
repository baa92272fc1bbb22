# Copyright (c) mmavs developers. All rights reserved.
import re
import runpy
import sys
from pathlib import Path

import torch

SCRIPT = Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools' / 'benchmark_fscore.py'


def test_histogram_and_passes_agree_and_the_histogram_is_faster(monkeypatch, capsys):
    arguments = ['--sizes', '96', '--frames', '2', '--repeats', '2']
    arguments += ['--threads', str(torch.get_num_threads())]
    monkeypatch.setattr(sys, 'argv', [str(SCRIPT), *arguments])
    runpy.run_path(str(SCRIPT), run_name='__main__')
    line = capsys.readouterr().out.splitlines()[-1]
    ratio, error = re.search(r'ratio (\d+), largest difference (\S+)', line).groups()
    assert float(error) < 1e-6
    assert int(ratio) > 20  # measured: 90 to 400, a ratio of two times of one run
