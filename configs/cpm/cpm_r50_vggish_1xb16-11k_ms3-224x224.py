_base_ = [
    '../_base_/models/cpm_r50.py',
    '../_base_/datasets/avsbench_ms3_224x224.py',
    '../_base_/schedules/schedule_cpm.py',
    '../_base_/iteration_runtime.py',
]

model = dict(
    # The labels have one class and the clips no category: sounds of other clips are mixed.
    mix_kinds='clips',
    warmup_iters=185,
    decode_head=dict(num_classes=2, criterion=dict(num_classes=2)),
)

train_pipeline = [
    dict(type='RandomClipFrames', num_frames=1),
    *_base_.train_pipeline[:3],
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='PillowResize', scale=(224, 224)),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackAVSInputs'),
]
train_dataloader = dict(
    batch_size=16,
    sampler=dict(type='InfiniteSampler'),
    dataset=dict(pipeline=train_pipeline),
)
val_evaluator = [
    dict(type='PerDatasetMetric'),
    dict(type='AVSBenchMetric', f_batch_size=2),
    dict(type='ClassCoverageMetric'),
]
test_evaluator = val_evaluator
# CAVP's epoch shows each frame twice: 185 steps of 16 frames. 60 of these.
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, end=11100, by_epoch=False),
]
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=11100, val_interval=925)
default_hooks = dict(checkpoint=dict(interval=925, save_best='per_dataset/mIoU'))
custom_hooks = [dict(type='MatchingStabilityHook', interval=185)]
