# AVSBench-semantic (AVSS, 71 classes) at 512x512: the size of the best numbers of AVSegFormer's
# paper, whose released code has 224x224 only. Everything else is as in avss_224x224.py.
# Masks get the geometry of their frames, so the metric is computed at this size.
dataset_type = 'AVSBenchSemanticDataset'
data_root = 'data/avsbench/AVSS'

# A clip whose sound is cut short hears its last second again, hence on_short. (The official
# loader gives missing seconds zeros as log-mel, which is no silence.)
load_audio = dict(type='LoadClipAudio', sample_rate=16000, on_short='repeat_last')
# Frames keep their proportions in training, and lose what sticks out; in val and test they are
# squashed.
train_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='ResizeShortSide', length=512),
            dict(type='CenterCrop', crop_size=(512, 512)),
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
        transforms=[dict(type='Resize', scale=(512, 512), backend='pillow')],
    ),
    dict(type='PackAVSInputs'),
]

# label_source='rgb' decodes labels_rgb, as the official code does, instead of reading the ids of
# labels_semantic. Clips of v1s have a mask on their first frame only in training:
# frames='annotated' leaves the others out, see avsbench_s4_224x224.py.
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        frames='all',
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

# The official evaluation of TPAVI and AVSegFormer also counts the frames that pad clips of 5 to 10.
val_evaluator = dict(type='AVSSemanticMetric', count_padded_frames=True)
test_evaluator = val_evaluator
