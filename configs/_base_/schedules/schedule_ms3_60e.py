# Copyright (c) mmavs developers. All rights reserved.
# AVSegFormer's official schedule for MS3: AdamW with torch's defaults, a constant learning rate,
# neither warm-up nor clipping, validation after every epoch.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-5, betas=(0.9, 0.999), weight_decay=0.01),
)
param_scheduler = []

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

custom_hooks = [dict(type='FreezeHook', modules=('backbone',), epochs=10)]

# 1 GPU x 2 clips
auto_scale_lr = dict(enable=False, base_batch_size=2)
