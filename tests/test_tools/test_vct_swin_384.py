# Copyright (c) mmavs developers. All rights reserved.
"""Checkpoints of the official VCT, Swin-B at 384x384, from the file to a prediction.

No released file is at hand, so one is made of the official names and shapes, filled by name.
"""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from official_query_names import official_query_entries

from mmavs.apis import inference_model, init_model
from mmavs.testing.goldens import fill_inputs, official_state_dict

TOOL = 'tools/model_converters/official2mmavs.py'
CONFIGS = {
    'avss': 'configs/vct/vct_swin-b_vggish_1xb8-45k_avss-384x384.py',
    's4': 'configs/vct/vct_swin-b_vggish_1xb8-45k_s4-384x384.py',
    'ms3': 'configs/vct/vct_swin-b_vggish_1xb8-40k_ms3-384x384.py',
}


@pytest.fixture
def files(tmp_path):
    """Of two gigabytes in all, which pytest would keep."""
    paths = tmp_path / 'model_final.pth', tmp_path / 'ours.pth'
    yield paths
    for path in paths:
        path.unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize('task', CONFIGS)
def test_official_file_converts_and_runs(task, files, root, tools):
    weights = official_state_dict(official_query_entries('vct', 'swin', task))
    torch.save(dict(model=weights, iteration=44999), files[0])
    tools.load(TOOL).main(['--method', 'vct', *map(str, files)])
    model = init_model(Config.fromfile(root / CONFIGS[task]), files[1])
    norm = weights['pre_sam_backbone.norm3.weight']
    assert torch.equal(model.maskige_backbone.norm3.weight, norm)
    del weights

    seen = []
    model.decode_head.register_forward_hook(lambda _, args, outputs: seen.append(outputs))
    frame, maskige, other = (
        fill_inputs(name, (1, 384, 384, 3), 0, 255).numpy().astype(np.uint8) for name in 'abc'
    )
    sound, noise = (fill_inputs(name, (1, 1, 96, 64)).numpy() for name in ('sound', 'noise'))
    sample = inference_model(model, frame, sound, maskiges=maskige)
    assert sample.pred_sem_seg.data.shape == (1, 384, 384)
    classes = 71 if task == 'avss' else 2
    assert 0 <= sample.pred_sem_seg.data.min() <= sample.pred_sem_seg.data.max() < classes
    inference_model(model, frame, sound, maskiges=other)
    inference_model(model, frame, noise, maskiges=maskige)
    first, *changed = (outputs.mask_logits[-1] for outputs in seen)
    assert first.shape == (1, 100, 96, 96) and first.isfinite().all()
    assert seen[0].cls_scores[-1].shape == (1, 100, classes + 1)
    for masks in changed:  # Maskige and sound are read
        assert (masks - first).abs().max() > 1e-3 * first.abs().max()
