_base_ = [
    '../_base_/models/tpavi_r50.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avsbench_ms3_224x224.py',
    '../_base_/schedules/schedule_tpavi.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
    decode_head=dict(
        in_channels=(64, 128, 320, 512),
        loss_avm=dict(type='AudioVisualMappingLoss', loss_weight=0.5),
    ),
)
train_cfg = dict(max_epochs=30)
train_dataloader = dict(batch_size=4)
# The batch of the official test, over which its F is averaged.
test_evaluator = dict(f_batch_size=4)
