# Copyright (c) mmavs developers. All rights reserved.
import pytest
import torch

from mmavs.models.fusion import SiameseGate


def test_equals_the_formula_number_by_number():
    """F = I + sigmoid(W2 relu(W1 GAP(M) + b1) + b2) * M, one image and one channel at a time."""
    torch.manual_seed(0)
    gate = SiameseGate((8, 16), ratio=4).double()
    shapes = [(2, 8, 3, 5), (2, 16, 2, 3)]
    frames, maskiges = ([torch.randn(s, dtype=torch.float64) for s in shapes] for _ in range(2))
    fused = gate(frames, maskiges)
    for level, unit in enumerate(gate.gates):
        assert unit.fc1.weight.shape[0] == frames[level].shape[1] // 4
        for n in range(2):
            mean = torch.tensor([channel.mean() for channel in maskiges[level][n]])
            hidden = (unit.fc1.weight @ mean + unit.fc1.bias).clamp(min=0)
            opened = 1 / (1 + (-(unit.fc2.weight @ hidden + unit.fc2.bias)).exp())
            for c, amount in enumerate(opened):
                expected = frames[level][n, c] + amount * maskiges[level][n, c]
                assert torch.allclose(fused[level][n, c], expected, atol=1e-12)


def test_other_channels_are_refused():
    gate = SiameseGate((16, 32))
    maps = [torch.zeros(1, c, 2, 2) for c in (16, 64)]
    with pytest.raises(ValueError, match=r'\(16, 64\) channels.*maskige_gate\.channels'):
        gate(maps, maps)
    with pytest.raises(ValueError, match='must not be fewer than ratio'):
        SiameseGate((8, 16))
