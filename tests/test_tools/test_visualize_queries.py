# Copyright (c) mmavs developers. All rights reserved.
"""tools/analysis_tools/visualize_queries.py on tiny models with random weights."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from PIL import Image
from tiny_run import make_run

from mmavs.apis.clip_pictures import build_test_sets
from mmavs.apis.inference import without_pretrained
from mmavs.models.losses import MaskMatchingCriterion
from mmavs.registry import MODELS
from mmavs.structures import AVSDataSample, MaskOutputs
from mmavs.testing import SynthAVS

TOOL = 'tools/analysis_tools/visualize_queries.py'
CONFIGS = dict(
    vct='vct/vct_r18_vggish_1xb16-24e_synthms3-96x96.py',
    combo='combo/combo_r18_vggish_1xb8-12e_synthms3-96x96.py',
)
ROW = 186  # pixels of a row of pictures and the gap under it
ACT = """
model = dict(
    decode_head=dict(
        query_generator=dict(
            _delete_=True, type='AudioDerivedQueryGenerator', num_queries=16, embed_dims=32
        )
    )
)
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('synth')
    SynthAVS(image_size=32).write_ms3(folder, {'test': 3}, maskige=True)
    return folder


@pytest.fixture
def draw(tools, root, data, tmp_path):
    """Draws with the tiny config of a method; gives the pictures by name."""

    def draw(method, *arguments, changes=''):
        path, weights = tmp_path / f'{method}.py', tmp_path / 'weights.pth'
        base = str(root / 'configs' / CONFIGS['vct' if method == 'act' else method])
        path.write_text(f'_base_ = {base!r}\n{changes}')
        torch.manual_seed(0)
        model = MODELS.build(without_pretrained(Config.fromfile(path).model))
        torch.save({'state_dict': model.state_dict()}, weights)
        tool = tools.load(
            TOOL,
            *(path, weights, '--out-dir', tmp_path / 'out', '--device', 'cpu', *arguments),
            *('--cfg-options', f'test_dataloader.dataset.data_root={data}'),
        )
        tool.main()
        files = sorted((tmp_path / 'out').glob('*.png'))
        return {file.stem: np.asarray(Image.open(file)) for file in files}

    return draw


def test_vct(draw):
    pictures = draw('vct', '--num-clips', 2, '--queries', 3)
    assert list(pictures) == ['00000_ms3_test_00000', '00001_ms3_test_00001']
    few = pictures['00001_ms3_test_00001']
    more = draw('vct', '--clip', 'ms3_test_00001', '--queries', 5)
    # The legend of the matches may need a line more.
    assert len(more['00001_ms3_test_00001']) - len(few) - 2 * (ROW + 18) in (0, 20)


def test_queries_that_own_no_pixels(draw):
    """COMBO's, and those of ACT; all else is drawn."""
    arguments = ('--num-clips', 1, '--queries', 3)
    (vct,) = draw('vct', *arguments).values()
    (combo,) = draw('combo', *arguments).values()
    (audio,) = draw('act', *arguments, changes=ACT).values()
    assert combo.shape == audio.shape
    assert len(vct) - len(combo) > ROW - 40  # less what the legends may differ


def test_every_clip_and_the_paper_s_choice(draw):
    assert len(draw('vct', '--num-clips', 0, '--queries', 1, '--order', 'even')) == 3


def test_an_unknown_clip(draw):
    message = 'no clip x, y. Their 3 clips are called ms3_test_00000, ms3_test_00001'
    with pytest.raises(SystemExit, match=rf'^{TOOL}: .*{message}'):
        draw('vct', '--clip', 'x', '--clip', 'ms3_test_00001', '--clip', 'y')


def test_a_config_without_test_data(root):
    cfg = Config.fromfile(root / 'configs' / CONFIGS['vct'])
    cfg.test_dataloader = None
    with pytest.raises(ValueError, match='synthms3-96x96.py has no test_dataloader'):
        build_test_sets(cfg)


@pytest.mark.parametrize('arguments', [('--num-clips', -1), ('--queries', 0), ('--order', 'x')])
def test_arguments_out_of_range(draw, arguments, capsys):
    with pytest.raises(SystemExit, match='2'):
        draw('vct', *arguments)
    assert arguments[0] in capsys.readouterr().err


