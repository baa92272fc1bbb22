# Copyright (c) mmavs developers. All rights reserved.
"""The partition of AVSS into one and several sources, as a user makes it."""

import importlib.util
import json

import numpy as np
import pytest
from toy_avss import write_avss, write_rows

from mmavs.datasets import AVSBenchSemanticDataset
from mmavs.datasets import avss_partition as partition

SCRIPT = 'tools/dataset_converters/avss_partition.py'
CLIPS = [
    ('a', 'a_0', 'dog', 'test', 'v1s'),
    ('b', 'b_0', 'dog_cat', 'test', 'v1m'),
    ('c', 'c_0', 'dog_thunder', 'test', 'v2'),
    ('d', 'd_0', 'dog', 'val', 'v2'),
]


def labels_of(uid, number):
    ids = np.zeros((20, 24), np.uint8)
    ids[:8, :20] = 17
    if uid == 'b_0':
        ids[9:12] = 12
    return ids


@pytest.fixture(scope='module')
def tool(root):
    spec = importlib.util.spec_from_file_location('avss_partition_tool', root / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def avss(tmp_path):
    write_avss(tmp_path, CLIPS, labels_of)
    return tmp_path


def test_counts_of_all_rules_and_the_stored_list(tool, avss, capsys):
    assert tool.main([str(avss)]) == 0
    output = capsys.readouterr().out
    counts = dict(objects=2, onscreen_objects=1, frame_classes=1, frame_pixels=0, clip_classes=1)
    for rule, multiple in counts.items():
        assert f'{rule:<18} ss {3 - multiple:>5}  ms {multiple:>5}\n' in output
    assert '3 clips of split test' in output and 'published (CPM)    ss  1278  ms   276' in output
    assert 'Rule objects does not give the published numbers' in output
    stored = json.loads((avss / 'avss_partition_test.json').read_text())
    assert stored['rule'] == 'objects' and stored['counts'] == {'ss': 1, 'ms': 2}
    dataset = AVSBenchSemanticDataset(
        data_root=str(avss),
        split='test',
        partition='ms',
        partition_file='avss_partition_test.json',
    )
    assert [dataset[i]['clip_id'] for i in range(len(dataset))] == ['v1m/b_0', 'v2/c_0']


def test_the_rule_that_fits_is_stored(tool, avss, tmp_path, monkeypatch, capsys):
    for module in (tool, partition):
        monkeypatch.setattr(module, 'PUBLISHED_PARTITION', {'ss': 2, 'ms': 1})
    out = tmp_path / 'new' / 'list.json'
    assert tool.main([str(avss), '--out', str(out), '--label-source', 'rgb']) == 0
    output = capsys.readouterr().out
    assert output.count('  fits') == 3 and 'does not give' not in output
    assert json.loads(out.read_text())['rule'] == 'onscreen_objects'
    assert tool.main([str(avss), '--rule', 'frame_pixels', '--split', 'val']) == 0
    assert json.loads((avss / 'avss_partition_val.json').read_text())['ss'] == ['v2/d_0']
    assert 'published' not in capsys.readouterr().out


def test_without_names(tool, avss, capsys):
    rows = [('uid', 'split', 'label'), ('a_0', 'test', 'v1s'), ('b_0', 'test', 'v1m')]
    write_rows(avss / 'metadata.csv', rows)
    assert tool.main([str(avss)]) == 1
    output = capsys.readouterr()
    assert 'no a_obj in metadata.csv' in output.out
    assert 'needs the column a_obj. Choose another with --rule' in output.err
    assert tool.main([str(avss), '--rule', 'clip_classes']) == 0
    with pytest.raises(SystemExit, match='error: data_root'):
        tool.main([str(avss / 'nowhere')])
