# A narrow baseline of CPM that learns the stereo of SynthAVS VPO-MSMI from nothing on one CPU core.
_base_ = [
    '../_base_/models/cpm-baseline_r18-tiny.py',
    '../_base_/datasets/synth_vpo_msmi_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    audio_encoder=dict(_delete_=True, type='AudioResNet', in_channels=2, base_channels=16),
    decode_head=dict(
        num_classes=22,
        criterion=dict(num_classes=22),
        audio_decoder=dict(in_channels=(16, 32, 64), first_stage=0),
    ),
)
val_evaluator = [
    dict(type='PerDatasetMetric', absent='skip'),
    dict(type='AVSSemanticMetric'),
    dict(type='ClassCoverageMetric'),
]
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=50, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=16, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=16, val_interval=4)
default_hooks = dict(
    checkpoint=dict(interval=4, save_best='per_dataset/mIoU'), logger=dict(interval=10)
)
custom_hooks = [dict(type='MatchingStabilityHook')]
auto_scale_lr = dict(enable=False, base_batch_size=16)
