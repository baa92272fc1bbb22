# A narrow VCT that learns SynthAVS from nothing on two CPU cores. The data needs Maskiges:
# write it with --maskige.
_base_ = [
    '../_base_/models/vct_r18-tiny.py',
    '../_base_/datasets/synth_avss_96x96.py',
    '../_base_/schedules/schedule_synth_24e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    decode_head=dict(
        num_classes=71,
        criterion=dict(num_classes=71),
        query_generator=dict(num_prototypes=71),
        loss_pac=dict(type='PrototypeAudioContrast', embed_dims=32, labels='classes'),
    )
)

load_maskiges = dict(type='LoadClipMaskiges')
train_pipeline = [*_base_.train_pipeline[:2], load_maskiges, *_base_.train_pipeline[2:]]
test_pipeline = [*_base_.test_pipeline[:1], load_maskiges, *_base_.test_pipeline[1:]]
maskiges = dict(maskige_path='pre_SAM_mask/AVSBench_semantic')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, data_prefix=maskiges))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, data_prefix=maskiges))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, data_prefix=maskiges))

optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
default_hooks = dict(checkpoint=dict(interval=6), logger=dict(interval=20))
auto_scale_lr = dict(enable=False, base_batch_size=8)
