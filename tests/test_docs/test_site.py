# Copyright (c) mmavs developers. All rights reserved.
"""What Sphinx reads is put together from all that there is."""

import re
from pathlib import Path

import pytest
from api_pages import PAGES, api_pages, packages_below, public_names
from markdown_files import ROOT
from model_zoo import COLUMNS, load_index, model_zoo
from stage import stage

from mmavs.evaluation.protocols import PROTOCOLS

MODELS = [model for metafile in load_index(ROOT) for model in metafile['Models']]


def zoo_rows():
    lines = model_zoo(ROOT).splitlines()
    return [line.strip('| ').split(' | ') for line in lines if line.startswith('| ')]


def test_every_config_has_one_row_with_its_numbers():
    rows = {row[-1]: row for row in zoo_rows() if len(row) == len(COLUMNS)}
    assert len(rows) == len(MODELS) + 2  # the heading and its line
    for model in MODELS:
        row = rows[f'[config](../{model["Config"]})']
        for result in model.get('Paper Results', []):
            assert row[5:7] == [str(result['Metrics'][key]) for key in ('mIoU', 'F-score')]
            assert result['Source'] == row[7]
            assert result['Protocol'] in row[8]
        if 'Paper Results' not in model:
            assert row[5:9] == ['–'] * 4
        for result in model.get('Results', []):
            assert result['Measured'] in row[9]
            for key, value in result['Metrics'].items():
                assert f'{value:.2f}' in row[9 if key.endswith('mIoU') else 10], key
        if 'Results' not in model:
            assert row[9:12] == ['–'] * 3


def test_the_quickstarts_number_is_that_of_the_readme():
    (model,) = [m for m in MODELS if m['Name'] == 'avsegformer_r18_vggish_1xb16-24e_synthms3-96x96']
    (result,) = model['Results']
    readme = (ROOT / 'README.md').read_text()
    assert f'(MS3 layout, 96x96) | {result["Metrics"]["mIoU"]} |' in readme
    assert f'batches of 2 clips | {result["Metrics"]["F-score"]} |' in readme


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_metafiles_say_by_which_protocol(model):
    known = {protocol.name for protocol in PROTOCOLS} | {'not known'}
    for result in [*model.get('Paper Results', []), *model.get('Results', [])]:
        assert result['Protocol'] in known
        batch = str(result['F Batch'])
        assert batch in ('none', 'not known', '1 clip') or batch.endswith(' clips'), batch
    for result in model.get('Results', []):
        assert result['Dataset'] == model['Metadata']['Training Data']
        assert result['Audio-Blind Ceiling'] > 0
        assert (ROOT / result['Measured'].partition('#')[0]).is_file()


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_metafiles_agree_with_the_names(model):
    metadata = model['Metadata']
    length = metadata.get('Iterations', 0) // 1000
    schedule = f'{metadata["Epochs"]}e' if 'Epochs' in metadata else f'{length}k'
    assert f'_1xb{metadata["Batch Size"]}-{schedule}_' in model['Name']


def test_api_reference_has_every_public_name():
    pages = api_pages(ROOT / 'mmavs')
    for name in PAGES:
        text = pages[Path('api', f'{name}.rst')]
        members = ','.join(re.findall(r':members: (.*)', text)).replace(' ', '').split(',')
        for package in packages_below(ROOT / 'mmavs' / name):
            for public in public_names(package):
                assert members.count(public) == 1, f'{package}: {public}'
    assert 'AVSInferencer' in pages[Path('api/apis.rst')]
    assert ':members: AVSDataPreprocessor\n' in pages[Path('api/models.rst')]


def test_a_new_package_is_not_forgotten(tmp_path):
    (tmp_path / 'strange').mkdir()
    (tmp_path / 'strange' / '__init__.py').write_text('')
    with pytest.raises(ValueError, match='strange'):
        api_pages(tmp_path)


def test_stage(tmp_path):
    left = tmp_path / 'old' / 'page.md'
    left.parent.mkdir()
    left.write_text('of an earlier run')
    stage(ROOT, tmp_path)
    assert not left.parent.exists()
    for page in ('index.md', 'model_zoo.md', 'methods/vct.md', 'notes/contributing.md', 'conf.py'):
        assert (tmp_path / page).is_file()
    before = (tmp_path / 'index.md').stat().st_mtime_ns
    stage(ROOT, tmp_path)
    assert (tmp_path / 'index.md').stat().st_mtime_ns == before
