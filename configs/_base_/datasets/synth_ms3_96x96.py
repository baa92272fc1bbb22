# SynthAVS in the layout of MS3, at the size that it is written. Write it with
# python tools/dataset_converters/synth_avs.py data/synth_ms3 --subset ms3 --image-size 96
#     --train 400 --val 40 --test 80
dataset_type = 'AVSBenchMS3Dataset'
data_root = 'data/synth_ms3/Multi-sources'

train_pipeline = [
    dict(type='RandomClipFrames', num_frames=1),
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    dict(type='LoadClipAudio', sample_rate=16000),
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='PillowResize', scale=(96, 96)),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    dict(type='LoadClipAudio', sample_rate=16000),
    dict(
        type='ClipBroadcaster',
        transforms=[dict(type='PillowResize', scale=(96, 96))],
    ),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

val_evaluator = dict(type='AVSBenchMetric', f_batch_size=2)
test_evaluator = val_evaluator
