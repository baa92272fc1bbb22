# RAVS prints no training settings; these are those of DDESeg, the code of its first author: AdamW,
# no weight decay on biases, norms and other 1-D parameters, two epochs of warm-up, cosine to 4e-5,
# no clipping.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=4e-5, begin=2, end=150, convert_to_iter_based=True),
]

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=150, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# 1 GPU x 8 clips of 5 frames: DDESeg has 50 frames a GPU. Other clips: leaves set their own.
auto_scale_lr = dict(enable=False, base_batch_size=8)
