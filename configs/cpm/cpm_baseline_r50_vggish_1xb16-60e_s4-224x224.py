_base_ = [
    '../_base_/models/cpm-baseline_r50.py',
    '../_base_/datasets/avsbench_s4_224x224.py',
    '../_base_/schedules/schedule_cpm.py',
    '../_base_/default_runtime.py',
]

model = dict(
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
    dataset=dict(frames='annotated', pipeline=train_pipeline),
)
val_evaluator = [
    dict(type='PerDatasetMetric'),
    dict(type='AVSBenchMetric', f_batch_size=2),
    dict(type='ClassCoverageMetric'),
]
test_evaluator = val_evaluator
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, end=60, by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=60)
default_hooks = dict(checkpoint=dict(interval=5, save_best='per_dataset/mIoU'))
