# VPO-SS (one sounding instance a picture) at 512x512, as CAVP trains and tests it: random crops
# of 512x512 in training, pictures at their own size in the test.
dataset_type = 'VPODataset'
data_root = 'data'  # holds VPO/ and vggsound_bench/
setup = 'ss'

# Stereo: stereo=True in load_audio of all three data sets, for instance
# --cfg-options train_dataloader.dataset.pipeline.2.stereo=True, the same for val_dataloader and
# test_dataloader, and an audio encoder of two channels. FlipStereo leaves mono sound alone.
load_audio = dict(type='LoadMixedAudio', sample_rate=16000, seconds=3.0, stereo=False)
resize = dict(type='Resize', backend='pillow', interpolation='bicubic')  # masks by nearest
train_pipeline = [
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
                    [dict(scale_factor=0.5, **resize)],
                    [dict(scale_factor=0.75, **resize)],
                    [dict(scale_factor=1.0, **resize)],
                    [dict(scale_factor=1.25, **resize)],
                    [dict(scale_factor=1.5, **resize)],
                    [dict(scale_factor=1.75, **resize)],
                    [dict(scale_factor=2.0, **resize)],
                ],
            ),
            dict(type='ClipColorJitter', brightness=0.5, contrast=0.5, saturation=0.5, hue=0.25),
            # At the right and the bottom, where a side is below 512; ImageNet's mean colour.
            dict(type='Pad', size=(512, 512), pad_val=dict(img=(124, 116, 104), seg=255)),
            dict(type='mmseg.RandomCrop', crop_size=(512, 512)),
        ],
    ),
    dict(type='FlipStereo'),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadClipFrames'),
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
        setup=setup,
        data_root=data_root,
        split='train',
        pipeline=train_pipeline,
    ),
)
# There is no validation split: the official trainers validate on the test split.
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        setup=setup,
        data_root=data_root,
        split='test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='PerDatasetMetric')
test_evaluator = val_evaluator
