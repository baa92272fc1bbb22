# A narrow COMBO that learns SynthAVS from nothing on two CPU cores. The data needs Maskiges:
# write it with --maskige.
_base_ = [
    '../_base_/models/combo_r18-tiny.py',
    '../_base_/datasets/synth_ms3_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]


load_maskiges = dict(type='LoadClipMaskiges')
# Two neighbours a clip, so that the consistency loss has a pair.
train_pipeline = [
    dict(type='RandomClipFrames', num_frames=2, consecutive=True),
    _base_.train_pipeline[1],
    load_maskiges,
    *_base_.train_pipeline[2:],
]
test_pipeline = [*_base_.test_pipeline[:1], load_maskiges, *_base_.test_pipeline[1:]]
maskiges = dict(maskige_path='ms3_data/pre_SAM_mask')
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline, data_prefix=maskiges))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, data_prefix=maskiges))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, data_prefix=maskiges))

optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=12, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=12, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=3), logger=dict(interval=20))
auto_scale_lr = dict(enable=False, base_batch_size=8)
