# AVSS in small, to see that it trains: a narrow AVSegFormer, 71 classes of which SynthAVS draws 8.
_base_ = [
    '../_base_/models/avsegformer_r18-tiny.py',
    '../_base_/datasets/synth_avss_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    decode_head=dict(num_classes=71, loss_mask=dict(_delete_=True, type='SemanticMaskLoss'))
)
default_hooks = dict(checkpoint=dict(interval=6), logger=dict(interval=10))
auto_scale_lr = dict(enable=False, base_batch_size=8)
