# SynthAVS in the layout of AVSS, at the size that it is written. Write it with
# python tools/dataset_converters/synth_avs.py data/synth_avss --subset avss --image-size 96
#     --train 300 --val 30 --test 60
# Clips have 5 frames (v1s, in training with one mask; v1m) or 10 (v2). Two of those with a mask are
# drawn each time, so that a batch of few frames holds many clips.
dataset_type = 'AVSBenchSemanticDataset'
data_root = 'data/synth_avss/AVSS'

train_pipeline = [
    dict(type='RandomClipFrames', num_frames=2),
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
    batch_size=8,
    num_workers=1,
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

val_evaluator = dict(type='AVSSemanticMetric', count_padded_frames=True)
test_evaluator = val_evaluator
