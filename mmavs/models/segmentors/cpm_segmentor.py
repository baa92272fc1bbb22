# Copyright (c) mmavs developers. All rights reserved.
"""CPM's trainer: one pass for the result, and in training a second one with prompts of classes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmavs.models.audio.log_mel import linear_magnitude, log_magnitude
from mmavs.models.losses.frame_targets import present_labels
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, AVSDataSample, MaskOutputs

from .avsegmentor import AVSegmentor
from .loaded_frames import heard_frames

MIX_KINDS = ('classes', 'categories', 'clips')


@MODELS.register_module()
class CPMSegmentor(AVSegmentor):
    """:class:`AVSegmentor` with CPM's two-pass training step (sheet cpm.md, section 6).

    Pass A is what every segmentor does, and all of a test. In training the queries that were
    matched go to the mixtures of their classes. Pass B draws a prompt for each class of a frame,
    which hears the frame's sound mixed with another one, and adds ``lambda`` times the losses of
    the prompts. Image features are those of pass A; both sounds are encoded together, so that
    batch norms see one batch.

    The EM step of an iteration's queries is made when the next iteration begins: after the step of
    the optimizer, as the mixtures are in the graph until then. The buffers say that it is due, so
    a resumed run makes it too.

    A process whose frames give no prompt runs one of no class, whose losses are zero: each step
    reaches the same parameters on all processes.

    Args:
        mixing (dict, optional): ``DisjointMixing``. Defaults to that, with sounds of the batch.
        mix_kinds (str): What two sounds of a batch must not have in common to be mixed:
            ``'classes'`` of their frames' labels, ``'categories'`` of their clips
            (``gt_audio_labels``, as of S4, whose labels have one class), or the ``'clips'``
            themselves (MS3, where neither is known). Defaults to 'classes'.
        lambda_prompt (float): Weight of the losses of the prompts. Defaults to 0.5.
        warmup_iters (int): Iterations without prompts, an epoch or more. Defaults to 0.
        **kwargs (Any): Of :class:`AVSegmentor`; ``audio_encoder`` is an ``ExampleEncoder`` with a
            pyramid, ``decode_head`` a :class:`CPMHead`.

    Raises:
        ValueError: If the encoder takes no spectrograms, the head no prompts, ``mix_kinds`` is
            unknown, or padded frames are wanted.
    """

    prompt_iters: Tensor

    def __init__(
        self,
        mixing: dict | None = None,
        mix_kinds: str = 'classes',
        lambda_prompt: float = 0.5,
        warmup_iters: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mix_kinds not in MIX_KINDS:
            raise ValueError(f'mix_kinds must be one of {MIX_KINDS}, got {mix_kinds!r}.')
        if not getattr(self.audio_encoder, 'gives_spectrogram', False):
            raise ValueError(
                'CPMSegmentor mixes linear spectrograms, which this '
                f'{type(self.audio_encoder).__name__} does not give: set with_pyramid=True of '
                'VGGish, or take AudioResNet as model.audio_encoder.'
            )
        if not hasattr(self.decode_head, 'prompt'):
            raise ValueError(
                f'CPMSegmentor prompts by class, {type(self.decode_head).__name__} cannot: set '
                'model.decode_head to CPMHead, or model.type to AVSegmentor.'
            )
        if self.train_cfg['compute_padded_frames']:
            raise ValueError(
                'CPMSegmentor does not compute padded frames: leave out '
                'model.train_cfg.compute_padded_frames.'
            )
        self.mixing = MODELS.build(mixing or dict(type='DisjointMixing'))
        self.mix_kinds = mix_kinds
        self.lambda_prompt = lambda_prompt
        self.warmup_iters = warmup_iters
        self.register_buffer('prompt_iters', torch.zeros((), dtype=torch.int64))

    def loss(self, inputs: dict[str, Tensor], data_samples: list[AVSDataSample]) -> dict:
        """Losses of both passes.

        Args:
            inputs (dict[str, Tensor]): What the data preprocessor gives.
            data_samples (list[AVSDataSample]): With ground truth and flags.

        Returns:
            dict[str, Tensor]: Scalars by name: those of the head, those of the prompts, which are
            weighted by ``lambda_prompt``, and for the log the number of ``prompts`` and of
            ``unmixed_frames``, which ACP counts.

        Raises:
            ValueError: If a sample has no ground truth.
        """
        valid, _, target, annotated, audio_labels = self._ground_truth(inputs, data_samples)
        head, encoder = self.decode_head, self.audio_encoder
        head.classifier.em_update()
        heard = heard_frames(inputs['audio'], inputs['imgs'].shape[1], data_samples)
        examples = encoder.examples(inputs['audio'], *heard).flatten(0, 1)[valid]
        if not head.has_prompts:
            sound = encoder.encode(examples)
            outputs = self._forward_rows(inputs, data_samples, valid, sound=sound)
            return head.loss(outputs, target, annotated, audio_labels)
        present = present_labels(target)[:, : head.num_classes] & annotated[:, None]
        classes, rows = self._prompts(present)
        clean = linear_magnitude(examples, encoder.log_offset)
        kinds = self._kinds(present, valid, audio_labels, len(data_samples))
        mixed, usable = self.mixing(clean, kinds, encoder.frontend)
        # ACP explains the whole sound, so each class that sounds needs its prompt.
        usable = usable & ((classes > 0).sum(1) == present[:, 1:].sum(1))
        magnitudes = dict(clean=clean[rows], mixed=mixed[rows], usable=usable[rows])
        both = torch.cat([examples, log_magnitude(magnitudes['mixed'], encoder.log_offset)])
        sound, numbers = encoder.encode(both), torch.arange(len(both), device=both.device)
        agnostic, noisy = (sound.rows(part) for part in numbers.split([len(clean), len(rows)]))
        outputs = self._forward_rows(inputs, data_samples, valid, sound=agnostic)
        losses = head.loss(outputs, target, annotated, audio_labels)
        prompted = self._pass_b(outputs, classes[rows], rows, noisy, magnitudes, target, annotated)
        losses.update((name, self.lambda_prompt * loss) for name, loss in prompted.items())
        # For the log, so that nobody takes a loss of nothing for a small one.
        losses['prompts'] = (classes >= 0).sum().float()
        losses['unmixed_frames'] = (usable & (classes > 0).any(1)).sum().float()
        return losses

    def _kinds(
        self,
        present: Tensor,
        valid: Tensor,
        audio_labels: Tensor | None,
        num_clips: int,
    ) -> Tensor:
        """(V, 1+C) bool, what each sound is of; the first column is not read.

        Raises:
            ValueError: If the clips say no category.
        """
        if self.mix_kinds == 'classes':
            return present
        if self.mix_kinds == 'categories':
            if audio_labels is None:
                raise ValueError(
                    "model.mix_kinds='categories', but the clips have no gt_audio_labels: set "
                    "categories of AVSBenchS4Dataset, or mix_kinds='clips'."
                )
            return F.pad(audio_labels.to(present.device) > 0, (1, 0))
        clips = torch.arange(num_clips, device=valid.device)
        rows = clips.repeat_interleave(len(valid) // num_clips)[valid]
        return F.pad(F.one_hot(rows, num_clips).bool(), (1, 0))

    def _prompts(self, present: Tensor) -> tuple[Tensor, Tensor]:
        """Classes (V, P) of the prompts, and the R rows that have one, or a single one that has
        none.
        """
        classes = self.decode_head.wanted_prompts(present)
        if self.training:
            if self.prompt_iters < self.warmup_iters:
                classes = classes[:, :1].fill_(-1)
            self.prompt_iters += 1
        rows = (classes >= 0).any(1).nonzero().flatten()
        return classes, rows if len(rows) else rows.new_zeros(1)

    def _pass_b(
        self,
        outputs: MaskOutputs,
        classes: Tensor,
        rows: Tensor,
        sound: AudioFeatures,
        magnitudes: dict[str, Tensor],
        target: Tensor,
        annotated: Tensor,
    ) -> dict[str, Tensor]:
        """Pass B on R rows, not yet weighted."""
        head, pixels = self.decode_head, outputs.aux['mask_feature']
        sources = {name: outputs.aux['sources'][name][rows] for name in head.decoder.sources}
        found = head.prompt(classes, sound, sources, pixels[rows])
        return head.prompt_losses(
            found, classes, target[rows], magnitudes, pixels[annotated], target[annotated]
        )
