_base_ = [
    '../_base_/models/avsegformer_r50.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avsbench_ms3_224x224.py',
    '../_base_/schedules/schedule_ms3_60e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
    decode_head=dict(pixel_decoder=dict(in_channels=(64, 128, 320, 512))),
)
