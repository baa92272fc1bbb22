# Copyright (c) mmavs developers. All rights reserved.
"""The switches that READMEs of methods list are of the model, and it builds with each."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
from mmengine.config import Config, DictAction

from mmavs.registry import MODELS
from mmavs.utils.meta_tensors import meta_tensors

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
BASES = {
    'vct': 'vct/vct_r50_vggish_1xb16-45k_avss-224x224.py',
    'combo': 'combo/combo_r50_vggish_1xb8-90k_avss-224x224.py',
    'aqformer': 'aqformer/aqformer_r50_vggish_1xb8-2k_ms3-224x224.py',
}
HEAD = 'model.decode_head'


def rows(method):
    """The options in the last cell of each row of a table, as the shell expands them."""
    text = (CONFIGS / method / 'README.md').read_text()
    cells = re.findall(r'\| `((?:\$[GH]\.|model\.)[^`|]+)` \|$', text, re.MULTILINE)
    return [cell.replace('$G', f'{HEAD}.query_generator').replace('$H', HEAD) for cell in cells]


def parse(options):
    """What ``tools/train.py --cfg-options`` makes of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *shlex.split(options)]).cfg_options


@pytest.mark.parametrize(('method', 'number'), [('vct', 18), ('combo', 11), ('aqformer', 25)])
def test_tables_are_found(method, number):
    assert len(rows(method)) == number


@pytest.mark.parametrize(
    ('method', 'options'), [(method, options) for method in BASES for options in rows(method)]
)
def test_model_builds_with_the_options(method, options):
    """No constructor takes a key that it does not know."""
    config = Config.fromfile(CONFIGS / BASES[method])
    before = config.model.to_dict()
    config.merge_from_dict(parse(options))
    assert config.model.to_dict() != before
    with meta_tensors():
        MODELS.build(config.model)
