# Copyright (c) mmavs developers. All rights reserved.
"""tools/slurm_*.sh with an srun that writes down how it was called."""

import os
import subprocess

import pytest

SRUN = """#!/usr/bin/env bash
printf '%s\\n' "port $MASTER_PORT" "$@" > "$SRUN_LOG"
"""


@pytest.fixture
def run(root, tmp_path):
    """Runs a script; gives the result and the words that srun got."""

    def run(script, *arguments, srun=True, **environment):
        (tmp_path / 'bin').mkdir(exist_ok=True)
        if srun:
            (tmp_path / 'bin/srun').write_text(SRUN)
            (tmp_path / 'bin/srun').chmod(0o755)
        log = tmp_path / 'log'
        variables = dict(PATH=f'{tmp_path}/bin:/usr/bin:/bin', SRUN_LOG=str(log), **environment)
        clean = {k: v for k, v in os.environ.items() if k not in ('GPUS', 'PORT', 'MASTER_PORT')}
        command = ['bash', f'tools/{script}.sh', *arguments]
        result = subprocess.run(
            command, cwd=root, env={**clean, **variables}, capture_output=True, text=True
        )
        return result, log.read_text().splitlines() if log.is_file() else None

    return run


def test_train(run):
    result, words = run('slurm_train', 'gpu', 'my job', 'config.py', '--amp')
    assert result.returncode == 0, result.stderr
    assert words[:4] == ['port 29500', '-p', 'gpu', '--job-name=my job']
    assert words[4:8] == [
        '--gres=gpu:8',
        '--ntasks=8',
        '--ntasks-per-node=8',
        '--cpus-per-task=5',
    ]
    tool = words.index('-u') + 1
    assert os.path.normpath(words[tool]) == 'tools/train.py'
    assert words[tool + 1 :] == ['config.py', '--launcher', 'slurm', '--amp']


def test_test(run):
    settings = dict(GPUS='4', CPUS_PER_TASK='2', SRUN_ARGS='--qos=normal --time=2-0', PORT='29511')
    options = ('config.py', 'model.pth', '--cfg-options', 'a.b="[1, 2]"')
    result, words = run('slurm_test', 'gpu', 'job', *options, **settings)
    assert result.returncode == 0, result.stderr
    assert words[0] == 'port 29511'
    assert {'--gres=gpu:4', '--ntasks=4', '--cpus-per-task=2', '--time=2-0'} <= set(words)
    assert words[-5:] == ['model.pth', '--launcher', 'slurm', '--cfg-options', 'a.b="[1, 2]"']


@pytest.mark.parametrize('script', ['slurm_train', 'slurm_test'])
def test_help_and_missing_arguments(run, script):
    result, words = run(script, '--help')
    assert result.returncode == 0 and f'bash tools/{script}.sh PARTITION' in result.stdout
    result, words = run(script, 'gpu', 'job')
    assert result.returncode == 2 and 'Usage' in result.stderr and words is None


def test_wrong_number_and_no_srun(run):
    result, words = run('slurm_train', 'gpu', 'job', 'config.py', GPUS='two')
    assert result.returncode == 2 and "GPUS is 'two'" in result.stderr and words is None


def test_no_srun(run):
    result, _ = run('slurm_train', 'gpu', 'job', 'config.py', srun=False)
    assert result.returncode == 2 and 'tools/dist_train.sh' in result.stderr
