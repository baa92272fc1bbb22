# The quickstart: a narrow AVSegFormer that learns SynthAVS from nothing on two CPU cores.
_base_ = [
    '../_base_/models/avsegformer_r18-tiny.py',
    '../_base_/datasets/synth_ms3_96x96.py',
    '../_base_/default_runtime.py',
]

# Nothing is pretrained here, so the learning rate is 100 times the official one, with warm-up.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=50, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=24, convert_to_iter_based=True),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=24, val_interval=6)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=6), logger=dict(interval=20))
auto_scale_lr = dict(enable=False, base_batch_size=16)
