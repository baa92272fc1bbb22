# Copyright (c) mmavs developers. All rights reserved.
import importlib.util
import json
import os
import subprocess
import sys

import pytest
import torch
from PIL import Image
from toy_media import square_frame, tone, write_video
from toy_segmentor import toy_config

from mmavs.apis import init_model
from mmavs.utils.audio_io import write_wav

SIZE = (64, 48)


@pytest.fixture(scope='module')
def tool(root):
    spec = importlib.util.spec_from_file_location('infer_tool', root / 'tools/infer.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A config, its checkpoint, and a video of 3 s with sound in the first and last second."""
    folder = tmp_path_factory.mktemp('infer')
    toy_config().dump(folder / 'config.py')
    torch.save(dict(state_dict=init_model(toy_config()).state_dict()), folder / 'w.pth')
    wave = tone(3, 44100, lambda second: second != 1, channels=2)
    write_video(folder / 'clip.mp4', [square_frame(SIZE)] * 75, 25, wave)
    return folder


def arguments(files, source, out_dir, *more):
    return [
        str(source),
        *('--config', str(files / 'config.py'), '--checkpoint', str(files / 'w.pth')),
        *('--out-dir', str(out_dir), '--device', 'cpu', *more),
    ]


def results_of(out_dir):
    return json.loads((out_dir / 'results.json').read_text())


def test_video(tool, files, tmp_path, capsys):
    tool.main(arguments(files, files / 'clip.mp4', tmp_path))
    results = results_of(tmp_path)
    assert [frame['area'] > 0 for frame in results['frames']] == [True, False, True]
    assert results['config'] == str(files / 'config.py')
    assert results['checkpoint'] == str(files / 'w.pth')
    printed = capsys.readouterr().out
    assert str(tmp_path / 'overlay.mp4') in printed and str(tmp_path / 'results.json') in printed
    assert '3/3' in printed and '75/75' in printed  # the bars


def test_options(tool, files, tmp_path):
    more = ['--fps', '4', '--batch', '2', '--clip-frames', '3', '--threshold', '0.7']
    more += ['--no-overlay', '--cfg-options', 'model.test_cfg.threshold=0.6']
    tool.main(arguments(files, files / 'clip.mp4', tmp_path, *more))
    results = results_of(tmp_path)
    assert results['num_frames'] == 12 and results['threshold'] == 0.7
    assert results['cfg_options'] == {'model.test_cfg.threshold': 0.6}
    assert not (tmp_path / 'overlay.mp4').exists()


def test_folder_of_frames(tool, files, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    for k in range(10):
        Image.fromarray(square_frame(SIZE)).save(folder / f'{k}.jpg')
    write_wav(tmp_path / 'elsewhere.wav', tone(5, 16000), 16000)
    more = ['--audio', str(tmp_path / 'elsewhere.wav'), '--frame-fps', '2']
    tool.main(arguments(files, folder, tmp_path / 'out', *more))
    assert results_of(tmp_path / 'out')['num_frames'] == 5


def broken_video(tmp_path):
    path = tmp_path / 'broken.mp4'
    path.write_bytes(b'\0' * 5000)
    return path


def silent_video(tmp_path):
    return write_video(tmp_path / 'silent.mp4', [square_frame(SIZE)] * 5)


def empty_folder(tmp_path):
    path = tmp_path / 'empty'
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (broken_video, r'broken\.mp4: cannot be opened as a video'),
        (silent_video, r'silent\.mp4: has no sound'),
        (empty_folder, r'empty: there are no frames'),
        (lambda tmp_path: tmp_path / 'nothing.mp4', r'nothing\.mp4: no such video file'),
    ],
)
def test_bad_media_is_one_line(tool, files, tmp_path, make, message):
    with pytest.raises(SystemExit, match=rf'^error: .*{message}.*$') as caught:
        tool.main(arguments(files, make(tmp_path), tmp_path / 'out'))
    assert '\n' not in caught.value.code
    assert not (tmp_path / 'out').exists()


def test_missing_config_is_one_line(tool, files, tmp_path):
    args = arguments(files, files / 'clip.mp4', tmp_path / 'out')
    args[args.index('--config') + 1] = str(tmp_path / 'none.py')
    with pytest.raises(SystemExit, match=r'^error: .*none\.py: no such config file'):
        tool.main(args)


