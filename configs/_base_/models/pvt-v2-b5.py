# A backbone to put in the place of a model's own:
# model = dict(backbone=dict(_delete_=True, **_base_.pvt_v2_b5), ...)
pvt_v2_b5 = dict(
    type='PVTv2',
    variant='b5',
    drop_path_rate=0.1,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b5.pth',
    ),
)
