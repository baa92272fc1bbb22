_base_ = [
    '../_base_/models/ravs_mit-b5.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avsbench_s4_224x224.py',
    '../_base_/datasets/ravs_augmentation.py',
    '../_base_/schedules/schedule_ravs.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
)
train_pipeline = [*_base_.train_pipeline[:3], *_base_.ravs_augmentation]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=4)
test_dataloader = dict(batch_size=4)
val_evaluator = dict(_delete_=True, type='PerDatasetMetric', absent='skip')
test_evaluator = val_evaluator
