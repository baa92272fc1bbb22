# Crops of 512x512 in training, frames at their own size in the test.
_base_ = [
    '../_base_/models/cpm_r50.py',
    '../_base_/datasets/avss_images_512x512.py',
    '../_base_/schedules/schedule_cpm.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(interval=5, save_best='per_dataset/mIoU'))
