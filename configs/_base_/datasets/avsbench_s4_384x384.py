# AVSBench-object, single source, at 384x384: data and augmentation of VCT, with Maskiges.
# tools/dataset_converters/avss_fixed_size.py makes the frames and masks from AVSBench-semantic,
# sam_masks2maskige.py the Maskiges; the sound is that of S4.
dataset_type = 'AVSBenchS4Dataset'
data_root = 'data/avsbench/Single-source'

# A clip whose sound is cut short hears its last second again, hence on_short.
# To use log-mel features instead of the WAV files, convert them with
# tools/dataset_converters/logmel_pkl2npy.py and put dict(type='LoadClipLogMel') here.
load_audio = dict(type='LoadClipAudio', sample_rate=16000, on_short='repeat_last')
short_sides = [192, 230, 268, 307, 345, 384, 422, 460]
short_sides += [499, 537, 576, 614, 652, 691, 729, 768]
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
            dict(type='mmseg.RandomCrop', crop_size=(384, 384)),
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
            dict(type='Pad', size=(384, 384), pad_val=dict(img=128, seg=255)),
        ],
    ),
    dict(type='PackAVSInputs'),
]
# Frames of 384x384 and masks of 224x224, both as they are stored: the prediction is resized.
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMaskiges'),
    dict(type='LoadClipMasks', same_size=False),
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
        data_prefix=dict(
            img_path='s4_data_384/visual_frames_384',
            mask_path='s4_data_384/gt_masks_384',
            maskige_path='s4_data_384/pre_SAM_mask_384',
        ),
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
        data_prefix=dict(
            img_path='s4_data_384/visual_frames_384',
            mask_path='s4_data_384/gt_masks_224',
            maskige_path='s4_data_384/pre_SAM_mask_384',
        ),
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
        data_prefix=dict(
            img_path='s4_data_384/visual_frames_384',
            mask_path='s4_data_384/gt_masks_224',
            maskige_path='s4_data_384/pre_SAM_mask_384',
        ),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

# The published F-score is a mean over batches: f_batch_size is the official evaluation's batch.
val_evaluator = dict(type='AVSBenchMetric', f_batch_size=1)
test_evaluator = val_evaluator
