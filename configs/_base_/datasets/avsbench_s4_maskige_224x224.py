# AVSBench-object, single source, at 224x224, the size of the release: data and
# augmentation of COMBO, with Maskiges (tools/dataset_converters/sam_masks2maskige.py).
dataset_type = 'AVSBenchS4Dataset'
data_root = 'data/avsbench/Single-source'

# A clip whose sound is cut short hears its last second again, hence on_short.
# To use log-mel features instead of the WAV files, convert them with
# tools/dataset_converters/logmel_pkl2npy.py and put dict(type='LoadClipLogMel') here.
load_audio = dict(type='LoadClipAudio', sample_rate=16000, on_short='repeat_last')
short_sides = [112, 134, 156, 179, 201, 224, 246, 268]
short_sides += [291, 313, 336, 358, 380, 403, 425, 448]
# Geometry is drawn once for the clip and its Maskiges, colours for each frame and each Maskige, as
# in the official code (share_random_params=True would share them). Resized Maskiges blend their
# colours, as there.
train_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMaskiges'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(
                type='RandomChoiceResize',
                scales=[(896, side) for side in short_sides],
                keep_ratio=True,
                backend='pillow',
            ),
            dict(type='mmseg.RandomCrop', crop_size=(224, 224)),
        ],
    ),
    dict(
        type='ClipBroadcaster',
        transforms=[dict(type='ClipPhotoMetricDistortion')],
        share_random_params=False,
    ),
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='RandomFlip', prob=0.5),
            dict(type='Pad', size=(224, 224), pad_val=dict(img=128, seg=255)),
        ],
    ),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMaskiges'),
    dict(type='LoadClipMasks'),
    load_audio,
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
        data_prefix=dict(maskige_path='s4_data/pre_SAM_mask'),
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
        data_prefix=dict(maskige_path='s4_data/pre_SAM_mask'),
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
        data_prefix=dict(maskige_path='s4_data/pre_SAM_mask'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

# The published F-score is a mean over batches: f_batch_size is the official evaluation's batch.
val_evaluator = dict(type='AVSBenchMetric', f_batch_size=1)
test_evaluator = val_evaluator
