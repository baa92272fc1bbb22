# Copyright (c) mmavs developers. All rights reserved.
"""mmavs in an environment of its own, by a wheel and editable: import, configs, inference, mim.

The environments have their own site-packages, and see the installed dependencies of this one
(nothing is fetched) but not its mmavs.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec

import pytest
from built_package import build, copy_checkout

from mmavs.testing import SynthAVS

NAME = 'tpavi_r18_vggish_1xb4-16e_synthms3-96x96'
ROOTS = [f'{split}_dataloader.dataset.data_root=data' for split in ('train', 'val', 'test')]
FEW = [
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'train_dataloader.batch_size=2',
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
]
OPTIONS = ['--cfg-options', *ROOTS, *FEW]


class Installed:
    """Runs programs of an environment, in a folder that knows nothing of the checkout."""

    def __init__(self, folder, *what):
        self.folder = folder
        environment = folder / 'env'
        venv.create(environment, symlinks=True)
        self.python = environment / 'bin' / 'python'
        version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
        self.site = environment / 'lib' / version / 'site-packages'
        (self.site / 'dependencies.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
        pip = [sys.executable, '-m', 'pip', '--python', self.python, 'install', '--no-index', '-q']
        options = ['--no-deps', '--no-build-isolation', '--ignore-installed', '--no-compile']
        subprocess.run([*pip, *options, *map(str, what)], check=True)
        synth = SynthAVS(image_size=96, num_objects=2)
        synth.write_ms3(folder / 'data', {'train': 2, 'val': 1, 'test': 1})

    def run(self, *command):
        """Its output; the folder ``data`` in the working directory has clips of SynthAVS."""
        drop = {'PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV'}
        environment = {key: value for key, value in os.environ.items() if key not in drop}
        environment |= {'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
        result = subprocess.run(
            [str(self.python), *map(str, command)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-5000:]
        return result.stdout


@pytest.fixture(scope='module')
def checkout(root, tmp_path_factory):
    return copy_checkout(root, tmp_path_factory.mktemp('checkout'))


@pytest.fixture(scope='module')
def installed(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp('installed')
    (folder / 'dist').mkdir()
    return Installed(folder, build(checkout, folder / 'dist', 'wheel'))


def test_import_configs_and_inference(installed):
    code = f"""
import glob, json
import mmavs
from mmengine.hub import get_config
from mmengine.infer import BaseInferencer
from mmavs.apis import AVSInferencer, inference_model, init_model

config = get_config('mmavs::tpavi/{NAME}.py')
model = init_model(config)
frames = sorted(glob.glob('data/ms3_data/visual_frames/ms3_test_00000/*.png'))
sample = inference_model(model, frames, 'data/ms3_data/audio_wav/test/ms3_test_00000.wav')
print(json.dumps(dict(
    file=mmavs.__file__,
    models=BaseInferencer.list_models('mmavs'),
    shape=list(sample.pred_sem_seg.data.shape),
)))
"""
    found = json.loads(installed.run('-c', code).splitlines()[-1])
    assert found['file'] == str(installed.site / 'mmavs' / '__init__.py')
    assert NAME in found['models']
    assert found['shape'] == [5, 96, 96]


def check_scores(path):
    assert 0 <= json.loads(path.read_text())['avs/mIoU'] <= 100


def test_train_and_test_from_a_wheel(installed):
    """What mim would execute; onedl-mim does not find a wheel of mmavs (mim.md of the docs)."""
    mim = installed.site / 'mmavs' / '.mim'
    config, options = mim / 'configs' / 'tpavi' / f'{NAME}.py', ['--launcher', 'none', *OPTIONS]
    installed.run(mim / 'tools' / 'train.py', config, '--work-dir', 'work', *options)
    test = [mim / 'tools' / 'test.py', config, 'work/epoch_1.pth', '--out', 'scores.json']
    installed.run(*test, *options)
    check_scores(installed.folder / 'scores.json')


@pytest.mark.skipif(find_spec('mim') is None, reason='onedl-mim is not installed')
def test_mim_with_an_editable_install(checkout, tmp_path):
    editable = Installed(tmp_path, '-e', checkout)
    config = checkout / 'configs' / 'tpavi' / f'{NAME}.py'
    train = ['train', 'mmavs', config, '--work-dir', 'work']
    editable.run('-m', 'mim', *train, *OPTIONS)
    test = ['test', 'mmavs', config, '--checkpoint', 'work/epoch_1.pth', '--out', 'scores.json']
    editable.run('-m', 'mim', *test, *OPTIONS)
    check_scores(tmp_path / 'scores.json')
    editable.run('-m', 'mim', 'search', 'mmavs', '--model', 'tpavi', '--json', 'found.json')
    assert NAME in (tmp_path / 'found.json').read_text()
