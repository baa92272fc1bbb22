_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/datasets/avsbench_ms3_maskige_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=40000, by_epoch=False),
]
train_cfg = dict(max_iters=40000, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500))
train_dataloader = dict(batch_size=16, sampler=dict(type='InfiniteSampler'))
auto_scale_lr = dict(base_batch_size=16)
