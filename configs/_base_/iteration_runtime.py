# default_runtime.py for schedules that count iterations.
# Copyright (c) mmavs developers. All rights reserved.
default_scope = 'mmavs'

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=123)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The rule is said: mmengine infers none for most of our keys (avs/Fscore_dataset, say).
    checkpoint=dict(
        type='CheckpointHook',
        by_epoch=False,
        interval=1000,
        max_keep_ckpts=2,
        save_best='avs/mIoU',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # A resumed run draws the same dropout masks and augmentations as an uninterrupted one.
    iteration_seed=dict(type='IterationSeedHook'),
    visualization=dict(type='AVSVisualizationHook'),
)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='AVSLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'

load_from = None
resume = False
