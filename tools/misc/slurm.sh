#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# What tools/slurm_train.sh and tools/slurm_test.sh share; the first argument is train or test.
set -euo pipefail

kind=$1
shift
words='PARTITION JOB_NAME CONFIG'
if [[ $kind == test ]]; then words+=' CHECKPOINT'; fi

usage() {
    cat <<TEXT
Usage: bash tools/slurm_$kind.sh $words [arguments of tools/$kind.py]

Runs tools/$kind.py on a Slurm cluster with srun, one process a GPU.

Environment variables:
  GPUS           in all (default 8)
  GPUS_PER_NODE  of one machine (default: 8, or GPUS if that is less)
  CPUS_PER_TASK  cores a process, for the workers that load data (default 5)
  SRUN_ARGS      further arguments of srun, e.g. "--qos=normal --time=2-0"
  PORT           where the processes meet (default 29500)
TEXT
}

refuse() {
    printf 'slurm_%s.sh: %s\n' "$kind" "$*" >&2
    exit 2
}

case "${1:-}" in -h | --help) usage && exit 0 ;; esac
wanted=$(wc -w <<<"$words")
if (($# < wanted)); then
    usage >&2
    exit 2
fi
partition=$1
job_name=$2
shift 2
gpus=${GPUS:-8}
if [[ ! $gpus =~ ^[1-9][0-9]*$ ]]; then refuse "GPUS is '$gpus', expected a whole number above 0"; fi
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
if [[ ! $per_node =~ ^[1-9][0-9]*$ ]]; then refuse "GPUS_PER_NODE is '$per_node', expected a whole number above 0"; fi
if ! command -v srun >/dev/null; then
    refuse "there is no srun here: this is no Slurm cluster, or its module is not loaded." \
        "On one machine use tools/dist_$kind.sh"
fi
read -ra srun_args <<<"${SRUN_ARGS:-}"
export MASTER_PORT="${PORT:-29500}"

exec srun -p "$partition" \
    --job-name="$job_name" \
    --gres=gpu:"$per_node" \
    --ntasks="$gpus" \
    --ntasks-per-node="$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${srun_args[@]+"${srun_args[@]}"} \
    python -u "$(dirname "$0")/../$kind.py" "${@:1:wanted-2}" --launcher slurm "${@:wanted-1}"
