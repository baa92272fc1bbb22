_base_ = [
    '../_base_/models/cpm-baseline_r50.py',
    '../_base_/datasets/avss_images_224x224.py',
    '../_base_/schedules/schedule_cpm.py',
    '../_base_/default_runtime.py',
]

param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, end=60, by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=60)
default_hooks = dict(checkpoint=dict(interval=5, save_best='per_dataset/mIoU'))
