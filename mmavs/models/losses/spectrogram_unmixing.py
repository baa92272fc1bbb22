# Copyright (c) mmavs developers. All rights reserved.
"""ACP: the prompts of a frame's classes shall find its own sound in a mixture."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS

NORMS = ('mse', 'l2')


@MODELS.register_module()
class SpectrogramUnmixing(nn.Module):
    """Audio conditional prompting of CPM (eq. 5; sheet cpm.md, section 5).

    The masks of all prompts of a frame are added as logits, so one sigmoid of the sum says which
    cells of the mixed spectrogram are the frame's own sound. The target is the share that its
    magnitude has in the mixture's, for each channel; the prediction is the same for all channels.

    Args:
        norm (str): Of the differences of a frame: ``'mse'``, the mean of their squares, as the text
            says, or ``'l2'``, the root of their sum, as eq. 5 prints. Defaults to 'mse'.
        loss_weight (float): Factor of the loss. Defaults to 1.0.

    Raises:
        ValueError: If ``norm`` is unknown.
    """

    def __init__(self, norm: str = 'mse', loss_weight: float = 1.0) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f'norm must be one of {NORMS}, got {norm!r}.')
        self.norm = norm
        self.loss_weight = loss_weight

    def forward(
        self, audio_logits: Tensor, classes: Tensor, clean: Tensor, mixed: Tensor, usable: Tensor
    ) -> Tensor:
        """Mean over the frames that have a prompt and a mixture.

        Args:
            audio_logits (Tensor): (V, P, t, f) masks m^a of P prompts a frame, on the cells of the
                dense audio map.
            classes (Tensor): (V, P) int64, negative where there is no prompt.
            clean (Tensor): (V, C, T, F) linear magnitudes a_i.
            mixed (Tensor): (V, C, T, F) linear magnitudes a_p = a_i + a_j.
            usable (Tensor): (V,) bool, frames whose sound was mixed with another.

        Returns:
            Tensor: Scalar, weighted; 0 and in the graph if no frame counts.
        """
        with torch.autocast(audio_logits.device.type, enabled=False):
            prompted = classes >= 0
            logits = audio_logits.to(torch.promote_types(audio_logits.dtype, torch.float32))
            total = logits.masked_fill(~prompted[..., None, None], 0.0).sum(1, keepdim=True)
            counted = usable & prompted.any(1)
            total = F.interpolate(
                total[counted], clean.shape[-2:], mode='bilinear', align_corners=False
            )
            share = clean[counted].to(total.dtype) / (mixed[counted].to(total.dtype) + 1e-8)
            squares = (total.sigmoid() - share.clamp(0, 1)).square().flatten(1)
            if not len(squares):
                return audio_logits.sum() * 0
            if self.norm == 'l2':
                return self.loss_weight * squares.sum(1).clamp(min=1e-12).sqrt().mean()
            return self.loss_weight * squares.mean()
