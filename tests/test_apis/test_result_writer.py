# Copyright (c) mmavs developers. All rights reserved.
import json

import numpy as np
import pytest

from mmavs.apis.result_writer import ResultWriter

MASK = np.ones((4, 5), np.uint8)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_numbers_that_json_does_not_know(tmp_path, bad):
    with pytest.raises(ValueError, match='The header of results.json holds NaN'):
        ResultWriter(tmp_path, dict(threshold=bad))
    message = 'The record of frame 1 holds NaN or an infinite number'
    with pytest.raises(ValueError, match=message), ResultWriter(tmp_path, {}) as writer:
        writer.write(0, 0.5, MASK, score=0.25)
        writer.write(1, 1.5, MASK, score=bad)
    # What was right is kept, and is JSON for strict readers too.
    results = json.loads((tmp_path / 'results.json').read_text(), parse_constant=pytest.fail)
    assert results['complete'] is False and results['num_frames'] == 1
    assert [path.name for path in (tmp_path / 'masks').iterdir()] == ['000000_t0.500s.png']
