# Copyright (c) mmavs developers. All rights reserved.
"""CCDM: what the queries of each class look like, as mixtures that classify and give prompts."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmavs.registry import MODELS

from .class_memory import ClassMemory
from .gaussian_mixture import (
    E_STEPS,
    Gaussians,
    component_log_density,
    estimate,
    far_apart,
    responsibilities,
    variance_about,
)

COVARIANCES = ('diag', 'spherical')
SCORES = ('logsumexp', 'max')
SCORE_NORMS = ('dims', 'layernorm', 'none')


@MODELS.register_module()
class ClassMixture(BaseModule):
    """A Gaussian mixture for each class, fitted to matched queries by EM with momentum (CPM, eq. 1
    to 4; sheet cpm.md, section 4).

    The K classes and «no object» (class K) have M Gaussians each over ``g``, the query after a
    LayerNorm without parameters. As a classifier it takes queries and gives logits, as a linear
    layer would; gradients go to the queries only. As a generator it gives a prompt for a class.

    In a training step: :meth:`enqueue` the matched queries, and after the optimizer's step
    :meth:`em_update`. Both do the same on all processes: queries are gathered before anything is
    done with them, and what is chosen by chance is chosen by a generator that ``seed`` and the
    number of the step decide. Nothing but buffers is changed, so a checkpoint has the whole state.

    A class with too few queries is N(0, 1), the density of a query that nothing is known about.
    Everything is float32 or better under autocast.

    Args:
        num_classes (int): K, background included.
        embed_dims (int): D. Defaults to 256.
        num_components (int): M. Defaults to 3 (paper's Table 5).
        cov (str): ``'diag'``, a variance for each channel, or ``'spherical'``, one for all.
            Defaults to 'diag'.
        e_step (str): See :func:`responsibilities`. Defaults to 'sinkhorn'.
        score (str): Of a class: ``'logsumexp'``, the density of the mixture (eq. 2), or ``'max'``,
            that of the best component without weights (GMMSeg). Defaults to 'logsumexp'.
        score_norm (str): How log densities become logits: ``'dims'``, divided by D * tau;
            ``'layernorm'``, by a LayerNorm over the K+1 classes that is learned (GMMSeg);
            ``'none'``, as they are, so the posterior is exactly eq. 1, which at D = 256 is 0 or 1
            and has no gradient. Defaults to 'dims'.
        tau (float): Of ``'dims'``. Defaults to 0.05.
        momentum (float): Share of the old parameters in an update. Defaults to 0.9.
        memory_size (int): Queries kept of each class, the newest. Defaults to 512.
        min_samples (int, optional): Queries that a class must have before it is fitted. Defaults to
            None: 4 * M.
        var_range (Sequence[float]): Least and largest variance. Defaults to (1e-2, 4).
        weight_smoothing (float): Added to the weight of each component. Defaults to 1e-3.
        no_object (bool): Fit «no object»; else it stays N(0, 1). Defaults to True.
        unmatched_per_image (int): Queries without object kept of an image. Defaults to 8.
        seed (int): Decides which. Defaults to 0.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Attributes:
        filled (Tensor): (K+1,) bool, classes that were fitted.

    Raises:
        ValueError: If an argument is unknown or out of range.
    """

    means: Tensor
    variances: Tensor
    weights: Tensor
    filled: Tensor

    def __init__(
        self,
        num_classes: int,
        embed_dims: int = 256,
        num_components: int = 3,
        cov: str = 'diag',
        e_step: str = 'sinkhorn',
        score: str = 'logsumexp',
        score_norm: str = 'dims',
        tau: float = 0.05,
        momentum: float = 0.9,
        memory_size: int = 512,
        min_samples: int | None = None,
        var_range: Sequence[float] = (1e-2, 4.0),
        weight_smoothing: float = 1e-3,
        no_object: bool = True,
        unmatched_per_image: int = 8,
        seed: int = 0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        for name, value, allowed in (
            ('cov', cov, COVARIANCES),
            ('e_step', e_step, E_STEPS),
            ('score', score, SCORES),
            ('score_norm', score_norm, SCORE_NORMS),
        ):
            if value not in allowed:
                raise ValueError(f'{name} must be one of {allowed}, got {value!r}.')
        min_samples = 4 * num_components if min_samples is None else min_samples
        _check_numbers(num_components, tau, momentum, memory_size, min_samples, var_range)
        self.num_classes = num_classes
        self.embed_dims = embed_dims
        self.num_components = num_components
        self.cov = cov
        self.e_step = e_step
        self.score = score
        self.score_norm = score_norm
        self.tau = tau
        self.momentum = momentum
        self.min_samples = min_samples
        self.var_range = tuple(var_range)
        self.weight_smoothing = weight_smoothing
        shape = (num_classes + 1, num_components, embed_dims)
        self.register_buffer('means', torch.zeros(shape))
        self.register_buffer('variances', torch.ones(shape))
        self.register_buffer('weights', torch.full(shape[:2], 1 / num_components))
        self.register_buffer('filled', torch.zeros(shape[0], dtype=torch.bool))
        self.memory = ClassMemory(
            num_classes, embed_dims, memory_size, unmatched_per_image if no_object else 0, seed
        )
        self.class_norm = nn.LayerNorm(shape[0]) if score_norm == 'layernorm' else None

    def forward(self, queries: Tensor) -> Tensor:
        """Classify queries.

        Args:
            queries (Tensor): (..., D) as the decoder gives them.

        Returns:
            Tensor: (..., K+1) logits, the last one of «no object».
        """
        return self.logits(self.normalize(queries))

    def normalize(self, queries: Tensor) -> Tensor:
        """The space of the mixtures: g (..., D) of queries (..., D), of mean 0 and variance 1."""
        with torch.autocast(queries.device.type, enabled=False):
            return F.layer_norm(queries.to(self.means.dtype), (self.embed_dims,))

    def log_density(self, g: Tensor) -> Tensor:
        """``log p(g | class)`` (eq. 2).

        Args:
            g (Tensor): (..., D), normalised.

        Returns:
            Tensor: (..., K+1), of the best component if ``score='max'``.
        """
        with torch.autocast(g.device.type, enabled=False):
            densities = component_log_density(
                g.reshape(-1, g.shape[-1]), self.means.flatten(0, 1), self.variances.flatten(0, 1)
            ).view(*g.shape[:-1], *self.weights.shape)
            if self.score == 'max':
                scores = densities.amax(-1)
            else:
                scores = (densities + self.weights.double().log()).logsumexp(-1)
            return scores.to(self.means.dtype)

    def logits(self, g: Tensor) -> Tensor:
        """Logits (..., K+1) of normalised queries (..., D)."""
        scores = self.log_density(g)
        if self.score_norm == 'dims':
            return scores / (self.embed_dims * self.tau)
        if self.class_norm is None:
            return scores
        with torch.autocast(g.device.type, enabled=False):
            return self.class_norm(scores)

    def posterior(self, g: Tensor) -> Tensor:
        """``p(class | g)`` (eq. 1, classes equally likely), (..., K+1) of (..., D)."""
        return self.logits(g).softmax(-1)

    @torch.no_grad()
    def sample(self, classes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw a query for each class: a component by its weight, then from its Gaussian.

        Args:
            classes (Tensor): (...) int64, 0 to K; negative where no query is wanted.
            generator (torch.Generator, optional): Of the device of the mixtures. Defaults to None:
                torch's own.

        Returns:
            Tensor: (..., D) without gradient, in the space of ``g``; 0 where none is wanted. Of a
            class that is not ``filled``, from N(0, 1).
        """
        if not classes.numel():
            return self.means.new_zeros(*classes.shape, self.embed_dims)
        known = classes.clamp(min=0)
        weights = self.weights[known].reshape(-1, self.num_components)
        component = torch.multinomial(weights, 1, generator=generator).view(known.shape)
        means, spread = self.means[known, component], self.variances[known, component].sqrt()
        noise = torch.randn(
            means.shape, generator=generator, device=means.device, dtype=means.dtype
        )
        return (means + spread * noise) * (classes >= 0).unsqueeze(-1)

    def enqueue(self, g: Tensor, labels: Tensor) -> None:
        """Keep the queries of all processes that stand for something, and some that do not.

        Every process must call it, also one that has no image.

        Args:
            g (Tensor): (V, Q, D), normalised queries of the last layer.
            labels (Tensor): (V, Q) int64, the matched class of each, K of «no object».

        Raises:
            ValueError: If shapes do not fit, or a label is not one of 0 to K.
        """
        self.memory.enqueue(g, labels)

    @torch.no_grad()
    def em_update(self) -> None:
        """One step of EM for the classes that got queries since the last call (eq. 3 and 4).

        The first of a class begins with queries that lie far apart and goes without momentum.
        """
        classes = self.memory.take_fresh(self.min_samples)
        if not len(classes):
            return
        with torch.autocast(self.means.device.type, enabled=False):
            samples, valid = self.memory.of_classes(classes)
            samples, filled = samples.double(), self.filled[classes]
            new = ~filled
            self._set(classes[new], self._begin(samples[new], valid[new]))
            before = Gaussians(*(getattr(self, name)[classes] for name in Gaussians._fields))
            shares = responsibilities(samples, before, valid, self.e_step)
            after = self._bounded(estimate(samples, shares, before, self.weight_smoothing))
            kept = self.momentum * filled.double()[:, None]
            mixed = (
                torch.lerp(now.flatten(1), old.double().flatten(1), kept).view_as(now)
                for old, now in zip(before, after)
            )
            self._set(classes, Gaussians(*mixed))
        self.filled[classes] = True

    def _begin(self, samples: Tensor, valid: Tensor) -> Gaussians:
        """Mixtures of c classes to begin with: means far apart, the variance of all samples."""
        shares = valid.double().unsqueeze(-1)
        centre = (samples * shares).sum(1, keepdim=True) / shares.sum(1, keepdim=True)
        spread = variance_about(samples, shares, centre)
        shape = (len(samples), self.num_components)
        return self._bounded(
            Gaussians(
                far_apart(samples, valid, self.num_components),
                spread.expand(*shape, -1),
                samples.new_full(shape, 1 / self.num_components),
            )
        )

    def _set(self, classes: Tensor, mixtures: Gaussians) -> None:
        """Write the mixtures of classes (c,) into the buffers."""
        for name, values in zip(Gaussians._fields, mixtures):
            buffer = getattr(self, name)
            buffer[classes] = values.to(buffer.dtype)

    def _bounded(self, mixture: Gaussians) -> Gaussians:
        """Variances within their range, and equal over the channels if spherical."""
        variances = mixture.variances
        if self.cov == 'spherical':
            variances = variances.mean(-1, keepdim=True).expand_as(variances)
        return mixture._replace(variances=variances.clamp(*self.var_range))


def _check_numbers(
    num_components: int,
    tau: float,
    momentum: float,
    memory_size: int,
    min_samples: int,
    var_range: Sequence[float],
) -> None:
    if num_components < 1 or tau <= 0 or not 0 <= momentum < 1:
        raise ValueError(
            'Expected num_components of at least 1, tau above 0 and a momentum in [0, 1), got '
            f'{num_components}, {tau} and {momentum}.'
        )
    if not 1 <= min_samples <= memory_size:
        raise ValueError(
            f'min_samples must be between 1 and memory_size={memory_size}, got {min_samples}: a '
            'class would never be fitted.'
        )
    if len(var_range) != 2 or not 0 < var_range[0] <= var_range[1]:
        raise ValueError(f'var_range must be two rising numbers above 0, got {var_range}.')
