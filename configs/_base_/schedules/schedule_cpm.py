# CPM and its baseline: AdamW with a poly schedule, as Mask2Former; backbone and audio encoder at a
# tenth of the learning rate, no warm-up. The paper does not say; CAVP's SGD is in the README of
# CPM. A leaf sets the epochs (80 here).
no_decay = dict(decay_mult=0.0)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'audio_encoder': dict(lr_mult=0.1),
            'decoder.level_embed': no_decay,
            'query_embed': no_decay,
            'query_feat': no_decay,
            'prompt_embed': no_decay,
        },
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, end=80, by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=80, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
custom_hooks = [dict(type='MatchingStabilityHook')]
auto_scale_lr = dict(enable=False, base_batch_size=16)
