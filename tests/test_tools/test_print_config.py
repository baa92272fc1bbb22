# Copyright (c) mmavs developers. All rights reserved.
import pytest
from mmengine.config import Config

TOOL = 'tools/misc/print_config.py'
CONFIG = 'configs/avsegformer/avsegformer_r18_vggish_1xb16-24e_synthms3-96x96.py'


@pytest.fixture
def run(tools, root, capsys):
    """Runs the tool; gives what it printed."""

    def run(*arguments):
        tools.load(TOOL).main([str(root / CONFIG), *map(str, arguments)])
        return capsys.readouterr().out

    return run


def test_whole_config_is_python_that_gives_the_same(run, root, tmp_path):
    text = run('--cfg-options', 'train_cfg.max_epochs=7')
    (tmp_path / 'printed.py').write_text(text)
    expected = Config.fromfile(root / CONFIG)
    expected.train_cfg.max_epochs = 7
    assert Config.fromfile(tmp_path / 'printed.py').to_dict() == expected.to_dict()


def test_part(run):
    text = run('--key', 'model.decode_head.query_generator')
    assert text.startswith('model_decode_head_query_generator = dict(')
    scope = {}
    exec(text, scope)
    assert scope['model_decode_head_query_generator']['type'] == 'AudioQueryGenerator'
    assert run('--key', 'test_dataloader.dataset.pipeline.0.type').count("'") == 2


def test_graph_and_file(run, root, tmp_path):
    text = run('--key', 'train_cfg', '--graph', '--out', tmp_path / 'a' / 'config.py')
    assert '(query_generator): AudioQueryGenerator(' in text
    written = Config.fromfile(tmp_path / 'a' / 'config.py')
    assert written.to_dict() == Config.fromfile(root / CONFIG).to_dict()


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('model.head', 'model has no "head"; it has .*decode_head'),
        ('test_dataloader.dataset.pipeline.99', 'pipeline is a list of'),
        ('model.type.x', "model.type is 'AVSegmentor', which has no parts"),
    ],
)
def test_wrong_key(run, key, message):
    with pytest.raises(SystemExit, match=f'^{TOOL}: --key {key}: .*{message}'):
        run('--key', key)
