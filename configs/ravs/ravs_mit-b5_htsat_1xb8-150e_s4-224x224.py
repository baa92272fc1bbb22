_base_ = [
    '../_base_/models/ravs_mit-b5.py',
    '../_base_/models/htsat.py',
    '../_base_/datasets/avsbench_s4_224x224.py',
    '../_base_/datasets/ravs_augmentation.py',
    '../_base_/schedules/schedule_ravs.py',
    '../_base_/default_runtime.py',
]

model = dict(
    audio_encoder=dict(_delete_=True, **_base_.htsat),
    fusion=dict(audio_channels=768),
)
loading = [*_base_.train_pipeline[:2], _base_.load_seconds]
train_pipeline = [*loading, *_base_.ravs_augmentation]
test_pipeline = [*loading, *_base_.ravs_resize]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(_delete_=True, type='PerDatasetMetric', absent='skip')
test_evaluator = val_evaluator
