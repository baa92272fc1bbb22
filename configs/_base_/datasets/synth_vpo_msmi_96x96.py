# SynthAVS in the layout of VPO, the part MSMI: of two objects of one class one or both sound, and
# only stereo tells which. Write it with
# python tools/dataset_converters/synth_avs.py data/synth_vpo --subset vpo --image-size 96
#     --train 1200 --test 240
# A third of the pictures is MSMI's own, and half as many of MS are listed there too.
dataset_type = 'VPODataset'
data_root = 'data/synth_vpo/vpo'
setup = 'msmi'

load_audio = dict(type='LoadMixedAudio', sample_rate=16000, seconds=3.0, stereo=True)
train_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='PillowResize', scale=(96, 96)),
            dict(type='RandomFlip', prob=0.5),
        ],
    ),
    dict(type='FlipStereo'),
    dict(type='PackAVSInputs'),
]
test_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
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
    dataset=dict(
        type=dataset_type,
        setup=setup,
        data_root=data_root,
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
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
