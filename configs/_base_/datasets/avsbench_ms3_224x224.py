# AVSBench-object, multiple sources, at 224x224: the paper's size. The files have it already, Resize
# is there for data that do not.
# No augmentation, as in every official config. Masks are resized with their frames, so the metric
# is computed at this size, as the official test scripts do.
dataset_type = 'AVSBenchMS3Dataset'
data_root = 'data/avsbench/Multi-sources'

# The official script repeats the last second of sound where a clip is cut short, hence on_short.
# To use the official log-mel features instead of the WAV files, convert them with
# tools/dataset_converters/logmel_pkl2npy.py and put dict(type='LoadClipLogMel') here.
load_audio = dict(type='LoadClipAudio', sample_rate=16000, on_short='repeat_last')
train_pipeline = [
    dict(type='LoadClipFrames'),
    dict(type='LoadClipMasks'),
    load_audio,
    dict(
        type='ClipBroadcaster',
        transforms=[dict(type='PillowResize', scale=(224, 224))],
    ),
    dict(type='PackAVSInputs'),
]
test_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
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

# The published F-score is a mean over batches: f_batch_size is the batch of AVSegFormer's
# evaluation (TPAVI's is 4; tools/test.py --protocol all reports both).
val_evaluator = dict(type='AVSBenchMetric', f_batch_size=2)
test_evaluator = val_evaluator
