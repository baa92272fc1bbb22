# Copyright (c) mmavs developers. All rights reserved.
"""Names of the official heads of VCT and COMBO, but for their query generators.

Source: sheets vct.md, sections 11 and 13, and combo.md, section 8.
"""

from .rules import Drop, Rename, Rule

_HEAD = 'sem_seg_head.'
_OURS = 'decode_head.'

_PIXELS = f'{_HEAD}pixel_decoder.'
_OUR_PIXELS = f'{_OURS}pixel_decoder.'
_ENCODER = f'{_PIXELS}transformer.encoder.layers.{{i}}.'
_OUR_ENCODER = f'{_OUR_PIXELS}encoder.layers.{{i}}.'

PIXEL_DECODER_RULES: list[Rule] = [
    Rename(f'{_PIXELS}input_proj.{{i}}.0.', f'{_OUR_PIXELS}input_convs.{{i}}.conv.'),
    Rename(f'{_PIXELS}input_proj.{{i}}.1.', f'{_OUR_PIXELS}input_convs.{{i}}.gn.'),
    Rename(f'{_PIXELS}transformer.level_embed', f'{_OUR_PIXELS}level_encoding.weight'),
    Rename(f'{_ENCODER}self_attn.', f'{_OUR_ENCODER}self_attn.'),
    Rename(f'{_ENCODER}norm{{j+1}}.', f'{_OUR_ENCODER}norms.{{j}}.'),
    Rename(f'{_ENCODER}linear1.', f'{_OUR_ENCODER}ffn.layers.0.0.'),
    Rename(f'{_ENCODER}linear2.', f'{_OUR_ENCODER}ffn.layers.1.'),
    Rename(f'{_PIXELS}adapter_1.norm.', f'{_OUR_PIXELS}lateral_convs.0.gn.'),
    Rename(f'{_PIXELS}adapter_1.', f'{_OUR_PIXELS}lateral_convs.0.conv.'),
    Rename(f'{_PIXELS}layer_1.norm.', f'{_OUR_PIXELS}output_convs.0.gn.'),
    Rename(f'{_PIXELS}layer_1.', f'{_OUR_PIXELS}output_convs.0.conv.'),
    Rename(f'{_PIXELS}mask_features.', f'{_OUR_PIXELS}mask_feature.'),
]
"""list[Rule]: Mask2Former's pixel decoder, the same in both methods."""

_BLOCKS = f'{_HEAD}predictor.transformer_'
_OUR_BLOCK = f'{_OURS}decoder.layers.{{i}}.'

DECODER_RULES: list[Rule] = [
    Rename(
        f'{_BLOCKS}cross_attention_layers.{{i}}.multihead_attn.', f'{_OUR_BLOCK}cross_attn.attn.'
    ),
    Rename(f'{_BLOCKS}cross_attention_layers.{{i}}.norm.', f'{_OUR_BLOCK}norms.0.'),
    Rename(f'{_BLOCKS}self_attention_layers.{{i}}.self_attn.', f'{_OUR_BLOCK}self_attn.attn.'),
    Rename(f'{_BLOCKS}self_attention_layers.{{i}}.norm.', f'{_OUR_BLOCK}norms.1.'),
    Rename(f'{_BLOCKS}ffn_layers.{{i}}.linear1.', f'{_OUR_BLOCK}ffn.layers.0.0.'),
    Rename(f'{_BLOCKS}ffn_layers.{{i}}.linear2.', f'{_OUR_BLOCK}ffn.layers.1.'),
    Rename(f'{_BLOCKS}ffn_layers.{{i}}.norm.', f'{_OUR_BLOCK}norms.2.'),
    Rename(f'{_HEAD}predictor.query_embed.', f'{_OURS}decoder.query_embed.'),
    Rename(f'{_HEAD}predictor.level_embed.', f'{_OURS}decoder.level_embed.'),
    Rename(f'{_HEAD}predictor.decoder_norm.', f'{_OURS}predictor.norm.'),
    Rename(f'{_HEAD}predictor.class_embed.', f'{_OURS}predictor.cls_embed.'),
    Rename(f'{_HEAD}predictor.mask_embed.', f'{_OURS}predictor.mask_embed.'),
]
"""list[Rule]: The masked decoder and the predictor of classes and masks."""

AUDIO_MLP_RULES: list[Rule] = [
    Rename(f'{_HEAD}audio_transformation.embeddings.{2 * i}.', f'{_OURS}audio_mlp.layers.{i}.')
    for i in range(3)
]
"""list[Rule]: The MLP on audio tokens."""

_FUSION = f'{_HEAD}fusion_module.'
_ATTENTION = f'{_FUSION}b_attn.attn_list.0.'
_OUR_FUSION = f'{_OURS}fusion.'

BILATERAL_FUSION_RULES: list[Rule] = [
    Rename(f'{_FUSION}audio_pos.', f'{_OUR_FUSION}audio_pos.'),
    Rename(f'{_FUSION}level_embed.', f'{_OUR_FUSION}level_embed.'),
    Rename(f'{_FUSION}b_attn.gamma_a', f'{_OUR_FUSION}a_scale'),
    Rename(f'{_FUSION}b_attn.gamma_v_list.0', f'{_OUR_FUSION}v_scale'),
    Rename(f'{_FUSION}b_attn.layer_norm_a_list.0.', f'{_OUR_FUSION}a_norm.'),
    Rename(f'{_FUSION}b_attn.layer_norm_v_list.0.', f'{_OUR_FUSION}v_norm.'),
    Rename(f'{_ATTENTION}values_a_proj.', f'{_OUR_FUSION}a_values_proj.'),
    Rename(f'{_ATTENTION}values_v_proj.', f'{_OUR_FUSION}v_values_proj.'),
    Rename(f'{_ATTENTION}out_a_proj.', f'{_OUR_FUSION}a_out_proj.'),
    Rename(f'{_ATTENTION}out_v_proj.', f'{_OUR_FUSION}v_out_proj.'),
    Rename(f'{_ATTENTION}a_proj.', f'{_OUR_FUSION}a_proj.'),
    Rename(f'{_ATTENTION}v_proj.', f'{_OUR_FUSION}v_proj.'),
]
"""list[Rule]: COMBO's fusion of the mask feature and the sound."""

LOSS_RULES: list[Rule] = [
    Rename(f'{_HEAD}predictor.audio_proj.', f'{_OURS}loss_pac.audio_proj.'),
    Rename(f'{_HEAD}predictor.proto_proj.', f'{_OURS}loss_pac.proto_proj.'),
    Rename('criterion.logit_scale', f'{_OURS}loss_pac.logit_scale'),
    Drop('criterion.empty_weight', 'class weights of the loss, which are in the config'),
]
"""list[Rule]: VCT's contrast of sound and prototypes, and what both official criteria hold."""

QUERY_HEAD_RULES: list[Rule] = [
    *PIXEL_DECODER_RULES,
    *DECODER_RULES,
    *AUDIO_MLP_RULES,
    *BILATERAL_FUSION_RULES,
    *LOSS_RULES,
]
"""list[Rule]: All of these."""
