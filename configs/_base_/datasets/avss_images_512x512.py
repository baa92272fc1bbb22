# AVSS (71 classes) at the size of its frames for models of images, as CAVP trains: one random
# annotated frame of a clip, crops of 512x512; tested on whole frames. CAVP validates on the test
# split, this file on the val split.
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
            dict(
                type='RandomChoice',
                transforms=[
                    [dict(type='Resize', scale_factor=0.5, **resize)],
                    [dict(type='Resize', scale_factor=0.75, **resize)],
                    [dict(type='Resize', scale_factor=1.0, **resize)],
                ],
            ),
            # At the right and the bottom, where a side is below 512; ImageNet's mean colour.
            dict(type='Pad', size=(512, 512), pad_val=dict(img=(124, 116, 104), seg=255)),
            dict(type='mmseg.RandomCrop', crop_size=(512, 512)),
        ],
    ),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
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
