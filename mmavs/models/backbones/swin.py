# Copyright (c) mmavs developers. All rights reserved.
"""mmseg's Swin Transformer, which loads the official ImageNet files."""

from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader
from mmseg.models.backbones import SwinTransformer as MMSegSwinTransformer

from mmavs.converters import convert, swin_rules, unwrap_state_dict
from mmavs.registry import MODELS
from mmavs.utils.weights import mismatch


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
        if self._is_init:
            return
        if not self.init_cfg or self.init_cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        path = self.init_cfg['checkpoint']
        print_log(f'Loads Swin by official names from {path}', logger='current')
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
        try:
            state_dict = convert(unwrap_state_dict(checkpoint), swin_rules(ours='')).state_dict
        except ValueError as error:
            raise ValueError(f'{path} is not a Swin by official names: {error}') from error
        own = self.state_dict()
        norms = {name: own[name] for name in own if name.startswith('norm')}
        problems = mismatch({**norms, **state_dict}, own)
        if problems:
            raise ValueError(
                f"{path} is another Swin than the config's (embed_dims, depths, num_heads, "
                f'window_size): {problems}.'
            )
        self.load_state_dict({**norms, **state_dict})
        self._is_init = True

    def train(self, mode: bool = True) -> 'SwinTransformer':
        """Set the mode; mmseg's returns None, so that ``model.eval()`` cannot be passed on."""
        super().train(mode)
        return self
