# Clips are whole, since frames see each other; only the first frame of each has a mask.
_base_ = [
    '../_base_/models/aqformer_r50.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avsbench_s4_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
    decode_head=dict(
        pixel_decoder=dict(in_channels=(64, 128, 320, 512)),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1.25e-4))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=40000, by_epoch=False),
]
train_cfg = dict(max_iters=40000, val_interval=2000)
default_hooks = dict(checkpoint=dict(interval=2000))
train_dataloader = dict(batch_size=4, sampler=dict(type='InfiniteSampler'))
auto_scale_lr = dict(base_batch_size=4)
