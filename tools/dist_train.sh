#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Train with one process a GPU, or with gloo on CPUs where there is no GPU:
#   bash tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail

if (($# < 2)) || [[ ! $2 =~ ^[1-9][0-9]*$ ]]; then
    echo 'Usage: bash tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]' >&2
    exit 2
fi
config=$1
processes=$2

torchrun \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "${@:3}"
