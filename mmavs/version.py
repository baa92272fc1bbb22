# Copyright (c) mmavs developers. All rights reserved.
"""The version of mmavs."""

__version__ = '0.1.0'
