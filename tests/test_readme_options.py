# Copyright (c) mmavs developers. All rights reserved.
"""The switches that the READMEs of methods list are of the model, and it builds with each."""

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
    'ravs': 'ravs/ravs_mit-b5_vggish_1xb4-150e_avss-224x224.py',
    'aqformer': 'aqformer/aqformer_r50_vggish_1xb8-2k_ms3-224x224.py',
}
HEAD = 'model.decode_head'
VARIABLES = {'$G': f'{HEAD}.query_generator', '$H': HEAD, '$F': 'model.fusion'}


def rows(method):
    """The options in the last cell of each row of a table, as the shell expands them."""
    text = (CONFIGS / method / 'README.md').read_text()
    cells = re.findall(r'\| `("?(?:\$[FGH]\.|model\.)[^`|]+)` \|$', text, re.MULTILINE)
    for name, value in VARIABLES.items():
        cells = [cell.replace(name, value) for cell in cells]
    return cells


def parse(options):
    """What ``tools/train.py --cfg-options`` makes of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *shlex.split(options)]).cfg_options


def build(path, options):
    """The model of a config with options, which have to change it."""
    config = Config.fromfile(CONFIGS / path)
    before = config.model.to_dict()
    config.merge_from_dict(parse(options))
    assert config.model.to_dict() != before
    with meta_tensors():
        return MODELS.build(config.model)


@pytest.mark.parametrize(
    ('method', 'number'), [('vct', 18), ('combo', 11), ('aqformer', 25), ('ravs', 21)]
)
def test_tables_are_found(method, number):
    assert len(rows(method)) == number


@pytest.mark.parametrize(
    ('method', 'options'), [(method, options) for method in BASES for options in rows(method)]
)
def test_model_builds_with_the_options(method, options):
    """No constructor takes a key that it does not know."""
    build(BASES[method], options)


@pytest.mark.parametrize('options', rows('ravs')[:4])
def test_ladder_builds_with_the_narrow_model(options):
    """Table 3 of RAVS, which is trained on SynthAVS."""
    build('ravs/ravs_mit-tiny_vggish_1xb4-10e_synthms3-96x96.py', options)
