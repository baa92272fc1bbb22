# A narrow AQFormer that learns SynthAVS from nothing on a CPU core.
_base_ = [
    '../_base_/models/aqformer_r18-tiny.py',
    '../_base_/datasets/synth_ms3_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]

# Frames of a clip see each other, so clips are whole (the base config trains on single frames).
train_pipeline = _base_.train_pipeline[1:]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))

param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=8, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=8, val_interval=4)
default_hooks = dict(checkpoint=dict(interval=4), logger=dict(interval=50))
auto_scale_lr = dict(enable=False, base_batch_size=4)
