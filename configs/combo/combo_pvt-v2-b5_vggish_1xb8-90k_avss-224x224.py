_base_ = [
    '../_base_/models/combo_r50.py',
    '../_base_/datasets/avss_combo_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

pvt_v2_b5 = dict(
    type='PVTv2',
    variant='b5',
    drop_path_rate=0.1,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b5.pth',
    ),
)
model = dict(
    backbone=dict(_delete_=True, **pvt_v2_b5),
    maskige_backbone=dict(_delete_=True, **pvt_v2_b5),
    maskige_gate=dict(channels=(64, 128, 320, 512)),
    decode_head=dict(
        pixel_decoder=dict(in_channels=(64, 128, 320, 512)),
        num_classes=71,
        criterion=dict(num_classes=71),
    ),
)
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=90000, by_epoch=False),
]
train_cfg = dict(max_iters=90000, val_interval=5000)
default_hooks = dict(checkpoint=dict(interval=5000))
train_dataloader = dict(batch_size=8, sampler=dict(type='InfiniteSampler'))
