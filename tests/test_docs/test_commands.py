# Copyright (c) mmavs developers. All rights reserved.
"""Commands in the documentation: all name tools, flags and configs that are there; some are run.

A block of bash below the comment ``<!-- run by a test -->`` is run as it stands, on a page from top
to bottom, in a folder that has ``tools`` and ``configs``.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from markdown_files import PAGES, ROOT, code_blocks, name

TOOL = re.compile(r'(?<![\w./-])(tools/[\w/]+\.(?:py|sh))')
CONFIG = re.compile(r'(?<![\w./-])(configs/[\w./-]+\.py)')
RUN = re.compile(r'<!-- run by a test -->\n+```bash\n(.*?)^```', re.MULTILINE | re.DOTALL)
PASSED_ON = {
    'tools/dist_train.sh': 'tools/train.py',
    'tools/dist_test.sh': 'tools/test.py',
    'tools/slurm_train.sh': 'tools/train.py',
    'tools/slurm_test.sh': 'tools/test.py',
    'tools/quickstart.sh': 'tools/misc/quickstart.py',
}
PYTEST = 'tools/run_tests.sh'  # passes its arguments to pytest


@cache
def flags_of(tool: str) -> set[str]:
    """The flags in the source of a tool, of what it passes its arguments on to, or imports."""
    sources = [ROOT / tool, ROOT / PASSED_ON.get(tool, tool)]
    for module in re.findall(r'from (mmavs\.[\w.]+) import', sources[1].read_text()):
        path = ROOT / module.replace('.', '/')
        sources += [
            file for file in (path.with_suffix('.py'), path / '__init__.py') if file.is_file()
        ]
    return {flag for file in sources for flag in re.findall(r'--[a-z][\w-]*', file.read_text())}


def faults(block: str) -> list[str]:
    """What a block of bash names that is not there."""
    found = [config for config in CONFIG.findall(block) if not (ROOT / config).is_file()]
    for line in block.replace('\\\n', ' ').splitlines():
        tool = TOOL.search(line)
        if tool is None:
            continue
        if not (ROOT / tool[1]).is_file():
            found.append(tool[1])
        elif tool[1] != PYTEST:
            flags = re.findall(r'(?<=\s)--[a-z][\w-]*', line.partition(' #')[0])
            found += [f'{tool[1]} {flag}' for flag in flags if flag not in flags_of(tool[1])]
    return found


@pytest.mark.parametrize('path', PAGES, ids=name)
def test_tools_flags_and_configs_are_there(path):
    assert [fault for block in code_blocks(path, 'bash') for fault in faults(block)] == []
    named = TOOL.findall(path.read_text())
    assert [tool for tool in named if not (ROOT / tool).is_file()] == []


def test_faults_are_found():
    assert faults('python tools/no.py x') == ['tools/no.py']
    assert faults('python tools/train.py configs/no/no.py') == ['configs/no/no.py']
    assert faults('bash tools/dist_test.sh \\\n  a --protocl all --out b') == [
        'tools/dist_test.sh --protocl'
    ]
    assert faults('python tools/train.py configs/_base_/default_runtime.py --amp  # not --no') == []


@pytest.mark.parametrize('path', [p for p in PAGES if RUN.search(p.read_text())], ids=name)
def test_commands_run(path, tmp_path):
    for folder in ('tools', 'configs'):
        (tmp_path / folder).symlink_to(ROOT / folder)
    environment = os.environ | {
        'OMP_NUM_THREADS': '1',
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': str(ROOT),
    }
    for block in RUN.findall(path.read_text()):
        result = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, block + result.stdout[-2000:] + result.stderr[-3000:]


def test_some_commands_are_run():
    assert sum(len(RUN.findall(path.read_text())) for path in PAGES) >= 3
