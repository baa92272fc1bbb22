# Copyright (c) mmavs developers. All rights reserved.
"""A page that segments what sounds in a clip: ``bash projects/gradio_demo/start.sh``.

Uploads and results lie in one folder, the only one that files are served from, and are removed
after an hour.
"""

import argparse
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from avs_demo.media import OWN, SOUNDS, Limits
from avs_demo.models import DEFAULT_PROTOCOL, PROTOCOLS, Models, quickstart_model
from avs_demo.segment import segment

from mmavs.utils.checkpoint import UnsafeCheckpointError
from mmavs.utils.cli import fail
from mmavs.utils.errors import MediaError

ROOT = Path(__file__).resolve().parents[2]
TOOL = 'projects/gradio_demo/app.py'
KEEP_SECONDS = 3600
"""int: How long uploads and results stay."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    limits = Limits()
    parser = argparse.ArgumentParser(description='Segment what sounds in clips, in the browser')
    parser.add_argument(
        '--model',
        action='append',
        metavar='NAME=CONFIG,CHECKPOINT',
        help='a model to choose from; may be given again. Default: that of the quickstart',
    )
    parser.add_argument(
        '--quickstart-dir',
        type=Path,
        default=ROOT / 'work_dirs/quickstart',
        help='work dir of the quickstart: its model, and its video as an example',
    )
    parser.add_argument('--folder', type=Path, default=ROOT / 'work_dirs/gradio_demo')
    parser.add_argument('--host', default='127.0.0.1', help='0.0.0.0 lets other machines in')
    parser.add_argument('--port', type=int, default=7860)
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument(
        '--max-seconds', type=float, default=limits.seconds, help='of a clip (default %(default)s)'
    )
    parser.add_argument(
        '--max-megabytes', type=float, default=limits.megabytes, help='(default %(default)s)'
    )
    return parser.parse_args(argv)


def remove_old(folder: Path) -> None:
    """Remove results that nobody will look at any more."""
    for path in folder.iterdir():
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


class Page:
    """What happens behind the button.

    Args:
        models (Models): To choose from.
        folder (Path): Gets a folder for each run.
        limits (Limits): What is taken.
    """

    def __init__(self, models: Models, folder: Path, limits: Limits) -> None:
        self.models, self.folder, self.limits = models, folder, limits

    def run(
        self, clip: str | None, model: str, protocol: str, sound: str, other: str | None
    ) -> tuple[str, Any, Any, str, str]:
        """Segment; what is wrong with a clip becomes a message on the page.

        Args:
            clip (str, optional): File that was uploaded or recorded.
            model (str): Name of a model.
            protocol (str): Key of ``PROTOCOLS``.
            sound (str): One of ``SOUNDS``.
            other (str, optional): File whose sound may be heard instead.

        Returns:
            tuple: Video, two pictures, archive, text.
        """
        import gradio

        remove_old(self.folder)
        place = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            inferencer = self.models.load(model)
            shown = segment(inferencer, clip, sound, other, PROTOCOLS[protocol], place, self.limits)
        except (MediaError, UnsafeCheckpointError) as error:
            raise gradio.Error(str(error), duration=None, print_exception=False) from error
        except Exception as error:  # the page answers the visitor, the log keeps the trace
            logging.exception('a clip could not be segmented')
            raise gradio.Error(
                'Something went wrong with this clip; the log of the server says what.',
                print_exception=False,
            ) from error
        return str(shown.overlay), shown.spectrogram, shown.areas, str(shown.archive), shown.text


def build(page: Page, examples: list[str]) -> Any:
    """The page itself."""
    import gradio

    limits = page.limits
    with gradio.Blocks(
        title='mmavs', analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)
    ) as blocks:
        gradio.Markdown(
            '# What sounds?\nUpload or record a clip with sound, at most '
            f'{limits.seconds:g} s and {limits.megabytes:g} MiB; the objects that sound are marked.'
        )
        with gradio.Row():
            with gradio.Column():
                clip = gradio.Video(
                    label='Clip', sources=['upload', 'webcam'], include_audio=True, elem_id='clip'
                )
                if examples:
                    gradio.Examples([[example] for example in examples], [clip])
                model = gradio.Dropdown(page.models.names, label='Model', elem_id='model')
                protocol = gradio.Dropdown(
                    list(PROTOCOLS), value=DEFAULT_PROTOCOL, label='Protocol', elem_id='protocol'
                )
                sound = gradio.Radio(
                    list(SOUNDS), value=OWN, label='The model hears', elem_id='sound'
                )
                other = gradio.Video(
                    label='The other clip',
                    sources=['upload'],
                    include_audio=True,
                    visible=False,
                    elem_id='other',
                )
                button = gradio.Button('Segment', variant='primary', elem_id='segment')
            with gradio.Column():
                text = gradio.Markdown(elem_id='text')
                overlay = gradio.Video(label='Marked, with what was heard', elem_id='overlay')
                charts = dict(show_label=False, buttons=['download'], format='png')
                spectrogram = gradio.Image(elem_id='spectrogram', **charts)
                areas = gradio.Image(elem_id='areas', **charts)
                archive = gradio.File(label='Masks', elem_id='masks')
        sound.change(
            lambda chosen: gradio.update(visible=chosen == SOUNDS[2]),
            sound,
            other,
            api_visibility='private',
        )
        button.click(
            page.run,
            [clip, model, protocol, sound, other],
            [overlay, spectrogram, areas, archive, text],
            api_name='segment',
            concurrency_limit=1,
        )
    return blocks.queue(max_size=16)


def main(argv: list[str] | None = None) -> None:
    """Start the server and stay."""
    args = parse_args(argv)
    try:
        texts = args.model or [quickstart_model(args.quickstart_dir, ROOT)]
        models = Models(texts, args.device)
    except (OSError, ValueError) as error:
        fail(TOOL, error)
    folder = args.folder.resolve()
    runs = folder / 'runs'
    runs.mkdir(parents=True, exist_ok=True)
    # Both are read when gradio is imported, and tell it where to put files and to call nobody.
    os.environ['GRADIO_TEMP_DIR'] = str(folder / 'cache')
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    tempfile.tempdir = str(folder)
    import gradio

    examples = []
    for video in sorted((args.quickstart_dir / 'data/videos').glob('*.mp4')):
        (folder / 'examples').mkdir(exist_ok=True)
        examples.append(str(shutil.copy(video, folder / 'examples')))
    limits = Limits(megabytes=args.max_megabytes, seconds=args.max_seconds)
    build(Page(models, runs, limits), examples).launch(
        server_name=args.host,
        server_port=args.port,
        max_file_size=f'{args.max_megabytes:g}mb',
        allowed_paths=[str(runs), str(folder / 'examples')],
        theme=gradio.themes.Soft(font=['system-ui', 'sans-serif'], font_mono=['monospace']),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        share=False,
    )


if __name__ == '__main__':
    main()
