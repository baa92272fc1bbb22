#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Set up what is missing and start the demo:
#   bash projects/gradio_demo/start.sh [arguments of projects/gradio_demo/app.py, such as --help]
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
base="$(realpath -m "${MMAVS_VENV:-$here/../../.venv}")"
bash "$here/../../tools/setup_env.sh"
bash "$here/setup_env.sh"
exec "$(realpath -m "${MMAVS_DEMO_VENV:-$base-demo}")/bin/python" "$here/app.py" "$@"
