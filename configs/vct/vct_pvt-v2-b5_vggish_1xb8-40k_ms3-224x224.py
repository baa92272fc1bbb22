_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/datasets/avsbench_ms3_maskige_224x224.py',
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
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=40000, by_epoch=False),
]
train_cfg = dict(max_iters=40000, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500))
train_dataloader = dict(batch_size=8, sampler=dict(type='InfiniteSampler'))
