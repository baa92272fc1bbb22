# A narrow RAVS that learns SynthAVS from nothing on two CPU cores.
_base_ = [
    '../_base_/models/ravs_mit-tiny.py',
    '../_base_/datasets/synth_ms3_96x96.py',
    '../_base_/default_runtime.py',
]

# Frames of a clip see each other, so clips are whole (the base config trains on single frames).
train_pipeline = _base_.train_pipeline[1:]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))

# Nothing is pretrained here, so the learning rate is 10 times that of the schedule of RAVS.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-5, end=10, convert_to_iter_based=True),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=10, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=5), logger=dict(interval=50))
auto_scale_lr = dict(enable=False, base_batch_size=4)
