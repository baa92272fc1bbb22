# Copyright (c) mmavs developers. All rights reserved.
"""Uncertainty of a dense prediction, and the prediction that it lowers (RAVS, section 3.3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmavs.registry import MODELS

ALPHA_EPS = 1e-6
"""float: Added to the Dirichlet parameters, which a softplus may round to zero."""
FLAT = 1e-8
"""float: A map that spans less than this has no pixels to tell apart."""
NEUTRAL = 0.5
"""float: The uncertainty of every pixel of such a map."""
DIVIDED = ('classes', 'objects')
PAPER_EPS = 1e-6
"""float: What eq. 11 adds to the uncertainty."""


def dirichlet_variance(logits: Tensor) -> Tensor:
    """Marginal variance of a Dirichlet distribution over the classes (eq. 10).

    Args:
        logits (Tensor): (V, K, h, w), K >= 2; their softplus are the parameters alpha.

    Returns:
        Tensor: (V, K, h, w) in [0, 0.25): alpha (S - alpha) / (S^2 (S + 1)), S the sum over K.
    """
    alpha = F.softplus(logits) + ALPHA_EPS
    total = alpha.sum(1, keepdim=True)
    share = alpha / total
    return share * (1 - share) / (total + 1)


def normalize_spatially(maps: Tensor) -> Tensor:
    """Scale each map to [0, 1] by its least and greatest value, which get no gradient.

    Args:
        maps (Tensor): (V, K, h, w), each (h, w) by itself.

    Returns:
        Tensor: (V, K, h, w) in [0, 1]; 0.5 where a map is flat.
    """
    least, greatest = maps.detach().aminmax(dim=-1)
    least = least.amin(-1)[..., None, None]
    span = greatest.amax(-1)[..., None, None] - least
    flat = span < FLAT
    return torch.where(flat, NEUTRAL, (maps - least) / span.masked_fill(flat, 1))


@MODELS.register_module()
class UncertaintyRefinement(nn.Module):
    """Divide the scores of the classes by their uncertainty (eq. 11), as logits.

    The refined logits are log softmax(m) - log(delta + eps): their arg max is that of the paper's
    softmax(m) / (delta + eps), and their softmax is the same made to add up to 1, of which a
    cross-entropy can be taken. Runs in float32 under autocast.

    Dividing by at most 1 lowers nothing: confidence falls only in comparison with other classes.
    With one class eq. 10 is zero everywhere; with two it is the same for both (the variance of x
    and of 1 - x), and dividing both changes nothing. So for a binary task the object's score alone
    is divided, and the background's by 0.5 + eps, 0.5 being the uncertainty of a flat map.

    Args:
        eps (float): The greatest factor is 1 / eps. Defaults to 0.05.
        divide (str): ``'classes'``: the scores of all classes, as in the paper; ``'objects'``: all
            but the background's, which is divided by 0.5 + eps. Defaults to 'classes'.
        literal (bool): Take the paper's 1e-6 in testing. A pixel of uncertainty 0 gets a factor of
            a million then, so it is not for training. Defaults to False.

    Raises:
        ValueError: If eps is not positive, or ``divide`` is unknown.
    """

    def __init__(self, eps: float = 0.05, divide: str = 'classes', literal: bool = False) -> None:
        super().__init__()
        if eps <= 0:
            raise ValueError(f'decode_head.refinement.eps must be positive, got {eps}.')
        if divide not in DIVIDED:
            raise ValueError(
                f'decode_head.refinement.divide must be one of {DIVIDED}, got {divide!r}.'
            )
        self.eps = eps
        self.divide = divide
        self.literal = literal

    def estimate(self, evidence: Tensor) -> Tensor:
        """Uncertainty in [0, 1] of each place and class, from the second head.

        Args:
            evidence (Tensor): (V, K, h, w), the uncertainty logits.

        Returns:
            Tensor: (V, K, h, w): eq. 10, scaled by frame and class.
        """
        with torch.autocast(evidence.device.type, enabled=False):
            return normalize_spatially(dirichlet_variance(at_least_float32(evidence)))

    def forward(self, logits: Tensor, uncertainty: Tensor) -> Tensor:
        """Refine a prediction.

        Args:
            logits (Tensor): (V, K, H, W), m in the paper.
            uncertainty (Tensor): (V, K, H, W) in [0, 1].

        Returns:
            Tensor: (V, K, H, W), refined logits.
        """
        eps = PAPER_EPS if self.literal and not self.training else self.eps
        with torch.autocast(logits.device.type, enabled=False):
            scores = at_least_float32(logits).log_softmax(1)
            uncertainty = at_least_float32(uncertainty)
            if self.divide == 'objects':
                background = torch.full_like(uncertainty[:, :1], NEUTRAL)
                uncertainty = torch.cat([background, uncertainty[:, 1:]], 1)
            return scores - (uncertainty + eps).log()


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32, or in float64 if it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
