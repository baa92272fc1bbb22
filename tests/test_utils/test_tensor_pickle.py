# Copyright (c) mmavs developers. All rights reserved.
import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from mmavs.utils.tensor_pickle import load_tensor_pickle

pytestmark = pytest.mark.filterwarnings('ignore:TypedStorage is deprecated')

TENSORS = {
    'plain': torch.randn(5, 1, 96, 64),
    'gradient': torch.randn(5, 1, 96, 64, requires_grad=True),  # as the official files
    'parameter': torch.nn.Parameter(torch.randn(3)),
    'view': torch.arange(24.0).reshape(4, 6).t()[1:4, ::2],
    'half': torch.randn(3).half(),
    'integer': torch.arange(5),
    'scalar': torch.tensor(2.5),
    'empty': torch.zeros(0, 4),
}


@pytest.fixture
def write(tmp_path):
    def write(content, **kwargs):
        path = tmp_path / 'file.pkl'
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, **kwargs))
        return path

    return write


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def make_folder(path):
    return Call(os.mkdir, str(path))


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('name', TENSORS)
def test_tensors_of_every_protocol(write, name, protocol):
    tensor = load_tensor_pickle(write(TENSORS[name], protocol=protocol))
    assert torch.equal(tensor, TENSORS[name].detach()) and tensor.dtype == TENSORS[name].dtype
    assert not tensor.requires_grad and type(tensor) is torch.Tensor


def test_call_for_the_first_version_of_rebuild(write):
    """As written by torch before 0.4; the arguments end with the stride."""
    storage = torch.arange(6.0).storage()
    call = Call(torch._utils._rebuild_tensor, storage, 2, torch.Size((2, 2)), (2, 1))
    content = pickle.dumps(call)
    assert load_tensor_pickle(write(content)).tolist() == [[2, 3], [4, 5]]


def test_code_is_not_run(write, tmp_path):
    target = tmp_path / 'made'
    path = write(make_folder(target))
    with pytest.raises(ValueError, match=r'file\.pkl was not read: it asks for "posix\.mkdir"'):
        load_tensor_pickle(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())
    assert target.exists()  # plain pickle would have run it


def test_code_inside_a_storage_is_not_run(write, tmp_path):
    """The storage of a tensor is a pickle of its own, in the format of torch.save."""
    target = tmp_path / 'made'
    inner = io.BytesIO()
    torch.save(make_folder(target), inner, _use_new_zipfile_serialization=False)
    path = write(Call(torch.storage._load_from_bytes, inner.getvalue()))
    with pytest.raises(
        ValueError, match='its storage is a pickle that asks for "posix.mkdir"'
    ) as e:
        load_tensor_pickle(path)
    assert not target.exists()
    assert 'weights_only=False' not in str(e.value)
    pickle.loads(path.read_bytes())
    assert target.exists()


def test_code_beside_a_good_tensor_is_not_run(write, tmp_path):
    target = tmp_path / 'made'
    path = write([torch.zeros(2), make_folder(target)])
    with pytest.raises(
        ValueError, match='which a torch tensor does not need and which was not run'
    ):
        load_tensor_pickle(path)
    assert not target.exists()


@pytest.mark.parametrize(
    'value, name',
    [
        (np.zeros(3), 'numpy._core.multiarray._reconstruct'),
        (np.float32(1), 'numpy._core.multiarray.scalar'),
        (Call(eval, '1 + 1'), 'builtins.eval'),
        (Call(getattr, torch.zeros(1), 'storage'), 'builtins.getattr'),
        (torch.nn.Linear(1, 1), 'torch.nn.modules.linear.Linear'),
        (torch.zeros(2).to_sparse(), 'torch._utils._rebuild_sparse_tensor'),
        (Call(torch.load, 'x'), 'torch.serialization.load'),
    ],
)
def test_everything_else_is_refused_by_name(write, value, name):
    with pytest.raises(ValueError, match=f'asks for "{name}"'):
        load_tensor_pickle(write(value))


@pytest.mark.parametrize('value', [[1, 2], {'a': 1}, None, OrderedDict(a=1), 3.0])
def test_what_is_no_tensor(write, value):
    with pytest.raises(
        ValueError, match=rf'file\.pkl holds a {type(value).__name__}, expected a torch'
    ):
        load_tensor_pickle(write(value))


def test_other_codecs_than_latin1(write):
    import _codecs

    assert _codecs.encode('a', 'latin1') == b'a'
    with pytest.raises(ValueError, match='asks for the codec "hex"'):
        load_tensor_pickle(write(Call(_codecs.encode, 'a', 'hex')))


@pytest.mark.parametrize(
    'args',
    [(0, (7,), (1,)), (5, (2,), (1,)), (0, (2, 4), (3, 1)), (-1, (2,), (1,)), (0, (2,), (-1,))],
)
def test_tensor_beyond_its_storage(write, args):
    call = Call(torch._utils._rebuild_tensor_v2, torch.arange(6.0).storage(), *args, False, None)
    with pytest.raises(ValueError, match='do not fit into its storage of 6 elements'):
        load_tensor_pickle(write(call))


def test_tensor_on_something_else(write):
    call = Call(torch._utils._rebuild_tensor_v2, [1.0], 0, (1,), (1,), False, None)
    with pytest.raises(ValueError, match='a tensor is to be built on a list'):
        load_tensor_pickle(write(call))
    inner = io.BytesIO()
    torch.save(torch.zeros(2), inner, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match='a Tensor stands where a tensor has its storage'):
        load_tensor_pickle(write(Call(torch.storage._load_from_bytes, inner.getvalue())))


@pytest.mark.parametrize('zipped', [True, False])
def test_files_of_torch_save(tmp_path, zipped):
    path = tmp_path / 'saved.pkl'
    torch.save(torch.zeros(3), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r'saved\.pkl'):
        load_tensor_pickle(path)


def test_persistent_ids(write):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return 'storage' if isinstance(obj, torch.TypedStorage) else None

    file = io.BytesIO()
    Pickler(file).dump(torch.zeros(3))
    with pytest.raises(ValueError, match=r'torch\.save wrote it.*weights_only=True'):
        load_tensor_pickle(write(file.getvalue()))


def test_damaged_files(write, tmp_path):
    good = pickle.dumps(torch.zeros(50))
    for content in (b'', b'garbage', good[:30], good[: len(good) // 2], good[:-1]):
        with pytest.raises(ValueError, match=r'file\.pkl (is damaged|was not read)'):
            load_tensor_pickle(write(content))
    with pytest.raises(FileNotFoundError, match=r'There is no pickle .*no\.pkl'):
        load_tensor_pickle(tmp_path / 'no.pkl')
