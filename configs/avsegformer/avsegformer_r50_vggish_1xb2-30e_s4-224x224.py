_base_ = [
    '../_base_/models/avsegformer_r50.py',
    '../_base_/datasets/avsbench_s4_224x224.py',
    '../_base_/schedules/schedule_s4_30e.py',
    '../_base_/default_runtime.py',
]
