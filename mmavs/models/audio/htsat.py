# Copyright (c) mmavs developers. All rights reserved.
"""HTS-AT, a Swin Transformer that hears: seconds of sound to one vector or a map of 64 cells."""

import torch.nn.functional as F
from mmseg.utils import OptConfigType, OptMultiConfig
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from torchaudio.functional import mask_along_axis_iid

from mmavs.converters import convert_htsat
from mmavs.models.pretrained_file import load_pretrained_file, names_pretrained_file
from mmavs.registry import MODELS
from mmavs.structures import AudioFeatures

from .example_encoder import ExampleEncoder

OUTPUTS = ('vector', 'tokens')
FILLS = ('stretch', 'repeat')


@MODELS.register_module()
class HTSAT(ExampleEncoder):
    """Encode the sound of each frame, a second a frame.

    The log-mel of a second is stretched to ``spec_size ** 2 / num_mels`` = 1024 columns, cut into
    four pieces of 256 that are stacked into a square, and given to timm's Swin Transformer. A
    ``Pretrained`` ``init_cfg`` takes the authors' AudioSet checkpoints
    (``HTSAT_AudioSet_Saved_1.ckpt``), those of CLAP by transformers' names, and ours.

    Source: Chen et al., "HTS-AT: A Hierarchical Token-Semantic Audio Transformer", and its official
    code; sheet htsat.md, sections 1 to 3. The vector is ``latent_output``, which DDESeg reads.

    Args:
        frontend (dict, optional): Turns waveforms into log-mel seconds. None: only log-mel is
            taken. Defaults to ``dict(type='DecibelMelFrontend')``: 32 kHz. DDESeg's rate is
            ``dict(type='DecibelMelFrontend', sample_rate=22050, hop_length=256, mel_rate=32000)``.
        frozen (bool): Never train: eval mode, no gradients. Defaults to True.
        out (str): What ``embed`` is: ``'vector'``, the mean of the map's cells, or ``'tokens'``,
            the cells, row by row. Defaults to ``'vector'``.
        fill (str): How a shorter log-mel fills the columns: ``'stretch'``, or ``'repeat'`` it as
            often as it fits and stretch that (the official ``infer_mode``).
            Defaults to ``'stretch'``.
        num_mels (int): Mel bands. Defaults to 64.
        spec_size (int): Side of the square, a multiple of ``num_mels``. Defaults to 256.
        patch_size (int): Defaults to 4.
        base_channels (int): Of the first stage; they double with each. Defaults to 96.
        depths (tuple[int]): Blocks of each stage. Defaults to (2, 2, 6, 2).
        num_heads (tuple[int]): Of each stage. Defaults to (4, 8, 16, 32).
        window_size (int): Defaults to 8.
        drop_path_rate (float): Of the last block, linear from 0; if trained. Defaults to 0.1.
        time_stripes (tuple[int, int]): SpecAugment, if trained: how many stripes of time are set to
            zero, and the columns that each has at most. Defaults to (2, 64).
        mel_stripes (tuple[int, int]): Likewise of mel bands. Defaults to (2, 8).
        init_cfg (dict, optional): Where the weights come from. Defaults to None.

    Raises:
        ValueError: If an argument is out of range.
    """

    frontend_type = 'DecibelMelFrontend'

    def __init__(
        self,
        frontend: OptConfigType = dict(type='DecibelMelFrontend'),  # noqa: B006
        frozen: bool = True,
        out: str = 'vector',
        fill: str = 'stretch',
        num_mels: int = 64,
        spec_size: int = 256,
        patch_size: int = 4,
        base_channels: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        num_heads: tuple[int, ...] = (4, 8, 16, 32),
        window_size: int = 8,
        drop_path_rate: float = 0.1,
        time_stripes: tuple[int, int] = (2, 64),
        mel_stripes: tuple[int, int] = (2, 8),
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(frontend, frozen, init_cfg=init_cfg)
        if out not in OUTPUTS:
            raise ValueError(f'out must be one of {OUTPUTS}, got {out!r}.')
        if fill not in FILLS:
            raise ValueError(f'fill must be one of {FILLS}, got {fill!r}.')
        self.num_pieces = _pieces(num_mels, spec_size, patch_size, len(depths))
        if self.frontend is not None and self.frontend.num_mels != num_mels:
            raise ValueError(
                f'num_mels={num_mels}, but frontend.num_mels={self.frontend.num_mels}: both must '
                'be the same.'
            )
        self.out = out
        self.fill = fill
        self.num_mels = num_mels
        self.columns = spec_size * self.num_pieces
        self.time_stripes, self.mel_stripes = tuple(time_stripes), tuple(mel_stripes)
        self.bn0 = nn.BatchNorm2d(num_mels)
        self.swin = SwinTransformer(
            img_size=spec_size,
            patch_size=patch_size,
            in_chans=1,
            num_classes=0,
            embed_dim=base_channels,
            depths=tuple(depths),
            num_heads=tuple(num_heads),
            window_size=window_size,
            drop_path_rate=drop_path_rate,
        )
        # timm has given it its first weights; mmengine would ask for them again, after init_cfg.
        self.swin.is_init = True
        self.embed_dims = self.swin.num_features
        self.freeze()

    def init_weights(self) -> None:
        """Load the file that ``init_cfg`` names; otherwise keep timm's initial values.

        Raises:
            ValueError: If the file does not hold exactly this network (a classifier is left out).
        """
        if not names_pretrained_file(self):
            super().init_weights()
            return
        load_pretrained_file(
            self,
            'HTS-AT',
            lambda official: convert_htsat(official).state_dict,
            'base_channels, depths, num_heads, window_size',
        )

    def examples(
        self, audio: Tensor, num_frames: int | None = None, frame_indices: Tensor | None = None
    ) -> Tensor:
        """Either kind of audio as log-mel seconds (B, T, 1, time, mel); see :meth:`forward`.

        Raises:
            ValueError: If log-mel is not that of this front end.
        """
        if audio.ndim == 5:
            time = audio.shape[-2] if self.frontend is None else self.frontend.example_frames
            if tuple(audio.shape[2:]) != (1, time, self.num_mels):
                raise ValueError(
                    f'HTS-AT hears its own log-mel in decibels, (B, T, 1, {time}, '
                    f'{self.num_mels}); got shape {tuple(audio.shape)}. The log-mel of VGGish '
                    '(LoadClipLogMel) is another thing: put LoadClipAudio in its place.'
                )
        return super().examples(audio, num_frames, frame_indices)

    def encode(self, examples: Tensor) -> AudioFeatures:
        """Encode log-mel seconds.

        Args:
            examples (Tensor): (N, 1, 101, 64), as the front end gives them.

        Returns:
            AudioFeatures: ``embed`` (N, 1, 768), or (N, 64, 768) with index
            ``32 * frequency + time`` if ``out='tokens'``; ``map`` (N, 768, 2, 32), frequency x
            time, low frequencies first.

        Raises:
            ValueError: If a second has more windows than there are columns.
        """
        with self.gradients():
            feature_map = self.unfold(self.swin.forward_features(self.to_image(examples)))
            tokens = feature_map.flatten(2).transpose(1, 2)
            if self.out == 'vector':
                tokens = tokens.mean(1, keepdim=True)
            return AudioFeatures(tokens, feature_map)

    def to_image(self, log_mel: Tensor) -> Tensor:
        """Normalise log-mel and fold it into a square.

        Args:
            log_mel (Tensor): (N, 1, time, mel).

        Returns:
            Tensor: (N, 1, spec_size, spec_size): row ``mel + num_mels * piece``, column the time
            within the piece.

        Raises:
            ValueError: If there is more time than columns.
        """
        if log_mel.shape[2] > self.columns:
            raise ValueError(
                f'HTS-AT has {self.columns} columns, but a frame hears {log_mel.shape[2]} windows. '
                'Set a smaller frontend.seconds.'
            )
        x = self.bn0(log_mel.transpose(1, 3)).transpose(1, 3)
        if self.training:
            x = self._mask_stripes(x)
        if self.fill == 'repeat':
            x = x.repeat(1, 1, self.columns // x.shape[2], 1)
        if x.shape[2] < self.columns:
            size = (self.columns, self.num_mels)
            x = F.interpolate(x, size, mode='bicubic', align_corners=True)
        return x.unflatten(2, (self.num_pieces, -1)).transpose(3, 4).flatten(2, 3)

    def unfold(self, folded: Tensor) -> Tensor:
        """Cells (N, h, w, C) of the square to a map (N, C, frequency, time)."""
        pieces = folded.unflatten(1, (self.num_pieces, -1))  # N, piece, frequency, time, C
        return pieces.permute(0, 4, 2, 1, 3).flatten(3)

    def _mask_stripes(self, x: Tensor) -> Tensor:
        """SpecAugment: zero, the mean of the norm, in stripes of (N, 1, time, mel)."""
        for axis, (count, width) in ((2, self.time_stripes), (3, self.mel_stripes)):
            for _ in range(count):
                x = mask_along_axis_iid(x, min(width, x.shape[axis]), 0.0, axis)
        return x


def _pieces(num_mels: int, spec_size: int, patch_size: int, num_stages: int) -> int:
    """How many pieces of time are stacked into the square.

    Raises:
        ValueError: If they do not fill it, or the last stage cannot tell them apart.
    """
    pieces, rest = divmod(spec_size, num_mels)
    cells = spec_size / (patch_size * 2 ** (num_stages - 1))
    if rest or cells % pieces:
        raise ValueError(
            f'spec_size={spec_size} must be a multiple of num_mels={num_mels}, and the last of '
            f'{num_stages} stages, which has {cells:g} rows with patch_size={patch_size}, must '
            f'have a multiple of spec_size / num_mels = {spec_size / num_mels:g} rows.'
        )
    return pieces
