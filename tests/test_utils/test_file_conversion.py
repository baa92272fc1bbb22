# Copyright (c) mmavs developers. All rights reserved.
"""What the converters of many files share."""

import argparse

import pytest

from mmavs.utils.file_conversion import (
    FileJob,
    add_conversion_arguments,
    convert_files,
    whole_file,
)

ERRORS = {
    'value': ValueError('a wrong value'),
    'missing': FileNotFoundError(2, 'No such file'),
    'type': TypeError('a decoder gave up'),
    'silent': EOFError(),
}


def upper(job):
    """Write a text in capitals; the names of some files are errors."""
    if job.source.stem in ERRORS:
        raise ERRORS[job.source.stem]
    if job.source.stem == 'named':
        raise ValueError(f'{job.source} is not for us')
    with whole_file(job.target) as part:
        part.write_text(job.source.read_text().upper())


def jobs_of(folder, *names):
    for name in names:
        (folder / f'{name}.txt').write_text(f'text of {name}')
    return [FileJob(folder / f'{name}.txt', folder / f'out/{name}.txt') for name in names]


@pytest.mark.parametrize('nproc', [1, 2])
def test_bad_files_do_not_keep_the_others_from_being_done(tmp_path, capfd, nproc):
    jobs = jobs_of(tmp_path, 'a', *ERRORS, 'named', 'b')
    assert convert_files(upper, jobs, nproc) == 1
    output = capfd.readouterr()
    assert output.out.endswith('\n2 converted, 0 were there already, 5 refused\n')
    assert output.err.splitlines() == [
        f'refused: {tmp_path}/value.txt: a wrong value',
        f'refused: {tmp_path}/missing.txt: [Errno 2] No such file',
        f'refused: {tmp_path}/type.txt: TypeError: a decoder gave up',
        f'refused: {tmp_path}/silent.txt: EOFError: ',
        f'refused: {tmp_path}/named.txt is not for us',
    ]
    assert {path.name: path.read_text() for path in (tmp_path / 'out').iterdir()} == {
        'a.txt': 'TEXT OF A',
        'b.txt': 'TEXT OF B',
    }


def test_what_is_there_is_skipped_unless_it_is_to_be_overwritten(tmp_path, capfd):
    jobs = jobs_of(tmp_path, 'a', 'b')
    (tmp_path / 'out').mkdir()
    jobs[0].target.write_text('old')
    words = dict(done='made', failed='left out', nouns='texts')
    assert convert_files(upper, jobs, **words) == 0
    assert '1 made, 1 were there already, 0 texts left out\n' in capfd.readouterr().out
    assert jobs[0].target.read_text() == 'old'
    assert convert_files(upper, jobs, overwrite=True, left_out=['c: lost'], **words) == 1
    output = capfd.readouterr()
    assert '2 made, 0 were there already, 1 texts left out\n' in output.out
    assert output.err == 'left out: c: lost\n'
    assert jobs[0].target.read_text() == 'TEXT OF A'
    assert convert_files(upper, []) == 0


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_whole_file_or_none(tmp_path, error):
    path = tmp_path / 'new/folder/a.png'
    with pytest.raises(error), whole_file(path) as part:
        assert part.suffix == '.png' and part.parent == path.parent
        part.write_text('half')
        raise error
    assert not list(path.parent.iterdir())
    path.write_text('old')
    with whole_file(path) as part:
        part.write_text('new')
        assert path.read_text() == 'old'
    assert [found.name for found in path.parent.iterdir()] == ['a.png']
    assert path.read_text() == 'new'


def test_arguments():
    parser = argparse.ArgumentParser()
    add_conversion_arguments(parser)
    assert vars(parser.parse_args([])) == dict(nproc=1, overwrite=False)
    assert vars(parser.parse_args(['--nproc', '3', '--overwrite'])) == dict(nproc=3, overwrite=True)
