# Copyright (c) mmavs developers. All rights reserved.
"""Checkpoints that do not fill a model, among them converted ones without audio encoder."""

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmavs.registry import MODELS
from mmavs.testing.tiny import tiny_tpavi
from mmavs.utils.weights import CheckpointMismatchError, load_weights, mismatch


def test_mismatch():
    wanted = dict(a=torch.zeros(2, 3), b=torch.zeros(1))
    assert mismatch(wanted, wanted) == ''
    given = dict(a=torch.zeros(3), c=torch.zeros(1))
    assert mismatch(given, wanted) == (
        '1 missing (b); 1 unexpected (c); '
        '1 of another shape (a (3,) in the file, (2, 3) in the model)'
    )


@pytest.fixture
def deaf_checkpoint(tmp_path):
    """What official2mmavs.py --without-vggish writes."""
    state_dict = MODELS.build(tiny_tpavi()).state_dict()
    kept = {k: v for k, v in state_dict.items() if not k.startswith('audio_encoder.')}
    torch.save(dict(state_dict=kept), tmp_path / 'deaf.pth')
    return tmp_path / 'deaf.pth', kept


def test_a_model_to_be_run_needs_its_audio_encoder(deaf_checkpoint):
    path, kept = deaf_checkpoint
    with pytest.raises(CheckpointMismatchError, match='no audio encoder.*again with --vggish'):
        load_weights(MODELS.build(tiny_tpavi()), dict(state_dict=kept), str(path), 'a config')


def test_training_keeps_the_audio_encoder_that_it_has(deaf_checkpoint):
    """``load_from`` of the Runner is this function of mmengine."""
    path, kept = deaf_checkpoint
    model = MODELS.build(tiny_tpavi())
    heard = {name: value.clone() for name, value in model.audio_encoder.state_dict().items()}
    load_checkpoint(model, str(path))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in kept.items())
    found = model.audio_encoder.state_dict()
    assert all(torch.equal(found[name], value) for name, value in heard.items())
