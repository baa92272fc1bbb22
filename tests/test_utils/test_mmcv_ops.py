# Copyright (c) mmavs developers. All rights reserved.
"""mmcv without its compiled operators, with them, and with ones that do not load.

What is imported when is the subject here, so each case has a process of its own, with a made-up
``mmcv`` package on its path where the real one does not have the state in question.
"""

import os
import subprocess
import sys

import pytest

from mmavs.utils.mmcv_ops import (
    INSTALL_COMMAND,
    MissingOpError,
    MMCVExtPlaceholder,
    ensure_mmcv_ext,
    has_compiled_ops,
)

OPS = 'mmavs/utils/mmcv_ops.py'
# Loads the file alone: importing the package would run it before the test can look.
LOAD = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location('mmcv_ops', {OPS!r})
mmcv_ops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mmcv_ops)
"""


@pytest.fixture
def python(root, tmp_path):
    """Runs code in a new process that sees a made-up mmcv, with this as its extension."""

    def run(code, extension=None):
        package = tmp_path / 'mmcv'
        package.mkdir(exist_ok=True)
        (package / '__init__.py').write_text("__version__ = '2.3.6'\n")
        if extension is not None:
            name, content = extension
            (package / name).write_bytes(content)
        environment = {**os.environ, 'PYTHONPATH': str(tmp_path), 'OMP_NUM_THREADS': '1'}
        return subprocess.run(
            [sys.executable, '-c', LOAD + code],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


def test_without_the_extension(python):
    result = python("""
print(mmcv_ops.ensure_mmcv_ext(), mmcv_ops.ensure_mmcv_ext(), mmcv_ops.has_compiled_ops())
from mmcv import _ext
from mmcv._ext import nms
print(type(_ext).__name__, 'torch' in sys.modules)
try:
    nms(1, 2, threshold=3)
except mmcv_ops.MissingOpError as error:
    print(error)
""")
    assert result.stdout.splitlines() == [
        'False False False',
        'MMCVExtPlaceholder False',
        'mmcv was installed without its compiled operators, so "nms" is not there. '
        f'Compile them with: {INSTALL_COMMAND}',
    ], result.stderr


def test_with_the_extension(python):
    result = python(
        """
print(mmcv_ops.ensure_mmcv_ext(), mmcv_ops.has_compiled_ops(), 'torch' in sys.modules)
import mmcv._ext
print(mmcv._ext.nms())
""",
        ('_ext.py', b"def nms():\n    return 'compiled'\n"),
    )
    assert result.stdout.splitlines() == ['True True True', 'compiled'], result.stderr


@pytest.mark.parametrize('kind', ['symbol', 'library'])
def test_with_an_extension_that_does_not_load(kind, python):
    if kind == 'symbol':
        symbol = '_ext.so: undefined symbol: _ZN3c1017RegisterOperatorsD1Ev'
        extension = ('_ext.py', f'raise ImportError({symbol!r})\n'.encode())
    else:  # a real shared object as far as its name goes
        extension = ('_ext.abi3.so', b'no ELF file')
        symbol = '_ext.abi3.so: '
    result = python('mmcv_ops.ensure_mmcv_ext()', extension)
    assert result.returncode == 1
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith('ImportError: The compiled operators of mmcv do not load with torch 2.')
    assert symbol in error
    assert 'built for another torch' in error
    assert f'Rebuild them for this one with: {INSTALL_COMMAND}' in error


def test_the_error_of_a_missing_op():
    placeholder = MMCVExtPlaceholder('mmcv._ext')
    with pytest.raises(MissingOpError, match='"ms_deform_attn_forward" is not there'):
        placeholder.ms_deform_attn_forward(1, im2col_step=2)
    assert placeholder.ms_deform_attn_forward.__name__ == 'ms_deform_attn_forward'
    assert not hasattr(placeholder, '__path__')


def test_mmengine_finds_a_module_with_a_spec():
    """Every Runner asks find_spec for the extension; a module without a spec ends it there."""
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    ensure_mmcv_ext()
    assert mmcv_full_available()


@pytest.mark.skipif(has_compiled_ops(), reason='this mmcv has its compiled operators')
def test_the_ecosystem_imports_with_the_placeholder():
    import mmcv.ops
    import mmdet.models
    import mmseg.models
    import torch

    layer = mmcv.ops.MultiScaleDeformableAttention(embed_dims=8, num_heads=2, num_levels=1)
    assert mmdet.models.MSDeformAttnPixelDecoder and mmseg.models.ResNet
    with pytest.raises(MissingOpError, match='"nms" is not there'):
        mmcv.ops.nms(torch.zeros(1, 4), torch.zeros(1), iou_threshold=0.5)
    out = layer(
        torch.zeros(4, 1, 8),
        reference_points=torch.full((1, 4, 1, 2), 0.5),
        spatial_shapes=torch.tensor([[2, 2]]),
        level_start_index=torch.tensor([0]),
    )
    assert out.shape == (4, 1, 8)