def test_a_head_without_queries(tools, tmp_path):
    config, weights = make_run(tmp_path, num_clips=1, size=32)
    message = 'config.py has no queries to draw: its model.decode_head is AVSegFormerHead'
    with pytest.raises(SystemExit, match=message):
        tools.load(TOOL, config, weights, '--out-dir', tmp_path / 'out').main()
    assert not (tmp_path / 'out').exists()


def test_a_checkpoint_of_another_model(tools, root, data, tmp_path):
    torch.save({'state_dict': {'a.weight': torch.ones(1)}}, tmp_path / 'other.pth')
    tool = tools.load(TOOL, root / 'configs' / CONFIGS['vct'], tmp_path / 'other.pth')
    with pytest.raises(SystemExit, match='does not fit.*1 unexpected') as caught:
        tool.main()
    assert '\n' not in caught.value.code
    with pytest.raises(SystemExit, match='no checkpoint at'):
        tools.load(TOOL, root / 'configs' / CONFIGS['vct'], 'nothing.pth').main()


def test_the_prediction_is_that_of_a_test(tools, root, data):
    """Same masks as test_step; the maps are the head's, and hooks are gone."""
    cfg = Config.fromfile(root / 'configs' / CONFIGS['vct'])
    cfg.test_dataloader.dataset.data_root = str(data)
    tool = tools.load(TOOL)
    torch.manual_seed(0)
    model = MODELS.build(without_pretrained(cfg.model)).eval()
    (data_set,) = build_test_sets(cfg)
    sample, maps = tool.predict(model, data_set[0])
    with torch.no_grad():
        batch = model.data_preprocessor(pseudo_collate([data_set[0]]), False)
        outputs = model(**batch, mode='tensor')
        (expected,) = model.test_step(pseudo_collate([data_set[0]]))
    assert torch.equal(sample.pred_scores.data, expected.pred_scores.data)
    assert torch.equal(maps.logits, outputs.mask_logits[-1])
    owners = outputs.aux['query_assignment'].argmax(1).unflatten(1, (24, 24))
    assert torch.equal(maps.owners[:, ::4, ::4], owners)
    # Each frame has the background and what sounds, if any, and each is matched to one query.
    labels = [len(frame.unique()) for frame in sample.gt_sem_seg.data]
    assert (maps.matched < 2).sum(1).tolist() == labels
    assert not model.decode_head._forward_hooks


def test_matches_of_perfect_masks(tools):
    """Labels of another size than the padded frames, and a frame without a mask."""
    label = torch.zeros(2, 24, 40, dtype=torch.long)
    label[:, :12, :20], label[:, 12:, 20:] = 2, 1
    sample = AVSDataSample()
    sample.gt_sem_seg = PixelData(data=label)
    sample.frame_annotated = torch.tensor([False, True])
    frame, padded = (48, 80), (64, 96)
    masks = torch.full((2, 6, *padded), -9.0)
    shown = label.repeat_interleave(2, 1).repeat_interleave(2, 2)
    classes = torch.zeros(2, 6, 4)
    for query, name in ((5, 0), (3, 1), (0, 2)):
        masks[:, query, :48, :80][shown == name] = 9
        classes[:, query, name] = 5
    # Query 1 is right about class 1 but for where it is.
    masks[:, 1, 48:], classes[:, 1, 1] = 9, 5
    head = SimpleNamespace(
        num_classes=3, criterion=MaskMatchingCriterion(num_classes=3, num_points=500)
    )
    outputs = MaskOutputs(cls_scores=[classes], mask_logits=[masks])
    tool = tools.load(TOOL)
    state = torch.random.get_rng_state()
    matched = tool.match(head, outputs, sample, padded, frame)
    assert matched.tolist() == [[3] * 6, [2, 3, 3, 1, 3, 0]]
    assert torch.equal(torch.random.get_rng_state(), state)
    del sample.gt_sem_seg
    assert tool.match(head, outputs, sample, padded, frame) is None
