# AVSegFormer with HTS-AT in the place of VGGish; no such model is in the paper.
_base_ = [
    '../_base_/models/avsegformer_r50.py',
    '../_base_/models/htsat.py',
    '../_base_/datasets/avsbench_ms3_224x224.py',
    '../_base_/schedules/schedule_ms3_60e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    audio_encoder=dict(_delete_=True, **_base_.htsat),
    decode_head=dict(audio_channels=768),
)
train_pipeline = [
    *_base_.train_pipeline[:2],
    _base_.load_seconds,
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=train_pipeline))
