# Copyright (c) mmavs developers. All rights reserved.
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'docs' / 'site'))  # what docs/build.sh runs
