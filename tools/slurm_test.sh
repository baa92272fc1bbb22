#!/usr/bin/env bash
# Copyright (c) mmavs developers. All rights reserved.
# Evaluate on a Slurm cluster, one process a GPU; see --help.
exec bash "$(dirname "$0")/misc/slurm.sh" test "$@"
