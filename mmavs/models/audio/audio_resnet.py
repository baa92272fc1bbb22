# Copyright (c) mmavs developers. All rights reserved.
"""A ResNet that hears: the audio encoder of CAVP and CPM for VPO's three seconds of stereo."""

from typing import Any

from mmseg.utils import OptConfigType, OptMultiConfig
from torch import Tensor

from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures

from .example_encoder import ExampleEncoder, spread_kernel
from .log_mel import linear_magnitude


@MODELS.register_module()
class AudioResNet(ExampleEncoder):
    """mmseg's ResNet on log-mel examples, with the maps of all stages.

    Three seconds at 16 kHz are 298 windows, and 298 x 64 gives the maps 75 x 16, 38 x 8, 19 x 4 and
    10 x 2, as the 300 x 64 of CAVP does. An ImageNet file loads: its first kernel is summed over
    the colours, repeated and divided, where CAVP draws that layer at random (CPM sheet, section
    3.2).

    Args:
        frontend (dict, optional): See :class:`ExampleEncoder`. Defaults to one example of three
            seconds.
        frozen (bool): Never train. Defaults to False.
        in_channels (int): 2 for stereo. Defaults to 1.
        depth (int): Defaults to 18.
        base_channels (int): Of the first stage. Defaults to 64.
        init_cfg (dict, optional): Where the weights come from, of the ResNet itself: ``Pretrained``
            takes a file of torchvision's names. Defaults to None.
    """

    gives_spectrogram = True

    def __init__(
        self,
        frontend: OptConfigType = dict(  # noqa: B006
            type='LogMelFrontend', example_frames=298, example_hop=298
        ),
        frozen: bool = False,
        in_channels: int = 1,
        depth: int = 18,
        base_channels: int = 64,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(frontend, frozen, in_channels)
        self.trunk = MODELS.build(
            dict(
                type='mmseg.ResNet',
                depth=depth,
                in_channels=in_channels,
                base_channels=base_channels,
                norm_eval=False,
                init_cfg=init_cfg,
            )
        )
        # mmengine loads a file of weights into the trunk itself, so the hook has to be there.
        self.trunk.register_load_state_dict_pre_hook(_fit_first_kernel)
        self.embed_dims = self.trunk.feat_dim
        self.freeze()

    def encode(self, examples: Tensor) -> AudioFeatures:
        """Encode log-mel examples.

        Args:
            examples (Tensor): (N, C, t, f).

        Returns:
            AudioFeatures: ``embed`` (N, h*w, C_4), the cells of the last map, time first; ``map``
            the last map; ``pyramid`` the maps of strides 4, 8, 16 and 32; ``spectrogram``
            (N, C, t, f).
        """
        with self.gradients():
            stages = tuple(self.trunk(examples))
            tokens = stages[-1].flatten(2).transpose(1, 2)
            spectrogram = linear_magnitude(examples, self.log_offset)
            return AudioFeatures(tokens, stages[-1], stages, spectrogram)


def _fit_first_kernel(
    module: Any, state_dict: dict[str, Tensor], prefix: str, *_: Any, **__: Any
) -> None:
    """Spread the first kernel of a file over the channels of sound."""
    key = f'{prefix}conv1.weight'
    channels = module.conv1.in_channels
    if key in state_dict and state_dict[key].shape[1] != channels:
        state_dict[key] = spread_kernel(state_dict[key], channels)
