# Copyright (c) mmavs developers. All rights reserved.
"""The page of projects/gradio_demo in a real browser, on a tiny model with random weights."""

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import av
import pytest
from tiny_run import make_run

from mmavs.testing import SynthAVS

pytestmark = pytest.mark.browser
HERE = Path(__file__).resolve().parent
SIZE, SECONDS, FRAMES = 64, 3, 12  # four frames a second


def demo_python():
    """The Python of the demo's environment, or a skip."""
    venv = Path(os.environ.get('MMAVS_DEMO_VENV') or f'{sys.prefix}-demo')
    python = venv / 'bin/python'
    check = 'import gradio, playwright'
    if not python.is_file() or subprocess.run([python, '-c', check]).returncode:
        pytest.skip(
            f'{venv} has no gradio and playwright: bash projects/gradio_demo/setup_env.sh --tests'
        )
    return python


def environment(root):
    return dict(os.environ, PYTHONPATH=str(root), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A model, a clip, and a file that is none."""
    folder = tmp_path_factory.mktemp('demo')
    config, checkpoint = make_run(folder, num_clips=1, size=32)
    SynthAVS(image_size=SIZE).write_video(
        folder / 'clip.mp4', subset='ms3', seconds=SECONDS, size=(SIZE, SIZE)
    )
    (folder / 'broken.mp4').write_text('no video')
    return folder, f'tiny={config},{checkpoint}'


@pytest.fixture(scope='module')
def server(files, root):
    """The address of a running demo."""
    folder, model = files
    port = 7931
    log = open(folder / 'log', 'w+')  # noqa: SIM115  lives as long as the process
    command = [demo_python(), root / 'projects/gradio_demo/app.py', '--model', model]
    command += ['--port', str(port), '--folder', folder / 'served', '--device', 'cpu']
    command += ['--quickstart-dir', folder / 'none']
    process = subprocess.Popen(
        list(map(str, command)), env=environment(root), stdout=log, stderr=subprocess.STDOUT
    )
    url = f'http://127.0.0.1:{port}'
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                text = (folder / 'log').read_text()
                assert process.poll() is None and time.monotonic() < deadline, text[-3000:]
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def fetch(url, data=None):
    """Status and content."""
    headers = {} if data is None else {'content-type': 'application/json'}
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_visit(server, files, root):
    folder, _ = files
    script = [demo_python(), HERE / 'browse_demo.py', server]
    script += [folder / 'clip.mp4', folder / 'broken.mp4', folder]
    result = subprocess.run(
        list(map(str, script)), env=environment(root), capture_output=True, text=True, timeout=500
    )
    if result.returncode == 42:
        pytest.skip('no Chromium: bash projects/gradio_demo/setup_env.sh --tests says why')
    log = (folder / 'log').read_text()
    assert result.returncode == 0, f'{result.stdout}{result.stderr[-3000:]}\n{log[-3000:]}'
    seen = json.loads(result.stdout.splitlines()[-1])
    assert f'{FRAMES} frames' in seen['own']
    assert seen['spectrogram'] == seen['areas'] == [900, 260]
    assert seen['playable'][:2] == [SIZE, SIZE]
    assert seen['playable'][2] == pytest.approx(SECONDS, abs=0.2)
    _, content = fetch(seen['overlay'])
    with av.open(io.BytesIO(content)) as video:
        assert sum(1 for _ in video.decode(video=0)) == SECONDS * 25
    with av.open(io.BytesIO(content)) as video:
        assert sum(frame.samples for frame in video.decode(audio=0)) > 2.5 * 8000
    with zipfile.ZipFile(folder / 'masks.zip') as archive:
        names = archive.namelist()
        records = json.loads(archive.read('results.json'))
    assert len([name for name in names if name.endswith('.png')]) == FRAMES
    assert len(records['frames']) == FRAMES
    assert str(folder) not in json.dumps(records)
    assert 'with its own sound' in seen['silence'] and 'with silence' in seen['silence']
    assert 'broken.mp4: cannot be opened as a video' in seen['message']
    assert str(folder) not in seen['message'] and 'Traceback' not in seen['message']
    assert 'Traceback' not in log
    assert seen['hosts'] == ['127.0.0.1']  # nobody else is asked for anything


@pytest.mark.parametrize(
    'path',
    ['/etc/passwd', 'README.md', '{folder}/model.pth', '{folder}/served/runs/../../model.pth'],
)
def test_no_file_outside_its_folder(server, files, path):
    path = path.format(folder=files[0])
    status, content = fetch(f'{server}/gradio_api/file={path}')
    assert status in (403, 404) and b'root:' not in content


def test_a_path_in_place_of_an_upload(server, files):
    """The API takes the name of a file: only that of an upload."""
    clip = dict(path=str(files[0] / 'clip.mp4'), meta=dict(_type='gradio.FileData'))
    call = dict(data=[clip, 'tiny', 'dense: four frames a second', 'its own sound', None])
    status, content = fetch(f'{server}/gradio_api/call/segment', json.dumps(call).encode())
    if status == 200:
        event = json.loads(content)['event_id']
        status, content = fetch(f'{server}/gradio_api/call/segment/{event}')
        assert b'event: error' in content and b'overlay.mp4' not in content
    else:
        assert status in (400, 403, 422)
