# Three seconds of stereo, which a ResNet-18 of two channels hears.
_base_ = [
    '../_base_/models/cpm_r50.py',
    '../_base_/datasets/vpo_ms_512x512.py',
    '../_base_/schedules/schedule_cpm.py',
    '../_base_/default_runtime.py',
]

resnet18 = 'https://download.pytorch.org/models/resnet18-f37072fd.pth'
model = dict(
    warmup_iters=524,
    audio_encoder=dict(
        _delete_=True,
        type='AudioResNet',
        in_channels=2,
        init_cfg=dict(type='Pretrained', checkpoint=resnet18),
    ),
    decode_head=dict(
        num_classes=22,
        criterion=dict(num_classes=22),
        audio_decoder=dict(in_channels=(64, 128, 256), first_stage=0),
    ),
)

load_audio = dict(type='LoadMixedAudio', sample_rate=16000, seconds=3.0, stereo=True)
train_pipeline = [*_base_.train_pipeline[:2], load_audio, *_base_.train_pipeline[3:]]
test_pipeline = [*_base_.test_pipeline[:2], load_audio, *_base_.test_pipeline[3:]]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = [dict(type='PerDatasetMetric'), dict(type='ClassCoverageMetric')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(interval=5, save_best='per_dataset/mIoU'))
