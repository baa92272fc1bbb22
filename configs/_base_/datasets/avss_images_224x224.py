# AVSS (71 classes) at 224x224 for models of images, as CAVP trains: one random annotated frame of a
# clip, squashed to the size, mirrored half of the time. It validates on the test split; so does
# this file, on the val split.
dataset_type = 'AVSBenchSemanticDataset'
data_root = 'data/avsbench/AVSS'

load_audio = dict(type='LoadClipAudio', sample_rate=16000, on_short='repeat_last')
resize = dict(backend='pillow', interpolation='bicubic')  # masks by nearest
train_pipeline = [
    dict(type='RandomClipFrames', num_frames=1),
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='RandomFlip', prob=0.5),
            dict(type='Resize', scale=(224, 224), **resize),
        ],
    ),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[dict(type='Resize', scale=(224, 224), **resize)],
    ),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        frames='annotated',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
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
    batch_size=1,
    num_workers=4,
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

val_evaluator = [dict(type='PerDatasetMetric'), dict(type='ClassCoverageMetric')]
test_evaluator = val_evaluator
