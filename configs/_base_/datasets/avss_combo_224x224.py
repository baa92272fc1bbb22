# AVSBench-semantic (AVSS, 71 classes) at 224x224: data and augmentation of COMBO, with Maskiges.
# The official code crops and squashes the frames beforehand, here it is done when they are read.
dataset_type = 'AVSBenchSemanticDataset'
data_root = 'data/avsbench/AVSS'
maskiges = 'pre_SAM_mask/AVSBench_semantic'

# A clip whose sound is cut short hears its last second again, hence on_short.
load_audio = dict(type='LoadClipAudio', sample_rate=16000, on_short='repeat_last')
# Colours are drawn for each frame and each Maskige, as in the official code.
train_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMaskiges'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='ResizeShortSide', length=224),
            dict(type='CenterCrop', crop_size=(224, 224)),
        ],
    ),
    dict(
        type='ClipBroadcaster',
        transforms=[dict(type='ClipPhotoMetricDistortion')],
        share_random_params=False,
    ),
    dict(type='ClipBroadcaster', transforms=[dict(type='RandomFlip', prob=0.5)]),
    dict(type='PackAVSInputs'),
]
# Frames, Maskiges and masks are squashed to 224x224.
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMaskiges'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[dict(type='PillowResize', scale=(224, 224))],
    ),
    dict(type='PackAVSInputs'),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        data_prefix=dict(maskige_path=maskiges),
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
        data_prefix=dict(maskige_path=maskiges),
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
        data_prefix=dict(maskige_path=maskiges),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

# Padded frames are not counted, as in the official evaluation of COMBO and VCT.
val_evaluator = dict(type='AVSSemanticMetric', count_padded_frames=False)
test_evaluator = val_evaluator
