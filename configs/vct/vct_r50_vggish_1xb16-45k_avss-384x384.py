_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/datasets/avss_384x384.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

model = dict(
    decode_head=dict(
        num_classes=71,
        criterion=dict(num_classes=71),
        query_generator=dict(image_size=384, num_prototypes=71),
        loss_pac=dict(type='PrototypeAudioContrast', labels='classes'),
    ),
)
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')
train_cfg = dict(val_interval=2500)
default_hooks = dict(checkpoint=dict(interval=2500))
train_dataloader = dict(
    batch_size=16, sampler=dict(type='InfiniteSampler'), dataset=dict(frames='annotated')
)
auto_scale_lr = dict(base_batch_size=16)
