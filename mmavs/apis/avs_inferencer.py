# Copyright (c) mmavs developers. All rights reserved.
"""Segment videos of any length."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.infer.infer import BaseInferencer, ModelType
from mmengine.registry import init_default_scope
from torch import nn

from mmavs.registry import INFERENCERS
from mmavs.structures import AVSDataSample
from mmavs.utils.progress import progress_bar
from mmavs.visualization import AVSLocalVisualizer

from .clip_stream import Clip, MediaReader, estimate_samples, iter_clips, open_media
from .embedded_config import config_in_checkpoint
from .folder_run import output_folders, segment_to_folder
from .hearing import audio_frontend, windows_to_log_mel
from .inference import clip_results, inference_pipeline, init_model, needs_maskige
from .model_zoo import zoo_model
from .options import check_options
from .records import apply_threshold, clip_metainfo, drop_padding, frame_records


@INFERENCERS.register_module()
class AVSInferencer(BaseInferencer):
    """Segment what sounds, in video files or folders of frames with a WAV.

    Media are read clip by clip: ``clip_frames`` sampled frames, each with its stretch of sound, go
    through the model as one clip, so memory does not grow with the length. With ``out_dir``, masks,
    a JSON and a video with the masks painted over it are written, and only their paths are held.

    Args:
        model (str | Config, optional): Config file, config, or a name in the model zoo. Defaults to
            None: the config inside the checkpoint.
        weights (str, optional): Checkpoint. Defaults to None: random weights.
        device (str, optional): Defaults to None: a GPU if there is one.
        scope (str): Defaults to ``'mmavs'``.
        show_progress (bool): Whether to show a bar with the time that is left. Defaults to True.
        cfg_options (dict, optional): Settings that override the config's. Defaults to None.

    Examples:
        >>> inferencer = AVSInferencer('config.py', 'weights.pth')
        >>> inferencer('clip.mp4', out_dir='outputs')
        >>> masks = [frame['mask'] for frame in inferencer('clip.mp4')['predictions'][0]['frames']]
    """

    preprocess_kwargs = {'fps', 'clip_frames'}
    forward_kwargs: set = set()
    visualize_kwargs = {'return_vis', 'show', 'wait_time', 'opacity'}
    postprocess_kwargs = {'threshold'}

    def __init__(
        self,
        model: ModelType | Path | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        scope: str = 'mmavs',
        show_progress: bool = True,
        cfg_options: dict | None = None,
    ) -> None:
        init_default_scope(scope)
        if isinstance(model, (str, Path)):
            model = str(model)
            if model.endswith('.py') and not Path(model).is_file():
                raise FileNotFoundError(f'{model}: no such config file.')
        self.weights = None if weights is None else str(weights)
        self.cfg_options = cfg_options
        super().__init__(model, self.weights, device, scope, show_progress)
        self.cfg = self.model.cfg

    def __call__(
        self,
        inputs: str | Path | Sequence[str | Path],
        return_datasamples: bool = False,
        batch_size: int = 1,
        out_dir: str | Path | None = None,
        resume: bool = False,
        overlay: bool = True,
        audio: str | Path | None = None,
        frame_fps: float = 1,
        **kwargs: Any,
    ) -> dict[str, list]:
        """Segment media.

        Args:
            inputs (str | Path | Sequence): Video files, or folders of frames with a WAV.
            return_datasamples (bool): Whether predictions are lists of AVSDataSample, one a clip,
                instead of dicts. Defaults to False.
            batch_size (int): Clips a forward pass. Defaults to 1.
            out_dir (str | Path, optional): Where to write; a folder in it for each of several
                inputs. Defaults to None: predictions hold the masks.
            resume (bool): Whether to go on with an interrupted run in ``out_dir``.
            overlay (bool): Whether to write the overlay video to ``out_dir``. Defaults to True.
            audio (str | Path, optional): WAV of a folder. Defaults to None: the only one in it.
            frame_fps (float): Frames a second in a folder. Defaults to 1, as in the benchmarks.
            **kwargs (Any): Of :meth:`preprocess` (``fps``, ``clip_frames``), :meth:`visualize`
                (``return_vis``, ``show``, ``wait_time``, ``opacity``) and :meth:`postprocess`
                (``threshold``).

        Returns:
            dict: ``predictions``, one an input: a dict with ``source`` and ``frames`` (see
            :func:`mmavs.apis.records.frame_records`), or with ``out_dir`` with the paths
            ``results``, ``masks`` and ``overlay``. ``visualization``: pictures.

        Raises:
            FileNotFoundError: If an input does not exist, or a Maskige that the model reads.
            ValueError: If an argument is wrong; MediaError if an input is.
        """
        options = self._dispatch_kwargs(**kwargs)
        check_options(batch_size, **options[0], opacity=options[2].get('opacity', 0.5))
        paths = self._inputs_to_list(inputs)
        outputs: dict[str, list] = dict(predictions=[], visualization=[])
        for path, folder in zip(paths, output_folders(paths, out_dir)):
            media = open_media(path, audio, frame_fps, needs_maskige(self.model))
            if folder is None:
                preds, pictures = self._to_memory(media, batch_size, return_datasamples, options)
                outputs['visualization'].extend(pictures)
            else:
                preds = segment_to_folder(
                    self,
                    media,
                    folder,
                    batch_size=batch_size,
                    resume=resume,
                    overlay=overlay,
                    preprocess=options[0],
                    visualize=options[2],
                    postprocess=options[3],
                )
            outputs['predictions'].append(preds)
        return outputs

    def stream(
        self, media: MediaReader, batch_size: int = 1, **preprocess: Any
    ) -> Iterator[tuple[list[Clip], list[AVSDataSample]]]:
        """Segment one medium batch by batch: what :meth:`__call__` is made of.

        Args:
            media (MediaReader): See :func:`open_media`.
            batch_size (int): Clips a forward pass. Defaults to 1.
            **preprocess (Any): See :meth:`preprocess`.

        Yields:
            tuple[list[Clip], list[AVSDataSample]]: The clips of a batch and their predictions.
        """
        for clips, data in self.preprocess(media, batch_size, **preprocess):
            preds = self.forward(data)
            for clip, pred in zip(clips, preds):
                drop_padding(pred, len(clip.images))
            yield clips, preds

    def preprocess(
        self,
        inputs: MediaReader,
        batch_size: int = 1,
        fps: float | None = None,
        clip_frames: int = 5,
        skip: int = 0,
    ) -> Iterator[tuple[list[Clip], dict]]:
        """Sample one medium into batches of clips.

        Args:
            inputs (MediaReader): See :func:`open_media`.
            batch_size (int): Clips a batch.
            fps (float, optional): Sampled frames a second, each with the sound around it. Defaults
                to None: one a second, chosen and heard as in the benchmarks.
            clip_frames (int): Frames of a clip. Defaults to 5.
            skip (int): Sampled frames that are done; whole clips of them are left out.

        Yields:
            tuple[list[Clip], dict]: The clips, and what the model's ``test_step`` takes.
        """
        frontend = audio_frontend(self.model)
        rate, window = frontend.sample_rate, frontend.example_samples
        channels = self.model.audio_encoder.in_channels
        step = frontend.example_stride / rate
        clips = iter_clips(inputs, rate, window, channels, clip_frames, fps, step)
        wanted = (clip for clip in clips if clip.index + len(clip.images) > skip)
        for batch in self._get_chunk_data(wanted, batch_size):
            yield batch, self.collate_fn([self._pack(inputs.info.path, clip) for clip in batch])

    def visualize(
        self,
        inputs: list[Clip],
        preds: list[AVSDataSample],
        return_vis: bool = False,
        show: bool = False,
        wait_time: float = 0,
        opacity: float = 0.5,
    ) -> list[np.ndarray]:
        """Draw the clips of a batch, each as one picture.

        Args:
            inputs (list[Clip]): Clips.
            preds (list[AVSDataSample]): Their predictions.
            return_vis (bool): Whether pictures are returned. Defaults to False.
            show (bool): Whether they are shown in a window. Defaults to False.
            wait_time (float): Seconds that a window stays; 0: until a key.
            opacity (float): Of the masks, in [0, 1]. Defaults to 0.5.

        Returns:
            list[ndarray]: (H, W, 3) uint8 RGB pictures.
        """
        if not (return_vis or show):
            return []
        self.visualizer.opacity = opacity
        pictures = []
        for clip, pred in zip(inputs, preds):
            log_mel = windows_to_log_mel(self.model, clip.windows)
            picture = self.visualizer.draw_clip(pred.clip_id, clip.images, pred, log_mel)
            if show:
                self.visualizer.show(picture, win_name=pred.clip_id, wait_time=wait_time)
            pictures.append(picture)
        return pictures if return_vis else []

    def postprocess(
        self,
        preds: list[AVSDataSample],
        visualization: list[np.ndarray],
        return_datasamples: bool = False,
        threshold: float | None = None,
    ) -> list:
        """Turn the predictions of a batch into records.

        Args:
            preds (list[AVSDataSample]): Predictions.
            visualization (list[ndarray]): Not used.
            return_datasamples (bool): Whether to return them, in the memory of the CPU.
            threshold (float, optional): Of the score of a pixel. Defaults to the model's.

        Returns:
            list: AVSDataSample, one a clip, or one dict a frame.
        """
        if threshold is not None:
            for pred in preds:
                apply_threshold(pred, threshold)
        if return_datasamples:
            return [pred.cpu() for pred in preds]
        return [record for pred in preds for record in frame_records(pred)]

    def _to_memory(
        self,
        media: MediaReader,
        batch_size: int,
        return_datasamples: bool,
        options: tuple[dict, dict, dict, dict],
    ) -> tuple[Any, list[np.ndarray]]:
        preprocess, _, visualize, postprocess = options
        results, pictures = [], []
        with progress_bar(self.show_progress) as progress:
            total = estimate_samples(media, preprocess.get('fps'))
            task = progress.add_task('Segment', total=total)
            for clips, preds in self.stream(media, batch_size, **preprocess):
                pictures += self.visualize(clips, preds, **visualize)
                results += self.postprocess(preds, pictures, return_datasamples, **postprocess)
                progress.advance(task, sum(len(clip.images) for clip in clips))
        if return_datasamples:
            return results, pictures
        return dict(source=media.info.path, frames=results), pictures

    def _pack(self, source: str, clip: Clip) -> dict:
        sound = windows_to_log_mel(self.model, clip.windows)
        results = clip_results(clip.images, sound, clip.maskiges)
        results['clip_id'] = f'{Path(source).stem}_{clip.times[0]:.2f}s'
        packed = self.pipeline(results)
        packed['data_samples'].set_metainfo(clip_metainfo(source, clip))
        return packed

    def _init_model(
        self, cfg: Config | ConfigDict, weights: str | None, device: str = 'cpu'
    ) -> nn.Module:
        if not cfg:
            cfg.update(config_in_checkpoint(weights)._cfg_dict)
        cfg = cfg if isinstance(cfg, Config) else Config(cfg)
        return init_model(cfg, weights, device, self.cfg_options)

    def _init_pipeline(self, cfg: Config | ConfigDict) -> Any:
        return inference_pipeline(self.model.cfg)

    def _init_collate(self, cfg: Config | ConfigDict) -> Callable:
        """Lists, whatever the config's data loaders do: the data preprocessor stacks them."""
        return pseudo_collate

    def _init_visualizer(self, cfg: Config | ConfigDict) -> AVSLocalVisualizer:
        """A visualizer without back ends: an inferencer writes no run's records."""
        visualizer = AVSLocalVisualizer(name=f'inferencer-{id(self)}')
        visualizer.dataset_meta = self.model.dataset_meta
        return visualizer

    def _load_model_from_metafile(self, model: str) -> tuple[Config, str]:
        return zoo_model(model, self.scope, self.weights)

    def _inputs_to_list(self, inputs: str | Path | Sequence[str | Path]) -> list[str]:
        """A folder is one input (frames), not a list of its files."""
        return [str(path) for path in ([inputs] if isinstance(inputs, (str, Path)) else inputs)]
