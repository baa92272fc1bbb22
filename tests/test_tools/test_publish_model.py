# Copyright (c) mmavs developers. All rights reserved.
"""tools/model_converters/publish_model.py on the checkpoint of a training."""

import hashlib

import pytest
import torch

from mmavs.utils.checkpoint import load_checkpoint_file

TOOL = 'tools/model_converters/publish_model.py'


@pytest.fixture
def checkpoint(tools, toy_config, tmp_path):
    """Of a real Runner: with optimizer, schedulers and log history."""
    tools.run('tools/train.py', toy_config, '--work-dir', tmp_path / 'run')
    return max((tmp_path / 'run').glob('epoch_*.pth'))


@pytest.fixture
def publish(tools, capsys):
    """Publishes; gives the one file that is there afterwards, and what was printed."""

    def publish(source, target, *arguments):
        tools.load(TOOL).main([str(source), str(target), *arguments])
        (path,) = target.parent.glob('*.pth')
        return path, capsys.readouterr().out

    return publish


def test_only_what_inference_needs(publish, checkpoint, tmp_path):
    path, text = publish(checkpoint, tmp_path / 'out' / 'toy.pth')
    before, after = load_checkpoint_file(str(checkpoint)), load_checkpoint_file(str(path))
    assert 'optimizer' in before and 'message_hub' in before
    assert set(after) == {'state_dict', 'meta'}
    assert 'optimizer' in text.split('Left out: ')[1]
    assert path.stat().st_size < checkpoint.stat().st_size
    assert after['state_dict'].keys() == before['state_dict'].keys()
    for key, value in before['state_dict'].items():
        assert torch.equal(after['state_dict'][key], value)
    assert after['meta']['cfg'] == before['meta']['cfg']
    assert after['meta']['epoch'] == before['meta']['epoch']
    assert 'hostname' not in after['meta'] and 'experiment_name' not in after['meta']


def test_the_name_has_the_hash_of_the_file(publish, checkpoint, tmp_path):
    path, _ = publish(checkpoint, tmp_path / 'out' / 'toy')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'toy-{digest[:8]}.pth'
    again, _ = publish(checkpoint, tmp_path / 'again' / 'other.pth')
    assert again.name == f'other-{digest[:8]}.pth'  # the same content


def test_no_config(publish, checkpoint, tmp_path):
    path, _ = publish(checkpoint, tmp_path / 'out' / 'toy.pth', '--no-config')
    assert 'cfg' not in load_checkpoint_file(str(path))['meta']


def test_views_do_not_bring_their_memory_along(publish, tmp_path):
    torch.save({'state_dict': {'weight': torch.randn(1_000_000)[:4]}}, tmp_path / 'big.pth')
    path, text = publish(tmp_path / 'big.pth', tmp_path / 'out' / 'small.pth')
    assert path.stat().st_size < 10_000 < (tmp_path / 'big.pth').stat().st_size
    assert 'Left out: nothing' in text


@pytest.mark.parametrize(
    'content', [{'optimizer': {}}, {'state_dict': {}}, {'state_dict': {'a': 1}}]
)
def test_no_model(tools, tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match=rf'^{TOOL}: .*a.pth holds no model: .*found the keys'):
        tools.load(TOOL).main([str(tmp_path / 'a.pth'), str(tmp_path / 'b.pth')])
    with pytest.raises(SystemExit, match='no checkpoint at'):
        tools.load(TOOL).main([str(tmp_path / 'c.pth'), str(tmp_path / 'b.pth')])
