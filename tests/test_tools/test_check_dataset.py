# Copyright (c) mmavs developers. All rights reserved.
import json

import pytest
import synth_trees
from planted_faults import FAULTS

from mmavs.datasets.doctor import CATALOGUE


@pytest.fixture(scope='module')
def clean_tree(tmp_path_factory):
    return synth_trees.write_tree('s4', tmp_path_factory.mktemp('clean') / 's4')


@pytest.fixture
def tree(tmp_path):
    return synth_trees.write_tree('s4', tmp_path / 's4')


@pytest.fixture
def check(tools, root, capfd):
    """Runs the doctor on an S4 tree; gives exit code, output and errors."""

    def run(tree, *arguments):
        config = root / 'configs/_base_/datasets/avsbench_s4_224x224.py'
        data = [f'{s}_dataloader.dataset.data_root={tree}' for s in ('train', 'val', 'test')]
        tool = tools.load(
            'tools/misc/check_dataset.py',
            *(config, '--workers', 2, *arguments, '--cfg-options', *data),
        )
        code = tool.main()
        return code, *capfd.readouterr()

    return run


def test_a_clean_tree(clean_tree, check, tmp_path):
    out = tmp_path / 'new' / 'report.json'
    code, text, errors = check(clean_tree, '--out', out)
    assert code == 0 and errors == ''
    assert len(text.splitlines()) == 1
    assert text.startswith('Clips: 9 train, 5 val, 5 test (192 files, ')
    assert text.endswith('Found: 0 errors, 0 warnings.\n')
    report = json.loads(out.read_text())
    assert report['findings'] == [] and report['errors'] == report['warnings'] == 0
    assert report['clips'] == {'train': 9, 'val': 5, 'test': 5} and report['files'] == 192
    assert list(report['checks']) == list(CATALOGUE)


def test_faults_are_named_in_the_table_and_in_json(tree, check, tmp_path):
    names = ['frame_missing', 'mask_with_grey_border', 'sound_silent', 'test_clip_trained_on']
    planted = [FAULTS['s4'][name](tree) for name in names]
    code, text, _ = check(tree, '--out', tmp_path / 'report.json')
    assert code == 1 and 'Found: 3 errors, 1 warning.' in text
    report = json.loads((tmp_path / 'report.json').read_text())
    keys = ['check', 'severity', 'split', 'clip', 'file', 'found', 'expected', 'remedy']
    assert [list(finding) for finding in report['findings']] == [keys] * 4
    found = {(finding['check'], finding['file']) for finding in report['findings']}
    assert found == {(name, str(file)) for name, file in planted}
    for name, file in planted:
        assert name in text and file.name in text.replace('\n', '')
        assert report['checks'][name]['count'] == 1
    assert (report['errors'], report['warnings'], report['infos']) == (3, 1, 0)


def test_warnings_do_not_fail(tree, check):
    FAULTS['s4']['sixth_frame'](tree)
    code, text, _ = check(tree)
    assert code == 0 and 'extra_files' in text and 'Found: 0 errors, 1 warning.' in text


def test_notes_are_shown_on_demand(tree, check):
    synth_trees.repaint(synth_trees.mask_of(tree, 'val', 2), lambda mask: 0 * mask)
    code, text, _ = check(tree)
    assert code == 0 and len(text.splitlines()) == 1 and '1 note (--info shows them)' in text
    code, text, _ = check(tree, '--info')
    assert code == 0 and 'empty_masks' in text and 's4_val_00002_1.png' in text


def test_headers_only_and_one_split(tree, check):
    FAULTS['s4']['frame_missing'](tree)
    FAULTS['s4']['sound_silent'](tree)
    code, text, _ = check(tree, '--fast', '--splits', 'train', '--workers', 0)
    assert code == 1 and 'Clips: 9 train (headers only' in text and 'audio_silent' not in text
    assert check(tree, '--fast', '--splits', 'val', 'test')[0] == 0


def test_published_counts(clean_tree, check):
    code, text, _ = check(clean_tree, '--counts', 'published')
    assert code == 1 and '3452 clips, the published number' in text


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['no_config.py'], 'no_config.py'),
        (['configs/_base_/models/avsegformer_r18-tiny.py'], 'has no data loader of train, val'),
        (['configs/_base_/datasets/avsbench_s4_224x224.py', '--workers', '-1'], 'at least 0'),
        (['configs/_base_/datasets/avsbench_s4_224x224.py', '--out', 'x.csv'], 'ends with .json'),
        (['configs/_base_/datasets/avsbench_s4_224x224.py', '--splits', 'x'], 'invalid choice'),
        (
            ['configs/_base_/datasets/avsbench_s4_224x224.py', '--cfg-options']
            + ['train_dataloader.dataset.type=NoDataset'],
            'NoDataset',
        ),
    ],
)
def test_what_cannot_be_used(tools, root, monkeypatch, capfd, arguments, message):
    monkeypatch.chdir(root)
    tool = tools.load('tools/misc/check_dataset.py', *arguments)
    try:
        code = tool.main()
    except SystemExit as exit:
        code = exit.code
    assert code == 2
    assert message in capfd.readouterr().err


def test_the_page_lists_every_check(root):
    page = (root / 'docs/en/data_doctor.md').read_text()
    for name, info in CATALOGUE.items():
        assert f'| `{name}` | {info.severity} | {info.finds} |' in page
