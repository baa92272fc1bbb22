# Copyright (c) mmavs developers. All rights reserved.
"""The segmentor of every method that trains in one pass."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from torch import Tensor

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures, AVSDataSample, ClipLayout, MaskOutputs

from .loaded_frames import check_whole_clips, heard_frames
from .scatter import scatter_rows
from .stage_fusion import StageFusion, check_stages

OptSamples = list[AVSDataSample] | None


@MODELS.register_module()
class AVSegmentor(BaseSegmentor):
    """Audio-visual segmentor: backbone, audio encoder, decode head; optionally a Maskige branch.

    A batch of B clips of T frames is N = B*T rows, clip-major. Frames that only pad a clip are not
    computed, unless training asks for it; their logits are zero (class 0).

    Args:
        backbone (dict): Frames (N, 3, H, W) to a tuple of maps.
        audio_encoder (dict): Waveforms or log-mels to :class:`AudioFeatures`.
        decode_head (dict): Maps and sound to :class:`MaskOutputs`, and the losses of those. Its
            ``forward(feats, audio, layout)`` returns rows of valid frames only. A head with a true
            attribute ``mixes_frames`` lets frames of a clip see each other: it needs whole clips.
        data_preprocessor (dict, optional): Usually ``AVSDataPreprocessor``. Defaults to None.
        train_cfg (dict, optional): ``compute_padded_frames``: let frames that only pad a clip
            (mean colour) through the backbone, and through a head that mixes frames, in training,
            so that batch norms see them as in the official code. Defaults to False.
        test_cfg (dict, optional): ``threshold``: a pixel sounds if its score is above it (binary
            tasks). Defaults to 0.5, as AVSBench has it.
        maskige_backbone (dict, optional): A second backbone, for the Maskige of each frame
            (``inputs['maskige']``). Defaults to None: no such branch, ``maskige`` is not read.
        maskige_gate (dict, optional): Joins its maps to those of ``backbone``, e.g.
            :class:`SiameseGate`. Needed with ``maskige_backbone``, not read without.
        fusion (dict, optional): Lets the sound act between the stages of ``backbone``, whose
            ``forward`` has to take ``between``; e.g. :class:`AudioGuidedMerging`. Its ``forward(
            stage, feat, audio, layout, sounding)`` gives the map and a :class:`SemanticMerge` or
            None; the merges are ``aux['merges']`` of the head's outputs. Defaults to None.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        backbone: dict,
        audio_encoder: dict,
        decode_head: dict,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        maskige_backbone: dict | None = None,
        maskige_gate: dict | None = None,
        fusion: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if isinstance(data_preprocessor, dict):
            # mmengine would look for it in its root registry, which needs a default scope.
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        self.maskige_backbone = None
        if maskige_backbone is not None:
            if maskige_gate is None:
                raise ValueError(
                    'model.maskige_backbone needs model.maskige_gate, which joins its maps to the '
                    "backbone's, e.g. dict(type='SiameseGate', channels=(256, 512, 1024, 2048))."
                )
            self.maskige_backbone = MODELS.build(maskige_backbone)
            self.maskige_gate = MODELS.build(maskige_gate)
        self.fusion = MODELS.build(fusion) if fusion else None
        if fusion:
            check_stages(self.backbone)
        self.audio_encoder = MODELS.build(audio_encoder)
        self.decode_head = MODELS.build(decode_head)
        self.mixes_frames = getattr(self.decode_head, 'mixes_frames', False)
        self.train_cfg = {'compute_padded_frames': False, **(train_cfg or {})}
        self.test_cfg = {'threshold': 0.5, **(test_cfg or {})}

    @property
    def needs_maskige(self) -> bool:
        """Whether the inputs must have the Maskige of each frame."""
        return self.maskige_backbone is not None

    def extract_feat(
        self,
        inputs: Tensor,
        maskige: Tensor | None = None,
        between: Callable[[int, Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, ...]:
        """Maps of the frames (N, 3, H, W) and, with the branch, their Maskiges, finest first."""
        feats = self.backbone(inputs) if between is None else self.backbone(inputs, between=between)
        if not self.needs_maskige:
            return feats
        return self.maskige_gate(feats, self.maskige_backbone(maskige))

    def extract_audio(
        self, audio: Tensor, num_frames: int, data_samples: OptSamples = None
    ) -> AudioFeatures:
        """What the audio encoder hears for each frame.

        Args:
            audio (Tensor): Waveforms (B, C, S) of whole clips, or log-mels (B, T, C, 96, 64).
            num_frames (int): T, padding included.
            data_samples (list[AVSDataSample], optional): Their ``frame_indices`` and
                ``num_clip_frames`` say which frames of the clip were loaded; all by default.

        Returns:
            AudioFeatures: N = B*T rows.
        """
        return self.audio_encoder(audio, *heard_frames(audio, num_frames, data_samples))

    def encode_decode(self, inputs: dict[str, Tensor], data_samples: OptSamples = None) -> Tensor:
        """Logits of all frames, or scores from heads of queries; zero where a frame is padding.

        Args:
            inputs (dict[str, Tensor]): What the data preprocessor gives.
            data_samples (list[AVSDataSample], optional): Say which frames are valid. Where a query
                head has a ``coverage_layer``, they get ``query_labels`` (T, Q) int64.

        Returns:
            Tensor: (N, K, H, W) at the size of the padded input.
        """
        valid = self._valid_rows(inputs['imgs'], data_samples)
        outputs = self._forward_rows(inputs, data_samples, valid)
        logits = outputs.logits
        if logits is None:
            logits = self.decode_head.semantic_scores(outputs, inputs['imgs'].shape[-2:])
        if data_samples and getattr(self.decode_head, 'coverage_layer', None) is not None:
            labels = scatter_rows(self.decode_head.query_labels(outputs), valid)
            for sample, classes in zip(data_samples, labels.unflatten(0, inputs['imgs'].shape[:2])):
                sample.query_labels = classes
        return logits if valid.all() else scatter_rows(logits, valid)

    def loss(self, inputs: dict[str, Tensor], data_samples: list[AVSDataSample]) -> dict:
        """Losses of the annotated frames.

        Args:
            inputs (dict[str, Tensor]): What the data preprocessor gives.
            data_samples (list[AVSDataSample]): With ground truth and flags.

        Returns:
            dict[str, Tensor]: Scalars by name, as the head gives them.

        Raises:
            ValueError: If a sample has no ground truth.
        """
        valid, labels, *truth = self._ground_truth(inputs, data_samples)
        outputs = self._forward_rows(inputs, data_samples, valid, labels)
        return self.decode_head.loss(outputs, *truth)

    def _ground_truth(
        self, inputs: dict[str, Tensor], data_samples: list[AVSDataSample]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Valid rows (N,), labels (N, H, W); of the valid rows labels, flags and audio labels.

        Raises:
            ValueError: If a sample has no ground truth.
        """
        for sample in data_samples:
            if 'gt_sem_seg' not in sample:
                raise ValueError(
                    f'Clip "{sample.metainfo.get("clip_id")}" has no gt_sem_seg, so there is '
                    'nothing to train on: add LoadClipMasks to the pipeline.'
                )
        valid = self._valid_rows(inputs['imgs'], data_samples)
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        target = labels[valid]
        annotated = torch.cat([sample.frame_annotated for sample in data_samples])[valid]
        audio_labels = None
        if all('gt_audio_labels' in sample for sample in data_samples):
            clips = torch.stack([sample.gt_audio_labels for sample in data_samples])
            audio_labels = clips.repeat_interleave(inputs['imgs'].shape[1], 0)[valid]
        return valid, labels, target, annotated, audio_labels

    def predict(
        self, inputs: dict[str, Tensor], data_samples: OptSamples = None
    ) -> list[AVSDataSample]:
        """Predict masks at the size of the label, or of the frames as they were loaded.

        Args:
            inputs (dict[str, Tensor]): What the data preprocessor gives.
            data_samples (list[AVSDataSample], optional): Are filled and returned.

        Returns:
            list[AVSDataSample]: One a clip, with ``pred_sem_seg`` (T, H, W) int64 and, for binary
            tasks, ``pred_scores`` (T, H, W) float32.
        """
        clips = self.encode_decode(inputs, data_samples).unflatten(0, inputs['imgs'].shape[:2])
        if data_samples is None:
            data_samples = [AVSDataSample() for _ in clips]
        return [self._fill(sample, logits) for sample, logits in zip(data_samples, clips)]

    def _fill(self, sample: AVSDataSample, logits: Tensor) -> AVSDataSample:
        """Write the prediction for the logits or scores (T, K, H, W) of a clip into its sample."""
        height, width = sample.metainfo.get('img_shape', logits.shape[-2:])
        logits = logits[..., :height, :width].float()
        if 'gt_sem_seg' in sample:
            size = sample.gt_sem_seg.data.shape[-2:]
        else:
            size = tuple(sample.metainfo.get('ori_shape', (height, width)))
        if logits.shape[-2:] != size:
            logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
        if logits.shape[1] <= 2:
            # VCT and COMBO take the softmax of two scores as if these were logits (vct.md, 8).
            scores = logits.softmax(1)[:, 1] if logits.shape[1] == 2 else logits[:, 0].sigmoid()
            sample.pred_scores = PixelData(data=scores)
            prediction = (scores > self.test_cfg['threshold']).long()
        else:
            prediction = logits.argmax(1)
        sample.pred_sem_seg = PixelData(data=prediction)
        return sample

    def _forward(self, inputs: dict[str, Tensor], data_samples: OptSamples = None) -> MaskOutputs:
        """What the head gives for every frame, zeros where a frame only pads its clip."""
        valid = self._valid_rows(inputs['imgs'], data_samples)
        outputs = self._forward_rows(inputs, data_samples, valid)
        return outputs if valid.all() else scatter_rows(outputs, valid)

    def _forward_rows(
        self,
        inputs: dict[str, Tensor],
        data_samples: OptSamples,
        valid: Tensor,
        labels: Tensor | None = None,
        sound: AudioFeatures | None = None,
    ) -> MaskOutputs:
        """What the head gives for the valid rows only; ``labels`` (N, H, W) in training.

        ``sound`` is what the audio encoder gave for these rows, where that is known already.
        """
        imgs = inputs['imgs']
        if data_samples and (self.mixes_frames or getattr(self.fusion, 'mixes_frames', False)):
            check_whole_clips(data_samples)
        pads = self.training and self.train_cfg['compute_padded_frames'] and not valid.all()
        layout = ClipLayout(imgs.shape[1], valid, has_padding=bool(pads))
        audio = sound
        if audio is None:
            audio = self.extract_audio(inputs['audio'], imgs.shape[1], data_samples)
            if not layout.is_full:
                audio = audio.rows(valid)
        streams = map(layout.to_rows, self._image_streams(inputs))
        between = StageFusion(self.fusion, audio, layout, labels) if self.fusion else None
        feats = self.extract_feat(*streams, between=between)
        if pads and not self.mixes_frames:
            feats = tuple(map(layout.drop_padding, feats))
            audio = audio.rows(valid)
            layout = ClipLayout(imgs.shape[1], valid)
        outputs = self.decode_head(feats, audio, layout)
        if between and between.merges:
            outputs.aux['merges'] = between.merges
        if outputs.logits is not None and outputs.logits.shape[-2:] != imgs.shape[-2:]:
            outputs.logits = F.interpolate(
                outputs.logits, imgs.shape[-2:], mode='bilinear', align_corners=False
            )
        return outputs

    def _image_streams(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Frames and, with the branch, Maskiges, each (B, T, 3, H, W).

        Raises:
            ValueError: If the branch has nothing to read.
        """
        imgs = inputs['imgs']
        if not self.needs_maskige:
            return (imgs,)
        maskige = inputs.get('maskige')
        if maskige is None or maskige.shape != imgs.shape:
            found = f'only {sorted(inputs)}' if maskige is None else f'{tuple(maskige.shape)}'
            raise ValueError(
                'The model has model.maskige_backbone, so inputs needs "maskige", the Maskiges of '
                f'the frames, of their shape {tuple(imgs.shape)}; found {found}. Put '
                'dict(type="LoadClipMaskiges") behind LoadClipFrames in the pipeline and set '
                'data_prefix.maskige_path of the data set; or do without Maskiges: '
                'model.maskige_backbone=None.'
            )
        return imgs, maskige

    @staticmethod
    def _valid_rows(imgs: Tensor, data_samples: OptSamples) -> Tensor:
        """(N,) bool, False on rows that only pad their clip."""
        if not data_samples or 'frame_valid' not in data_samples[0]:
            return imgs.new_ones(imgs.shape[0] * imgs.shape[1], dtype=torch.bool)
        return torch.cat([sample.frame_valid for sample in data_samples]).to(imgs.device)
