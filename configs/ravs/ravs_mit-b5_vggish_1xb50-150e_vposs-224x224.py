_base_ = [
    '../_base_/models/ravs_mit-b5.py',
    '../_base_/datasets/vpo_ss_512x512.py',
    '../_base_/datasets/ravs_augmentation.py',
    '../_base_/schedules/schedule_ravs.py',
    '../_base_/default_runtime.py',
]

model = dict(
    decode_head=dict(num_classes=22, refinement=dict(divide='classes')),
)
# Pictures are squashed to 224x224; of the 3 s of sound a single frame hears the first.
train_pipeline = [*_base_.train_pipeline[:3], *_base_.ravs_augmentation]
test_pipeline = [*_base_.test_pipeline[:3], *_base_.ravs_resize]
train_dataloader = dict(batch_size=50, dataset=dict(pipeline=train_pipeline))
# The csv has no third split: validation is the test.
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='PerDatasetMetric', absent='skip')
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=50)
