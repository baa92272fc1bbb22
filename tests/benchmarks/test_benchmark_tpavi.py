# Copyright (c) mmavs developers. All rights reserved.
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools' / 'benchmark_tpavi.py'


@pytest.mark.parametrize('options', [[], ['--backward']])
def test_both_forms_agree(options):
    """Sizes of seconds; what the ratio is at 56x56 stands in the README of TPAVI."""
    result = subprocess.run(
        [sys.executable, str(SCRIPT), '--sizes', '14', '--repeats', '1', *options],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    difference = float(re.search(r'largest difference (\S+)', result.stdout).group(1))
    assert difference < 1e-4  # float32, and a batch norm divides by a small spread
