# The paper's MS3*: begins with the model that the config of S4 has trained.
_base_ = [
    '../_base_/models/aqformer_r50.py',
    '../_base_/datasets/avsbench_ms3_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=2000, by_epoch=False),
]
train_cfg = dict(max_iters=2000, val_interval=100)
default_hooks = dict(checkpoint=dict(interval=100))
train_dataloader = dict(batch_size=8, sampler=dict(type='InfiniteSampler'))
auto_scale_lr = dict(base_batch_size=8)
load_from = 'work_dirs/aqformer_r50_vggish_1xb8-20k_s4-224x224/iter_20000.pth'
