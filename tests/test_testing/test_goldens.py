# Copyright (c) mmavs developers. All rights reserved.
import json

import numpy as np
import pytest
import torch

from mmavs.testing import fill_array, golden_error, golden_state_dict, load_golden

ENTRIES = [['a.weight', [2, 3], 'float32'], ['b.weight', [2, 3], 'float32'], ['c.n', [], 'int64']]


def write_golden(folder, arrays, manifest):
    np.savez(folder / 'case.npz', **arrays)
    (folder / 'case.json').write_text(json.dumps(manifest))


def test_scales_come_after_filling_and_overrides_last():
    arrays = {'override:a.weight': np.ones((2, 3), np.float32), 'output': np.zeros(1)}
    scales = [[r'weight$', 2.0], [r'^b\.', 0.25]]
    state_dict = golden_state_dict(arrays, dict(state_dict=ENTRIES, scales=scales))
    assert torch.equal(state_dict['a.weight'], torch.ones(2, 3))
    assert np.array_equal(state_dict['b.weight'], fill_array('b.weight', (2, 3)) / 2)
    assert state_dict['c.n'].dtype == torch.int64
    plain = golden_state_dict({}, dict(state_dict=ENTRIES))
    assert np.array_equal(plain['a.weight'], fill_array('a.weight', (2, 3)))


@pytest.mark.parametrize('name, shape', [('c.weight', (2, 3)), ('a.weight', (3, 2))])
def test_overrides_must_fit(name, shape):
    with pytest.raises(ValueError, match=f'override:{name}'):
        golden_state_dict({f'override:{name}': np.ones(shape)}, dict(state_dict=ENTRIES))


def test_arrays_that_the_manifest_calls_thinned(tmp_path):
    whole = np.arange(12.0).reshape(3, 4)
    entries = dict(thin=dict(shape=[3, 4], flat_stride=5), whole=dict(shape=[3, 4], flat_stride=1))
    write_golden(tmp_path, dict(thin=whole.reshape(-1)[::5], whole=whole), dict(arrays=entries))
    arrays, _ = load_golden('case', tmp_path)
    ours = torch.from_numpy(whole.copy())
    ours[1, 1] += 2  # flat index 5 is kept, 6 is not
    ours[1, 2] += 7
    assert golden_error(arrays, 'thin', ours) == 2
    assert golden_error(arrays, 'whole', ours) == 7
    assert golden_error(arrays, 'thin', ours.reshape(4, 3)) == np.inf
