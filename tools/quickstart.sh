#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# The main job, from nothing: set up .venv, then train, test and segment a video on synthetic data:
#   bash tools/quickstart.sh [arguments of tools/misc/quickstart.py]
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bash "$root/tools/setup_env.sh"
exec "$(realpath -m "${MMAVS_VENV:-$root/.venv}")/bin/python" "$root/tools/misc/quickstart.py" "$@"
