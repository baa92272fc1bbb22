# Copyright (c) mmavs developers. All rights reserved.
import re
import subprocess
import sys
from pathlib import Path

SCRIPT = (
    Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools' / 'benchmark_clustering.py'
)


def test_both_forms_agree():
    """A size of a second; what the ratios are at 56x56 stands in the README."""
    options = ['--sizes', '14', '--frames', '3', '--repeats', '1']
    result = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    assert re.findall(r'other groups: (\d+) of (\d+)', result.stdout) == [('0', '588')]
