# Copyright (c) mmavs developers. All rights reserved.
custom_imports = dict(imports=['toy_task'], allow_failed_imports=False)
default_scope = 'mmavs'

model = dict(type='ToyModel')
loader = dict(
    batch_size=2,
    num_workers=0,
    dataset=dict(type='ToyDataset'),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
train_dataloader = loader
val_dataloader = loader
test_dataloader = loader
val_evaluator = dict(type='ToyMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=2)

default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='toy/error', rule='less'),
)
log_level = 'WARNING'
randomness = dict(seed=0)
