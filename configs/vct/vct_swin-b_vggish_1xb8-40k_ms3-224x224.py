_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/datasets/avsbench_ms3_maskige_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

swin_b = dict(
    type='SwinTransformer',
    embed_dims=128,
    depths=(2, 2, 18, 2),
    num_heads=(4, 8, 16, 32),
    window_size=7,
    drop_path_rate=0.3,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
        'swin_base_patch4_window7_224_22k.pth',
    ),
)
model = dict(
    backbone=dict(_delete_=True, **swin_b),
    maskige_backbone=dict(_delete_=True, **swin_b),
    maskige_gate=dict(channels=(128, 256, 512, 1024)),
    decode_head=dict(
        pixel_decoder=dict(in_channels=(128, 256, 512, 1024)),
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=40000, by_epoch=False),
]
train_cfg = dict(max_iters=40000, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500))
train_dataloader = dict(batch_size=8, sampler=dict(type='InfiniteSampler'))
