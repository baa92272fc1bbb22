#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Evaluate with one process a GPU, or with gloo on CPUs where there is no GPU:
#   bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of tools/test.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail

if (($# < 3)) || [[ ! $3 =~ ^[1-9][0-9]*$ ]]; then
    echo 'Usage: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of tools/test.py]' >&2
    exit 2
fi
config=$1
checkpoint=$2
processes=$3

torchrun \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
