# Copyright (c) mmavs developers. All rights reserved.
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from torch.utils.data import Subset

from mmavs.datasets import BaseAVSDataset
from mmavs.evaluation.protocols import PROTOCOLS, TASKS, protocol_table, protocols_for, task_of
from mmavs.registry import METRICS


class Clips(BaseAVSDataset):
    """No files, only a number of classes."""

    def __init__(self, num_classes):
        super().__init__(
            metainfo=dict(classes=tuple(f'class {i}' for i in range(num_classes))), lazy_init=True
        )
        self.data_list = [{}]
        self.serialize_data = False
        self._fully_initialized = True

    def parse_data_info(self, raw_data_info):
        return raw_data_info


class VPODataset(Clips):
    """Told by its name, whatever its classes."""


def test_every_protocol_has_a_metric_and_a_name_of_its_own():
    assert {protocol.task for protocol in PROTOCOLS} == set(TASKS)
    assert len({(protocol.task, protocol.name) for protocol in PROTOCOLS}) == len(PROTOCOLS)
    for protocol in PROTOCOLS:
        metric = METRICS.build(protocol.metric_config())
        assert metric.prefix == protocol.name


def test_settings_of_the_papers():
    binary = {protocol.name: protocol.metric for protocol in protocols_for('binary')}
    sizes = {name: metric.get('f_batch_size') for name, metric in binary.items()}
    assert (sizes['vct'], sizes['avsegformer'], sizes['tpavi']) == (1, 2, 4)
    assert (binary['cavp']['absent'], binary['ravs']['absent']) == ('zero', 'skip')
    avss = {protocol.name: protocol.metric for protocol in protocols_for('avss')}
    padded = {name: metric.get('count_padded_frames') for name, metric in avss.items()}
    assert padded == dict(avsegformer=True, tpavi=True, vct=False, cavp=None, ravs=None)
    assert [protocol.name for protocol in protocols_for('vpo')] == ['cavp', 'ravs']


@pytest.mark.parametrize(('classes', 'task'), [(2, 'binary'), (71, 'avss'), (22, 'vpo')])
def test_task_by_number_of_classes_and_through_wrappers(classes, task):
    dataset = Clips(classes)
    wrapped = [
        dataset,
        ConcatDataset([dataset, Clips(classes)]),
        RepeatDataset(dataset, 2),
        Subset(ConcatDataset([dataset]), [0]),
    ]
    assert [task_of(each) for each in wrapped] == [task] * 4


def test_task_by_class_name():
    assert task_of(VPODataset(24)) == 'vpo'
    assert task_of(VPODataset(2)) == 'binary'


def test_data_without_a_protocol():
    with pytest.raises(ValueError, match='is for Clips with 5 classes.*Test without --protocol'):
        task_of(Clips(5))
    with pytest.raises(ValueError, match='with 0 classes'):
        task_of(object())

    class Mixed:
        datasets = (Clips(2), Clips(71))

    with pytest.raises(ValueError, match=r"several kinds of tasks, \['avss', 'binary'\]"):
        task_of(Mixed())


def test_choice():
    assert [p.name for p in protocols_for('avss', ['cavp', 'vct'])] == ['vct', 'cavp']
    assert protocols_for('avss', ['vct', 'all']) == protocols_for('avss')
    with pytest.raises(ValueError, match='"tpavi" does not apply to semantic images.*cavp, ravs'):
        protocols_for('vpo', ['tpavi'])
    with pytest.raises(ValueError, match='no protocol "coco", expected all, or of: avsegformer'):
        protocols_for('vpo', ['coco'])
    with pytest.raises(ValueError, match='No protocol is named'):
        protocols_for('vpo', [])


def test_table():
    protocols = protocols_for('binary', ['vct', 'cavp'])
    scores = {
        'vct/mIoU_b1': 12.345, 'vct/Fscore_b1': 23.4, 'vct/Fscore_0.5': 1,
        'cavp/mIoU': 34.5, 'cavp/Fscore': 45.6, 'other/mIoU': 99.99,
    }  # fmt: skip
    lines = protocol_table(protocols, scores).splitlines()
    assert lines[0] == 'Published protocols for binary clips (S4, MS3), in percent'
    rows = [[cell.strip() for cell in line.split('|')] for line in lines if line.startswith('| ')]
    assert rows[0][1:6] == ['protocol', 'used by', 'mIoU', 'F', 'further']
    assert rows[1][1:6] == ['vct', 'VCT, COMBO', '12.35', '23.40', 'Fscore_0.5 1.00']
    assert ['cavp', 'CAVP, CPM', '34.50', '45.60', ''] in [row[1:6] for row in rows]
    assert '99.99' not in '\n'.join(lines)
