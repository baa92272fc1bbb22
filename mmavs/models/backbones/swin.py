# Copyright (c) mmavs developers. All rights reserved.
"""mmseg's Swin Transformer, which loads the official ImageNet files."""

from mmseg.models.backbones import SwinTransformer as MMSegSwinTransformer

from mmavs.converters import convert, swin_rules
from mmavs.models.pretrained_file import load_pretrained_file, names_pretrained_file
from mmavs.registry import MODELS


@MODELS.register_module()
class SwinTransformer(MMSegSwinTransformer):
    """Swin Transformer (Liu et al., 2021): the normalised maps of its four stages.

    mmseg's, with its arguments. Its own way of loading takes what fits by name and passes over the
    rest, so that the authors' file, whose names are others, leaves nearly all of it untrained
    without a word. Here a ``Pretrained`` ``init_cfg`` takes the authors' files
    (``swin_base_patch4_window12_384_22k.pth``) and refuses what is not this network.
    """

    def init_weights(self) -> None:
        """Load the ImageNet file that ``init_cfg`` names; otherwise mmseg's initial values.

        The norms behind the stages are not in the file and keep ones and zeros.

        Raises:
            ValueError: If the file does not hold exactly this network (a classifier is left out).
        """
        if not names_pretrained_file(self):
            super().init_weights()
            return
        load_pretrained_file(
            self,
            'Swin',
            lambda official: convert(official, swin_rules(ours='')).state_dict,
            'embed_dims, depths, num_heads, window_size',
            kept=[name for name in self.state_dict() if name.startswith('norm')],
        )

    def train(self, mode: bool = True) -> 'SwinTransformer':
        """Set the mode; mmseg's returns None, so that ``model.eval()`` cannot be passed on."""
        super().train(mode)
        return self
