# Copyright (c) mmavs developers. All rights reserved.
import sys
from pathlib import Path

# tiny_run is shared with the tests of the tools.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'test_tools'))
