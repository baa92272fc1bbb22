#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Make an environment in which mmavs works. See --help.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
log="${MMAVS_SETUP_LOG:-$root/work_dirs/setup_env.log}"
need_mb=6000
active=false
tests=false
docs=false
with_ops=false
worker=

usage() {
    cat <<'TEXT'
Usage: bash tools/setup_env.sh [--active] [--tests] [--docs] [--with-ops] [--help]

Makes .venv in this checkout with the stack that is known to work (requirements/pinned.txt) and
mmavs itself, editable. What is there already stays: a second run takes seconds.

  --active     use the active Python environment instead of .venv
  --tests      also install what the tests and the linters need (requirements/tests.txt)
  --docs       also install what docs/build.sh needs (requirements/docs.txt)
  --with-ops   also compile mmcv's operators: with CUDA where there are nvcc and a GPU, else for
               the CPU. Takes minutes. Nothing in mmavs needs them; on a GPU they are faster.

Environment variables:
  MMAVS_VENV       folder of the environment, instead of .venv
  MMAVS_PYTHON     Python (3.10 to 3.13) that the environment is made with
  MMAVS_INSTALLER  uv or pip. Default: uv, which is several times faster, and pip where uv is not
                   to be had. Both take the index, links and certificate from pip's configuration.
  MMAVS_SETUP_LOG  where the log goes, instead of work_dirs/setup_env.log
TEXT
}

say() { printf '[setup %3ds] %s\n' "$SECONDS" "$*"; }

fail() {
    printf 'setup_env: ERROR: %s\n' "$*" >&2
    exit 1
}

stop_worker() { if [[ -n $worker ]]; then kill -- "-$worker" 2>/dev/null || true; fi; }
trap stop_worker EXIT
trap 'exit 130' INT TERM

# logged WHAT COMMAND...: run a command with its output in the log and a sign of life on the screen.
logged() {
    local what=$1 begin=$SECONDS code=0 mark reason hint='Mend that and run this again'
    shift
    mark=$(($(wc -c <"$log") + 1))
    printf '\n$ %s\n' "$*" >>"$log"
    set -m # a process group of its own, so that all of it can be stopped
    "$@" >>"$log" 2>&1 </dev/null &
    worker=$!
    set +m
    while kill -0 "$worker" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - begin >= 15)); then
            begin=$SECONDS
            say "   ... $(tail -n 1 "$log" | cut -c1-80)"
        fi
    done
    wait "$worker" || code=$?
    worker=
    ((code == 0)) && return
    reason=$(tail -c "+$mark" "$log" | grep -iE 'error|no space|failed|cannot|not found' |
        grep -v '^\$' | tail -n 1 | cut -c1-200 || true)
    if tail -c "+$mark" "$log" | grep -qi 'no space left'; then
        hint='The disk is full: free some space and run this again'
    elif tail -c "+$mark" "$log" |
        grep -qiE 'dns error|name resolution|error sending request|connection (refused|error)|new connection|timed out|unreachable|no matching distribution'; then
        hint='The package index cannot be reached or lacks it: check the network and "pip config list", then run this again'
    fi
    fail "$what failed (exit $code): ${reason:-no message}. $hint. Log: $log"
}

python_works() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${MMAVS_PYTHON:-python3 python python3.12 python3.11 python3.13 python3.10}; do
        if python_works "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python 3.10 to 3.13 among: ${MMAVS_PYTHON:-python3 python python3.10 to python3.13}." \
        'Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name one in MMAVS_PYTHON'
}

check_disk() {
    local free_mb
    free_mb=$(($(df -Pk "$1" | awk 'NR == 2 {print $4}') / 1024))
    if ((free_mb < need_mb)); then
        fail "$1 has $free_mb MB free and the stack needs about $need_mb MB (torch comes with CUDA)." \
            'Free some, or put the environment elsewhere with MMAVS_VENV=/path'
    fi
}

make_venv() {
    local venv=$1 base clear=()
    if [[ -e $venv/pyvenv.cfg ]]; then
        say "$venv has no Python 3.10 to 3.13 that runs: making it anew"
        clear=(--clear)
    elif [[ -d $venv && -n $(ls -A "$venv") ]]; then
        fail "$venv is there and is no virtual environment. Remove it or set MMAVS_VENV to another folder"
    fi
    base=$(find_python)
    mkdir -p "$venv" 2>>"$log" || fail "$venv cannot be made. Set MMAVS_VENV to a folder that can be written"
    check_disk "$venv"
    say "making $venv with $base ($("$base" -V))"
    if ! "$base" -c 'import venv, ensurepip' 2>>"$log"; then
        rmdir "$venv" 2>/dev/null || true
        fail "$base lacks the module venv or ensurepip." \
            'Install them (Debian, Ubuntu: apt-get install python3-venv), or name another Python in MMAVS_PYTHON'
    fi
    logged "making $venv" "$base" -m venv ${clear[@]+"${clear[@]}"} "$venv"
}

