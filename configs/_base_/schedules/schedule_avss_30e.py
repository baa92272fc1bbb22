# Copyright (c) mmavs developers. All rights reserved.
# AVSegFormer's official schedule for AVSS: AdamW with torch's defaults, a constant learning rate,
# neither warm-up nor clipping, nothing frozen but VGGish.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-5, betas=(0.9, 0.999), weight_decay=0.01),
)
param_scheduler = []

# The official code validates after epochs 11, 13, ..., 29, counted from 1. mmengine validates after
# multiples of the interval, and after the last epoch: 12, 14, ..., 30.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_begin=11, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# 1 GPU x 4 clips
auto_scale_lr = dict(enable=False, base_batch_size=4)
