# Copyright (c) mmavs developers. All rights reserved.
"""Segment one medium into a folder: masks, JSON, overlay video."""

from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from mmavs.utils.progress import progress_bar

from .clip_stream import MediaReader, estimate_samples
from .overlay_video import write_overlay
from .result_writer import ResultWriter

if TYPE_CHECKING:
    from .avs_inferencer import AVSInferencer


def segment_to_folder(
    inferencer: 'AVSInferencer',
    media: MediaReader,
    folder: Path,
    *,
    batch_size: int = 1,
    resume: bool = False,
    overlay: bool = True,
    preprocess: dict[str, Any] | None = None,
    visualize: dict[str, Any] | None = None,
    postprocess: dict[str, Any] | None = None,
) -> dict[str, str | None]:
    """Segment one medium, writing each mask as soon as it is there.

    Args:
        inferencer (AVSInferencer): Samples, predicts, draws.
        media (MediaReader): What to segment.
        folder (Path): Gets ``masks/``, ``results.json`` and ``overlay.mp4``.
        batch_size (int): Clips a forward pass. Defaults to 1.
        resume (bool): Whether to go on with an interrupted run. Defaults to False.
        overlay (bool): Whether to write the video. Defaults to True.
        preprocess (dict, optional): Arguments of ``inferencer.preprocess``.
        visualize (dict, optional): Arguments of ``inferencer.visualize``.
        postprocess (dict, optional): Arguments of ``inferencer.postprocess``.

    Returns:
        dict: ``source``, and the paths ``results``, ``masks``, ``overlay``.
    """
    preprocess, visualize = preprocess or {}, visualize or {}
    postprocess = postprocess or {}
    header = run_header(inferencer, media, preprocess, postprocess)
    palette = None if header['threshold'] is not None else inferencer.visualizer.palette
    with ExitStack() as stack:
        writer = stack.enter_context(ResultWriter(folder, header, palette, resume))
        progress = stack.enter_context(progress_bar(inferencer.show_progress))
        done = writer.num_done
        total = estimate_samples(media, preprocess.get('fps'))
        task = progress.add_task('Segment', total=total, completed=done)
        for clips, preds in inferencer.stream(media, batch_size, skip=done, **preprocess):
            inferencer.visualize(clips, preds, **visualize)
            for record in inferencer.postprocess(preds, [], **postprocess):
                if record['index'] >= done:
                    writer.write(**record)
                    progress.advance(task)
        video = folder / 'overlay.mp4' if overlay else None
        if video is not None:
            colours, opacity = inferencer.visualizer.palette, visualize.get('opacity', 0.5)
            _overlay(video, media, writer, colours, opacity, progress)
        results = writer.finish(
            complete=True, stopped_by=None, overlay=None if video is None else video.name
        )
    return dict(
        source=media.info.path,
        results=str(results),
        masks=str(writer.masks_dir),
        overlay=None if video is None else str(video),
    )


def output_folders(paths: list[str], out_dir: str | Path | None) -> list[Path | None]:
    """Where the results of each input go: ``out_dir``, or for several inputs folders in it.

    Raises:
        ValueError: If two inputs have the same name.
    """
    if out_dir is None:
        return [None] * len(paths)
    if len(paths) == 1:
        return [Path(out_dir)]
    names = [Path(path).stem for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f'Several inputs are called {", ".join(twice)}; their results would overwrite each '
            'other. Give them to separate runs.'
        )
    return [Path(out_dir) / name for name in names]


def run_header(
    inferencer: 'AVSInferencer',
    media: MediaReader,
    preprocess: dict[str, Any],
    postprocess: dict[str, Any],
) -> dict[str, Any]:
    """What stands at the top of ``results.json``; only a run with the same can be resumed."""
    info, model = media.info, inferencer.model
    classes = list(model.dataset_meta.get('classes', ()))
    threshold = postprocess.get('threshold')
    if threshold is None and len(classes) <= 2:
        threshold = model.test_cfg['threshold']
    fps = preprocess.get('fps')
    return dict(
        source=info.path,
        video=dict(
            width=info.width,
            height=info.height,
            fps=float(info.fps),
            duration=info.duration,
            sample_rate=info.sample_rate,
            channels=info.channels,
        ),
        config=inferencer.cfg.filename,
        cfg_options=inferencer.cfg_options,
        checkpoint=inferencer.weights,
        threshold=threshold,
        classes=classes,
        sampling='one frame a second, as the benchmarks' if fps is None else f'{fps:g} fps',
        clip_frames=preprocess.get('clip_frames', 5),
    )


def _overlay(
    path: Path,
    media: MediaReader,
    writer: ResultWriter,
    palette: list,
    opacity: float,
    progress: Progress,
) -> None:
    # Times as plain doubles and names made from them: a day of video stays under a megabyte.
    times = array('d', (record['time'] for record in writer.records()))
    info = media.info
    total = round(info.duration * float(info.fps)) if info.duration else None
    task = progress.add_task('Overlay', total=total)
    write_overlay(
        path,
        media,
        times,
        lambda index: writer.mask_path(index, times[index]),
        palette,
        opacity,
        lambda: progress.advance(task),
    )