def test_bad_checkpoint_is_one_line(tool, files, tmp_path):
    torch.save(dict(state_dict=dict(other=torch.zeros(1))), tmp_path / 'other.pth')
    args = arguments(files, files / 'clip.mp4', tmp_path / 'out')
    args[args.index('--checkpoint') + 1] = str(tmp_path / 'other.pth')
    with pytest.raises(SystemExit, match=r'^error: .*other\.pth does not fit the model of'):
        tool.main(args)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--fps', '-1'], 'fps must be a positive number'),
        (['--clip-frames', '0'], 'clip_frames must be at least 1'),
        (['--batch', '0'], 'batch size must be at least 1'),
        (['--opacity', '1.5'], r'opacity must be in \[0, 1\]'),
    ],
)
def test_bad_options_are_one_line(tool, files, tmp_path, options, message):
    args = arguments(files, files / 'clip.mp4', tmp_path / 'out', *options)
    with pytest.raises(SystemExit, match=rf'^error: .*{message}') as caught:
        tool.main(args)
    assert '\n' not in caught.value.code
    assert not (tmp_path / 'out').exists()


def test_config_without_pipeline_is_one_line(tool, files, tmp_path):
    config = toy_config()
    del config.test_dataloader.dataset['pipeline']
    config.dump(tmp_path / 'config.py')
    args = arguments(files, files / 'clip.mp4', tmp_path / 'out')
    args[args.index('--config') + 1] = str(tmp_path / 'config.py')
    with pytest.raises(SystemExit, match=r'^error: .*has no test_dataloader'):
        tool.main(args)


def test_damaged_checkpoint_is_one_line(tool, files, tmp_path):
    (tmp_path / 'w.pth').write_bytes((files / 'w.pth').read_bytes()[:300])
    args = arguments(files, files / 'clip.mp4', tmp_path / 'out')
    args[args.index('--checkpoint') + 1] = str(tmp_path / 'w.pth')
    with pytest.raises(SystemExit, match=r'^error: .*w\.pth is not a checkpoint') as caught:
        tool.main(args)
    assert '\n' not in caught.value.code


def test_interruption_says_how_to_go_on(tool, files, tmp_path, monkeypatch):
    def interrupted(self, data):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool.AVSInferencer, 'forward', interrupted)
    with pytest.raises(SystemExit, match='interrupted: .*--resume'):
        tool.main(arguments(files, files / 'clip.mp4', tmp_path))
    assert results_of(tmp_path)['complete'] is False
    monkeypatch.undo()
    tool.main(arguments(files, files / 'clip.mp4', tmp_path, '--resume'))
    assert results_of(tmp_path)['complete'] is True


def test_memory_does_not_grow_with_the_length(root, tmp_path):
    """Peak memory of a process after a video of 10 s, and after one of 30 s, of 640 x 480.

    Held whole, the 20 s more would be 74 MB of pictures.
    """
    for seconds in (10, 30):
        frames = (square_frame((640, 480), 100 + n % 100) for n in range(4 * seconds))
        write_video(tmp_path / f'{seconds}.mp4', frames, 4, tone(seconds, 44100))
    code = (
        'import resource, sys\n'
        'from mmavs.apis import AVSInferencer\n'
        'from toy_segmentor import toy_config\n'
        'segment = AVSInferencer(toy_config(), device="cpu", show_progress=False)\n'
        'for path in sys.argv[1:]:\n'
        '    segment(path, out_dir=path + ".out")\n'
        '    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n'
    )
    run = subprocess.run(
        [sys.executable, '-c', code, str(tmp_path / '10.mp4'), str(tmp_path / '30.mp4')],
        env={**os.environ, 'PYTHONPATH': f'{root}{os.pathsep}{root / "tests"}'},
        capture_output=True,
        text=True,
        check=True,
    )
    short, long = (int(line) / 1024 for line in run.stdout.split())
    assert long - short < 25, f'peak RSS: {short:.0f} MB after 10 s, {long:.0f} MB after 30 s'
