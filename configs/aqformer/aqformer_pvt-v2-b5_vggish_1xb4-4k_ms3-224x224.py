_base_ = [
    '../_base_/models/aqformer_r50.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avsbench_ms3_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
    decode_head=dict(
        pixel_decoder=dict(in_channels=(64, 128, 320, 512)),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=4000, by_epoch=False),
]
train_cfg = dict(max_iters=4000, val_interval=200)
default_hooks = dict(checkpoint=dict(interval=200))
train_dataloader = dict(batch_size=4, sampler=dict(type='InfiniteSampler'))
auto_scale_lr = dict(base_batch_size=4)
