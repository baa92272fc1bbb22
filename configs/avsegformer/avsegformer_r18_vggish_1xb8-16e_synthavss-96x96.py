# AVSS in small, to see that it trains: a narrow AVSegFormer, 71 classes of which SynthAVS draws 8.
_base_ = [
    '../_base_/models/avsegformer_r18-tiny.py',
    '../_base_/datasets/synth_avss_96x96.py',
    '../_base_/default_runtime.py',
]

model = dict(
    decode_head=dict(num_classes=71, loss_mask=dict(_delete_=True, type='SemanticMaskLoss'))
)
# Nothing is pretrained here, so the learning rate is 100 times the official one, with warm-up.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=50, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=16, convert_to_iter_based=True),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=16, val_interval=8)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=8), logger=dict(interval=10))
auto_scale_lr = dict(enable=False, base_batch_size=8)
