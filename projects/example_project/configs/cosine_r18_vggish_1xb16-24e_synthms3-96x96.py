# CosineHead on SynthAVS: encoders, data, schedule and runtime are those of mmavs.
_base_ = [
    '../../../configs/_base_/models/avsegformer_r18-tiny.py',
    '../../../configs/_base_/datasets/synth_ms3_96x96.py',
    '../../../configs/_base_/schedules/schedule_synth_24e.py',
    '../../../configs/_base_/default_runtime.py',
]
custom_imports = dict(imports=['avs_example'], allow_failed_imports=False)

model = dict(
    decode_head=dict(
        _delete_=True,
        type='CosineHead',
        in_channels=(16, 32, 64, 128),
        audio_channels=128,
    ),
)
default_hooks = dict(checkpoint=dict(interval=6), logger=dict(interval=20))
auto_scale_lr = dict(enable=False, base_batch_size=16)
