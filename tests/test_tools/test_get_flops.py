# Copyright (c) mmavs developers. All rights reserved.
"""The counting tool on a narrow model."""

import json

import pytest

TOOL = 'tools/analysis_tools/get_flops.py'
CONFIG = 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'


@pytest.fixture
def run(tools, root, tmp_path, capsys):
    """Runs the tool; gives the numbers that it wrote and what it printed."""

    def run(*arguments):
        out = tmp_path / 'flops.json'
        arguments = [root / CONFIG, '--out', out, *arguments]
        tools.load(TOOL).main(list(map(str, arguments)))
        return json.loads(out.read_text()), capsys.readouterr().out

    return run


def test_table_and_file_agree(run):
    numbers, text = run('--frames', 2)
    assert numbers['inputs'] == dict(imgs=[1, 2, 3, 96, 96], audio=[1, 1, 32000])
    total = numbers['parts']['all']
    assert total['flops'] == 2 * total['flops_per_frame'] > 0
    assert total['parameters'] == total['trainable'] + total['frozen']
    rows = [line.strip('|').split('|') for line in text.splitlines() if line.startswith('|')]
    assert [row[0].strip() for row in rows[1:]][:3] == ['backbone', 'audio_encoder', 'decode_head']
    assert float(rows[-1][1]) == pytest.approx(total['parameters'] / 1e6, abs=0.006)
    assert float(rows[-1][3]) == pytest.approx(total['flops'] / 1e9, abs=0.006)
    assert 'Not counted: ' in text
    assert 'softmax' in text


def test_log_mels_cost_less_than_waveforms(run):
    heard, read = (
        run('--frames', 1, '--audio', audio)[0]['parts'] for audio in ('waveform', 'logmel')
    )
    # a product of 96 spectra with 257 bins and 64 mel bands
    assert heard['audio_encoder']['flops'] - read['audio_encoder']['flops'] == 96 * 257 * 64
    assert heard['decode_head'] == read['decode_head']


def test_size_is_padded_as_the_model_pads(run):
    numbers, _ = run(
        '--frames', 1, '--size', 40, 64, '--cfg-options', 'model.decode_head.num_classes=71'
    )
    assert numbers['inputs']['imgs'] == [1, 1, 3, 64, 64]


def test_maskige_branch_counts(run):
    """A twin of the backbone costs the same again."""
    branch = [
        'model.maskige_backbone.type=mmseg.ResNet',
        'model.maskige_backbone.depth=18',
        'model.maskige_backbone.base_channels=16',
        'model.maskige_gate.type=SiameseGate',
        'model.maskige_gate.channels=16,32,64,128',
    ]
    numbers, _ = run('--frames', 2, '--cfg-options', *branch)
    assert numbers['inputs']['maskige'] == numbers['inputs']['imgs']
    parts = numbers['parts']
    assert parts['maskige_backbone']['flops'] == parts['backbone']['flops'] > 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--frames', 0], 'at least 1, got 0'),
        (['--cfg-options', 'test_dataloader.dataset.pipeline=[]'], 'give --size H W'),
    ],
)
def test_wrong_arguments(run, arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(*arguments)
