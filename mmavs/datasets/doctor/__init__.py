# Copyright (c) mmavs developers. All rights reserved.
from .content import ClipTask, Needs
from .examination import Diagnosis, examine, examine_clip
from .findings import CATALOGUE, SEVERITIES, CheckInfo, Finding
from .list_checks import COUNTS
from .report import print_report, to_json

__all__ = [
    'CATALOGUE',
    'COUNTS',
    'SEVERITIES',
    'CheckInfo',
    'ClipTask',
    'Diagnosis',
    'Finding',
    'Needs',
    'examine',
    'examine_clip',
    'print_report',
    'to_json',
]
