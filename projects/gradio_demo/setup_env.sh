#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Make the environment of the demo: gradio and what it needs, on top of that of mmavs. See --help.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
base="$(realpath -m "${MMAVS_VENV:-$root/.venv}")"
venv="$(realpath -m "${MMAVS_DEMO_VENV:-$base-demo}")"
tests=false

usage() {
    cat <<'TEXT'
Usage: bash projects/gradio_demo/setup_env.sh [--tests] [--help]

Makes an environment that sees all packages of .venv (make that with tools/setup_env.sh) and has
those of requirements/demo.txt before them: nothing in .venv changes. A second run takes a second.

  --tests   also install playwright and, where no Chromium is found, Chromium: by playwright, or
            else with apt-get. Where neither has it, the browser test is skipped and says so.

Environment variables:
  MMAVS_VENV        the environment of mmavs, instead of .venv
  MMAVS_DEMO_VENV   the environment of the demo, instead of that name with -demo behind it
TEXT
}

say() { printf '[demo setup %3ds] %s\n' "$SECONDS" "$*"; }

fail() {
    printf 'gradio_demo/setup_env: ERROR: %s\n' "$*" >&2
    exit 1
}

for argument in "$@"; do
    case $argument in
        --tests) tests=true ;;
        -h | --help) usage && exit 0 ;;
        *) fail "unknown argument '$argument'. See: bash projects/gradio_demo/setup_env.sh --help" ;;
    esac
done

[[ -x $base/bin/python ]] || fail "there is no environment $base: make it with bash tools/setup_env.sh"
wanted=(gradio)
requirements=(-r "$root/requirements/demo.txt")
if $tests; then
    wanted+=(playwright)
    requirements+=(-r "$root/requirements/demo_tests.txt")
fi

has_packages() {
    "$venv/bin/python" -c 'import sys, importlib.util as u
sys.exit(not all(map(u.find_spec, ["mmavs", *sys.argv[1:]])))' "${wanted[@]}" 2>/dev/null
}

if ! has_packages; then
    say "making $venv on top of $base"
    "$base/bin/python" -m venv "$venv" || fail "$venv cannot be made"
    packages() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
    # A plain path would leave out what .pth files in there add, such as an editable mmavs.
    echo "import site; site.addsitedir('$(packages "$base")')" >"$(packages "$venv")/mmavs_base.pth"
    say "installing ${wanted[*]}"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "${requirements[@]}" >"$venv/pip.log" 2>&1 ||
        fail "pip could not install them: check the network and \"pip config list\", then run this again." \
            "Log: $venv/pip.log"
    has_packages || fail "still missing one of: mmavs ${wanted[*]}"
fi

# Where an earlier run could not get one, do not ask again and again.
if $tests && [[ ! -e $venv/no-chromium ]] &&
    ! command -v chromium chromium-browser google-chrome >/dev/null; then
    say 'installing Chromium'
    if ! timeout 300 "$venv/bin/python" -m playwright install chromium >"$venv/chromium.log" 2>&1 &&
        ! { [[ $EUID == 0 ]] && command -v apt-get >/dev/null &&
            { apt-get update && apt-get install -y --no-install-recommends chromium; } \
                >>"$venv/chromium.log" 2>&1; }; then
        touch "$venv/no-chromium"
        say "no Chromium is to be had ($venv/chromium.log): the browser test is skipped." \
            "Remove $venv/no-chromium to try again"
    fi
fi
say "ready: $venv"
