# The quickstart: a narrow AVSegFormer that learns SynthAVS from nothing on two CPU cores.
_base_ = [
    '../_base_/models/avsegformer_r18-tiny.py',
    '../_base_/datasets/synth_ms3_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(interval=6), logger=dict(interval=20))
auto_scale_lr = dict(enable=False, base_batch_size=16)