# Fill the array `installer` with the command that installs packages into $python, `remover` with
# the one that removes them, and `deps` with what goes along for opencv-python: see mend_cv2.
choose_installer() {
    local uv config value
    installer=("$python" -m pip install --no-compile --disable-pip-version-check)
    remover=("$python" -m pip uninstall -y --disable-pip-version-check)
    deps=("${headless/-headless/}")
    [[ ${MMAVS_INSTALLER:-uv} == pip ]] && return
    [[ ${MMAVS_INSTALLER:-uv} == uv ]] || fail "MMAVS_INSTALLER is '$MMAVS_INSTALLER': expected uv or pip"
    uv=$(command -v uv || true)
    if [[ -z $uv ]]; then
        uv="$(dirname "$python")/uv"
        if [[ ! -x $uv ]] && ! "$python" -m pip install uv >>"$log" 2>&1; then
            say 'uv is not to be had: pip installs (slower)'
            return
        fi
    fi
    installer=("$uv" pip install --python "$python" --no-progress --index-strategy unsafe-best-match)
    remover=("$uv" pip uninstall --python "$python")
    deps=(--overrides "$root/requirements/overrides.txt")
    config=$("$python" -m pip config list 2>>"$log" || true)
    pip_setting() { sed -n "s/^[^.]*\.$1='\(.*\)'\$/\1/p" <<<"$config" | tr ' ' '\n' | sort -u; }
    for value in $(pip_setting index-url | head -n 1); do installer+=(--index-url "$value"); done
    for value in $(pip_setting extra-index-url); do
        # uv stops at a folder that is not there; pip passes it by
        if [[ $value != file://* || -d ${value#file://} ]]; then installer+=(--extra-index-url "$value"); fi
    done
    for value in $(pip_setting find-links); do
        if [[ $value == *://* || -e $value ]]; then installer+=(--find-links "$value"); fi
    done
    for value in $(pip_setting cert | head -n 1); do export SSL_CERT_FILE="${SSL_CERT_FILE:-$value}"; done
    export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"
}

# opencv-python and opencv-python-headless write the same folder cv2/, and only the latter imports
# without libGL.so.1. uv leaves the former out; pip cannot, and other environments may have it.
mend_cv2() {
    say "making cv2 that of $headless alone"
    logged 'removing the other builds of OpenCV' "${remover[@]}" opencv-python opencv-contrib-python
    logged "installing $headless" "${installer[@]}" --no-deps --force-reinstall "$headless"
}

compile_ops() {
    local kind=CPU force_cuda=0 mmcv
    mmcv=$(grep '^onedl-mmcv==' "$root/requirements/pinned.txt")
    if command -v nvcc >/dev/null &&
        "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
        kind=CUDA force_cuda=1
    fi
    say "compiling the operators of $mmcv for $kind; this takes minutes"
    logged 'installing ninja' "${installer[@]}" ninja wheel
    # pip would keep the wheel and give it to another torch: neither cache nor prebuilt wheels.
    logged 'compiling the operators of mmcv' env MMCV_WITH_OPS=1 FORCE_CUDA=$force_cuda \
        MAX_JOBS="${MAX_JOBS:-$(nproc)}" "$python" -m pip install --no-build-isolation --no-cache-dir \
        --no-deps --force-reinstall --no-binary onedl-mmcv "$mmcv"
}

for argument in "$@"; do
    case $argument in
        --active) active=true ;;
        --tests) tests=true ;;
        --docs) docs=true ;;
        --with-ops) with_ops=true ;;
        -h | --help) usage && exit 0 ;;
        *) fail "unknown argument '$argument'. See: bash tools/setup_env.sh --help" ;;
    esac
done

mkdir -p "$(dirname "$log")"
: >"$log" || fail "the log $log cannot be written. Set MMAVS_SETUP_LOG to another place"
if $active; then
    python=$(find_python)
else
    venv="$(realpath -m "${MMAVS_VENV:-$root/.venv}")"
    python_works "$venv/bin/python" || make_venv "$venv"
    python="$venv/bin/python"
fi
say "environment: $("$python" -c 'import sys; print(sys.prefix)') ($("$python" -V))"

checks=()
headless=$(grep '^opencv-python-headless==' "$root/requirements/pinned.txt")
requirements=(-r "$root/requirements/pinned.txt")
if $tests; then
    checks+=(--tests)
    requirements+=(-r "$root/requirements/tests.txt")
fi
if $docs; then
    checks+=(--docs)
    requirements+=(-r "$root/requirements/docs.txt")
fi
if $with_ops; then checks+=(--with-ops); fi
unmet() { "$python" "$root/tools/misc/check_env.py" ${checks[@]+"${checks[@]}"} 2>&1; }

if missing=$(unmet); then
    say 'everything is there'
    exit 0
fi
say 'missing:'
paste -sd';' <<<"$missing" | sed 's/;/; /g' | fold -s -w 90 | sed 's/^/    /'
choose_installer
if grep -qvE '^(mmavs|cv2|mmcv operators)' <<<"$missing"; then
    if grep -q '^torch==' <<<"$missing"; then check_disk "$("$python" -c 'import sys; print(sys.prefix)')"; fi
    say "installing with $(basename "${installer[0]}")"
    logged 'installing the packages' "${installer[@]}" "${requirements[@]}" "${deps[@]}"
fi
missing=$(unmet) || true
if grep -q '^cv2' <<<"$missing"; then mend_cv2; fi
if grep -q '^mmavs' <<<"$missing"; then
    say "installing mmavs from $root, editable"
    logged 'installing mmavs' "${installer[@]}" --no-deps --no-build-isolation -e "$root"
fi
if grep -q '^mmcv operators' <<<"$missing"; then compile_ops; fi

missing=$(unmet) || fail "still missing: $(tr '\n' ';' <<<"$missing") Log: $log"
say 'importing mmavs once'
logged 'importing mmavs' "$python" -c 'import mmavs'
say "done. Activate it with: source $(dirname "$python")/activate"
