_base_ = [
    '../_base_/models/avsegformer_r50.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avss_512x512.py',
    '../_base_/schedules/schedule_avss_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
    decode_head=dict(
        num_classes=71,
        pixel_decoder=dict(in_channels=(64, 128, 320, 512)),
        loss_mask=dict(_delete_=True, type='SemanticMaskLoss'),
    ),
)
# No batch norms here: neither padding nor the frames of v1s that have no mask are computed.
train_dataloader = dict(dataset=dict(frames='annotated'))
