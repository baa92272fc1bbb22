# VCT with HTS-AT in the place of VGGish; no such model is in the paper.
_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/models/htsat.py',
    '../_base_/datasets/avsbench_ms3_maskige_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

model = dict(
    audio_encoder=dict(_delete_=True, **_base_.htsat),
    # 64 audio tokens a frame, the cells of the map, where VGGish has 24
    decode_head=dict(audio_mlp=dict(in_channels=768)),
)
train_pipeline = [
    *_base_.train_pipeline[:3],
    _base_.load_seconds,
    *_base_.train_pipeline[4:],
]
test_pipeline = [
    *_base_.test_pipeline[:3],
    _base_.load_seconds,
    *_base_.test_pipeline[4:],
]
train_dataloader = dict(
    batch_size=16, sampler=dict(type='InfiniteSampler'), dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=40000, by_epoch=False),
]
train_cfg = dict(max_iters=40000, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500))
auto_scale_lr = dict(base_batch_size=16)
