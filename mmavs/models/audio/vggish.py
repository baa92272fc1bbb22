# Copyright (c) mmavs developers. All rights reserved.
"""VGGish, the audio encoder of most methods: log-mel examples to one vector or 24 tokens."""

from typing import Any

from mmcv.cnn import build_norm_layer
from mmseg.utils import OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures

from .example_encoder import ExampleEncoder, spread_kernel
from .log_mel import linear_magnitude

CONVS_PER_STAGE = (1, 1, 2, 2)
"""tuple[int]: 3x3 convolutions before each of the four max-pools."""

FC_GRID = (6, 4)
"""tuple[int]: Time and mel size of the map that the first FC layer reads: 96 x 64 over 16."""


@MODELS.register_module()
class VGGish(ExampleEncoder):
    """Encode the sound of each frame, 0.96 s a frame.

    Module names and order are those of torchvggish, so ``vggish-10086976.pth`` loads strictly.
    PCA entries (``pproc.*``) of such files are left out on loading (no AVS method uses the PCA),
    and so are the FC layers where ``with_fc=False``.

    Source: Hershey et al., "CNN Architectures for Large-Scale Audio Classification", and the copy
    of torchvggish in AVSBench and AVSegFormer.

    Args:
        frontend (dict, optional): Turns waveforms into log-mel examples. None: only log-mel
            examples are taken. Defaults to ``dict(type='LogMelFrontend')``.
        frozen (bool): Never train: eval mode, no gradients. Defaults to True.
        in_channels (int): Channels of the sound. 1: the channels of a waveform are averaged.
            2: stereo goes into the first convolution; a mono checkpoint's first kernel is repeated
            and divided by 2, so that equal channels give what mono gives. Defaults to 1.
        with_fc (bool): Whether there are FC layers. Defaults to True.
        out (str, optional): What ``embed`` is: ``'vector'``, the output of the FC layers, or
            ``'tokens'``, the cells of the map, time first. None: ``'vector'`` if there are FC
            layers, else ``'tokens'``. Defaults to None.
        final_relu (bool): Whether a ReLU follows the last FC layer, as in the official code.
            Defaults to True.
        channels (tuple[int]): Channels of the six convolutions.
            Defaults to (64, 128, 256, 256, 512, 512).
        fc_channels (tuple[int]): Channels of the FC layers. Defaults to (4096, 4096, 128).
        norm_cfg (dict, optional): Norm after each convolution, for training from nothing: without
            one the vectors of different sounds are nearly parallel at first. Official files do not
            fit then. Defaults to None.
        with_pyramid (bool): Also give the maps of all four stages and the linear spectrogram, as
            CPM reads them. Defaults to False.
        init_cfg (dict, optional): Where the weights come from. Defaults to None.
    """

    def __init__(
        self,
        frontend: OptConfigType = dict(type='LogMelFrontend'),  # noqa: B006
        frozen: bool = True,
        in_channels: int = 1,
        with_fc: bool = True,
        out: str | None = None,
        final_relu: bool = True,
        channels: tuple[int, ...] = (64, 128, 256, 256, 512, 512),
        fc_channels: tuple[int, ...] = (4096, 4096, 128),
        norm_cfg: OptConfigType = None,
        with_pyramid: bool = False,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(frontend, frozen, in_channels, init_cfg)
        out = out or ('vector' if with_fc else 'tokens')
        if out not in ('vector', 'tokens'):
            raise ValueError(f"out must be 'vector', 'tokens' or None, got {out!r}.")
        if out == 'vector' and not with_fc:
            raise ValueError("out='vector' is the output of the FC layers: set with_fc=True.")
        if len(channels) != sum(CONVS_PER_STAGE):
            raise ValueError(f'channels must be {sum(CONVS_PER_STAGE)} numbers, got {channels}.')
        self.out = out
        self.gives_spectrogram = with_pyramid
        self.features = self._conv_layers(in_channels, channels, norm_cfg)
        self.embeddings = None
        if with_fc:
            width = FC_GRID[0] * FC_GRID[1] * channels[-1]
            self.embeddings = self._fc_layers(width, fc_channels, final_relu)
        self.embed_dims = fc_channels[-1] if out == 'vector' else channels[-1]
        self.freeze()

    @staticmethod
    def _conv_layers(
        in_channels: int, channels: tuple[int, ...], norm_cfg: OptConfigType
    ) -> nn.Sequential:
        layers: list[nn.Module] = []
        widths = iter(channels)
        for num_convs in CONVS_PER_STAGE:
            for _ in range(num_convs):
                width = next(widths)
                layers.append(nn.Conv2d(in_channels, width, 3, padding=1))
                if norm_cfg is not None:
                    layers.append(build_norm_layer(norm_cfg, width)[1])
                layers.append(nn.ReLU(inplace=True))
                in_channels = width
            layers.append(nn.MaxPool2d(2, 2))
        return nn.Sequential(*layers)

    @staticmethod
    def _fc_layers(width: int, channels: tuple[int, ...], final_relu: bool) -> nn.Sequential:
        layers: list[nn.Module] = []
        for out_width in channels:
            layers += [nn.Linear(width, out_width), nn.ReLU(inplace=True)]
            width = out_width
        return nn.Sequential(*(layers if final_relu else layers[:-1]))

    def encode(self, examples: Tensor) -> AudioFeatures:
        """Encode log-mel examples.

        Args:
            examples (Tensor): (N, C, 96, 64); other sizes with ``out='tokens'`` only.

        Returns:
            AudioFeatures: ``embed`` (N, 1, 128), or (N, 24, 512) with index ``4 * time + mel`` if
            ``out='tokens'``; ``map`` (N, 512, 6, 4), time x mel; ``pyramid`` and ``spectrogram``
            (N, C, 96, 64), if asked for.

        Raises:
            ValueError: If the FC layers cannot read the size.
        """
        with self.gradients():
            stages = (
                self._stages(examples) if self.gives_spectrogram else (self.features(examples),)
            )
            tokens = stages[-1].flatten(2).transpose(1, 2)
            features = AudioFeatures(tokens, stages[-1])
            if self.gives_spectrogram:
                spectrogram = linear_magnitude(examples, self.log_offset)
                features = features._replace(pyramid=stages, spectrogram=spectrogram)
            if self.out == 'tokens':
                return features
            if stages[-1].shape[-2:] != FC_GRID:
                raise ValueError(
                    'The FC layers read examples of 96 x 64 (time x mel), got '
                    f"{tuple(examples.shape[-2:])}. Use out='tokens' for other sizes."
                )
            # The official code flattens channels-last: index (4 * time + mel) * 512 + channel.
            return features._replace(embed=self.embeddings(tokens.flatten(1))[:, None])

    def _stages(self, examples: Tensor) -> tuple[Tensor, ...]:
        """What each max-pool gives, finest first: (N, 64, 48, 32) to (N, 512, 6, 4)."""
        stages = []
        for layer in self.features:
            examples = layer(examples)
            if isinstance(layer, nn.MaxPool2d):
                stages.append(examples)
        return tuple(stages)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Make an official file fit: no PCA, no FC layers where there are none, stereo kernel."""
        unused = ('pproc.',) if self.embeddings is not None else ('pproc.', 'embeddings.')
        for key in list(state_dict):
            if key.startswith(tuple(prefix + name for name in unused)):
                del state_dict[key]
        key = f'{prefix}features.0.weight'
        kernel = state_dict.get(key)
        if kernel is not None and kernel.shape[1] == 1 and self.in_channels > 1:
            state_dict[key] = spread_kernel(kernel, self.in_channels)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
