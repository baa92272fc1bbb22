_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/datasets/avsbench_s4_384x384.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

pvt_v2_b5 = dict(
    type='PVTv2',
    variant='b5',
    drop_path_rate=0.1,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b5.pth',
    ),
)
model = dict(
    backbone=dict(_delete_=True, **pvt_v2_b5),
    maskige_backbone=dict(_delete_=True, **pvt_v2_b5),
    maskige_gate=dict(channels=(64, 128, 320, 512)),
    decode_head=dict(
        pixel_decoder=dict(in_channels=(64, 128, 320, 512)),
        query_generator=dict(image_size=384, num_prototypes=23),
        loss_pac=dict(type='PrototypeAudioContrast', labels='category'),
    ),
)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(type='InfiniteSampler'),
    dataset=dict(frames='annotated', categories='official'),
)
