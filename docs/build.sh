#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Build the documentation into docs/_build/html; any warning is an error:
#   bash docs/build.sh [arguments of sphinx-build, e.g. -b linkcheck for the links to other sites]
# Everything is read anew (-E): a page that is not read gives no warning.
# What is missing is installed into $MMAVS_VENV (default: .venv) by tools/setup_env.sh --docs.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MMAVS_VENV="$(realpath -m "${MMAVS_VENV:-$root/.venv}")"
export MMAVS_VENV
cd "$root"
bash tools/setup_env.sh --docs

python="$MMAVS_VENV/bin/python"
"$python" docs/site/stage.py docs/_build/source
# The API reference is of this checkout, wherever mmavs is installed from.
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" "$python" -m sphinx -W --keep-going -q -E \
    docs/_build/source docs/_build/html "$@"
echo "docs: $root/docs/_build/html/index.html"
