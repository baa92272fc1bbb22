# VCT, COMBO and AQFormer: AdamW with a poly schedule, backbones at a tenth of the learning rate, no
# warm-up. Weight decay on everything but norms, tables of embeddings and position biases.
# A leaf sets the iterations (45000 here) and the period of validation.
no_decay = dict(decay_mult=0.0)
backbone_norm = dict(lr_mult=0.1, decay_mult=0.0)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        # The longest key that a name contains wins, so a backbone's norms have keys of their own.
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'backbone.norm': backbone_norm,
            'backbone.patch_embed.norm': backbone_norm,
            'relative_position_bias_table': backbone_norm,
            **{f'backbone.stages.{i}.norm': backbone_norm for i in range(4)},
            **{f'backbone.stages.{i}.downsample.norm': backbone_norm for i in range(4)},
            **{f'blocks.{i}.norm': backbone_norm for i in range(40)},
            **{f'blocks.{i}.attn.norm': backbone_norm for i in range(40)},
            'decoder.level_embed': no_decay,
            'pixel_decoder.level_embed': dict(decay_mult=1.0),
            'query_embed': no_decay,
            'query_feat': no_decay,
            'prototypes': no_decay,
            'fusion.level_embed': no_decay,
            'fusion.audio_pos': no_decay,
            'sound_embed': no_decay,
            'frame_embed': no_decay,
        },
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=45000, by_epoch=False),
]

train_cfg = dict(type='IterBasedTrainLoop', max_iters=45000, val_interval=1000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=8)
