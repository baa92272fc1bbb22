# A narrow baseline of CPM that learns SynthAVS from nothing on one CPU core.
_base_ = [
    '../_base_/models/cpm-baseline_r18-tiny.py',
    '../_base_/datasets/synth_avss_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]

# One frame of each clip in a step, as the model is one of images.
train_pipeline = [dict(type='RandomClipFrames', num_frames=1), *_base_.train_pipeline[1:]]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_evaluator = [
    dict(type='PerDatasetMetric', absent='skip'),
    dict(type='AVSSemanticMetric', count_padded_frames=True),
    dict(type='ClassCoverageMetric'),
]
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=50, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=48, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=48, val_interval=12)
default_hooks = dict(
    checkpoint=dict(interval=12, save_best='per_dataset/mIoU'), logger=dict(interval=10)
)
custom_hooks = [dict(type='MatchingStabilityHook')]
auto_scale_lr = dict(enable=False, base_batch_size=16)
