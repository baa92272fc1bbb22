#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Set up what the tests need, then run them:
#   bash tools/run_tests.sh [arguments of pytest]
# MMAVS_TEST_WORKERS: processes (default: one a core, at most 4; 1 runs them in this one).
# MMAVS_TEST_BROWSER: 0 installs neither gradio nor Chromium for the browser test of the web demo.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MMAVS_VENV="$(realpath -m "${MMAVS_VENV:-$root/.venv}")"
export MMAVS_VENV
cd "$root"
bash tools/setup_env.sh --tests
# What the browser test needs; where it is not to be had, that test is skipped and says so.
if [[ ${MMAVS_TEST_BROWSER:-1} == 1 ]]; then
    bash projects/gradio_demo/setup_env.sh --tests || echo 'run_tests: going on without the demo' >&2
fi

# A test does not get faster with threads, but two processes that each use all cores get slower.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
cores=$(env -u OMP_NUM_THREADS nproc) # nproc heeds OMP_NUM_THREADS
workers="${MMAVS_TEST_WORKERS:-$((cores < 4 ? cores : 4))}"
parallel=()
if ((workers > 1)); then parallel=(-n "$workers" --dist loadfile); fi

# Tests start tools, which look for python and torchrun on the PATH.
PATH="$MMAVS_VENV/bin:$PATH" exec python -m pytest ${parallel[@]+"${parallel[@]}"} "$@"
