# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import synth_trees
from mmengine.config import Config
from PIL import Image

from mmavs.models.audio import LogMelFrontend

TOOL = 'tools/analysis_tools/browse_dataset.py'


@pytest.fixture(scope='module')
def trees(tmp_path_factory):
    folder = tmp_path_factory.mktemp('trees')
    names = ('s4', 'ms3', 'avss', 'vpo_ss')
    trees = {name: synth_trees.write_tree(name, folder / name) for name in names}
    return {**trees, 'vpo_ms': trees['vpo_ss'], 'vpo_msmi': trees['vpo_ss']}


@pytest.fixture
def browse(tools, root, trees, tmp_path):
    """Draws a tree with its base config; gives the folder."""

    def run(name, *arguments, split='train', options=()):
        config = root / f'configs/_base_/datasets/{synth_trees.CONFIGS[name]}.py'
        out = tmp_path / 'out'
        data = f'{split}_dataloader.dataset.data_root={trees[name]}'
        tool = tools.load(
            TOOL,
            *(config, '--out-dir', out, '--split', split, *arguments),
            *('--cfg-options', data, *options),
        )
        tool.main()
        return out

    return run


@pytest.mark.parametrize('mode', ['pipeline', 'original', 'both'])
@pytest.mark.parametrize('name', synth_trees.CONFIGS)
def test_every_data_set_is_drawn(browse, name, mode):
    out = browse(name, '--num', 1, '--mode', mode)
    (path,) = out.glob('*.png')
    picture = np.asarray(Image.open(path))
    assert picture.ndim == 3 and picture.shape[1] >= 420
    assert f'<img src="{path.name}"' in (out / 'index.html').read_text()


def test_first_all_and_shuffled_clips(browse, tmp_path):
    def clips(*arguments):
        out = browse('s4', *arguments)
        names = [path.name[6:] for path in sorted(out.glob('*.png'))]
        for path in out.glob('*'):
            path.unlink()
        return names

    first, everything = clips('--num', 3), clips('--num', 0)
    assert len(first) == 3 and len(everything) == len(set(everything)) == 9
    assert everything[:3] == first
    shuffled = clips('--num', 3, '--shuffle', '--seed', 1)
    assert shuffled == clips('--num', 3, '--shuffle', '--seed', 1) != first
    assert set(shuffled) <= set(everything)


def test_draws_are_those_of_the_seed(browse):
    def picture(seed):
        out = browse('vpo_ms', '--num', 1, '--seed', seed)
        return Image.open(next(out.glob('*.png'))).tobytes()

    first = picture(3)
    assert first == picture(3) != picture(4)


def test_originals_are_of_the_frames_that_the_pipeline_chose(tools, root, trees):
    tool = tools.load(TOOL, 'config.py')
    cfg = synth_trees.config_of('ms3', trees['ms3'], root)
    cfg.train_dataloader.dataset.pipeline.insert(0, dict(type='RandomClipFrames', num_frames=2))
    (data_set,) = tool.build_data_sets(cfg, 'train', seed=0)
    item = data_set[0]
    original = tool.original_item(data_set, 0, item)
    meta, other = item['data_samples'].metainfo, original['data_samples'].metainfo
    assert other['frame_indices'] == meta['frame_indices'] and len(meta['frame_indices']) == 2
    assert other['img_paths'] == meta['img_paths']
    assert original['inputs']['imgs'].shape == (2, 3, 32, 32)
    assert item['inputs']['imgs'].shape == (2, 3, 224, 224)


def test_wrapped_data_sets(tools, root, trees):
    tool = tools.load(TOOL, 'config.py')
    cfg = synth_trees.config_of('s4', trees['s4'], root)
    inner = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[inner, dict(type='RepeatDataset', dataset=inner, times=2)]
    )
    data_sets = tool.build_data_sets(cfg, 'train', seed=0)
    assert [len(data_set) for data_set in data_sets] == [9, 9]
    assert tool.choose([2, 3], 4, None) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert sorted(tool.choose([2, 3], 0, 7)) == tool.choose([2, 3], 0, None)


@pytest.mark.parametrize(
    'model, expected',
    [
        (None, None),
        (dict(type='X', audio_encoder=dict(type='VGGish')), dict(type='LogMelFrontend')),
        (dict(type='X', audio_encoder=dict(type='VGGish', frontend=None)), None),
        (
            dict(parts=[dict(frontend=dict(type='mmavs.LogMelFrontend', on_short='zeros'))]),
            dict(type='mmavs.LogMelFrontend', on_short='zeros'),
        ),
    ],
)
def test_the_front_end_of_a_model(tools, model, expected):
    assert tools.load(TOOL, 'config.py').find_frontend(model) == expected


def test_the_front_end_of_a_config(tools, root, trees):
    tool = tools.load(TOOL, 'config.py')
    cfg = Config.fromfile(
        root / 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'
    )
    cfg.train_dataloader.dataset.data_root = str(trees['ms3'])
    data_sets = tool.build_data_sets(cfg, 'train', seed=0)
    frontend = tool.find_frontend(cfg.model)
    ((_, picture),) = tool.draw_all(data_sets, [(0, 0)], frontend, 'pipeline')
    ((_, without),) = tool.draw_all(data_sets, [(0, 0)], None, 'pipeline')
    assert LogMelFrontend.__name__ in frontend['type'] and len(picture) == len(without) - 19


def test_what_cannot_be_drawn(browse, trees):
    with pytest.raises(SystemExit, match='no val_dataloader'):
        browse('s4', split='val', options=['val_dataloader=None'])
    with pytest.raises(SystemExit, match='is not a folder'):
        browse('s4', options=['train_dataloader.dataset.data_root=nowhere'])
    with pytest.raises(SystemExit, match='its last step must be PackAVSInputs'):
        browse('s4', options=['train_dataloader.dataset.pipeline=[]'])
    with pytest.raises(SystemExit, match='2'):
        browse('s4', '--num', -1)
