_base_ = [
    '../_base_/models/tpavi_r50.py',
    '../_base_/models/pvt-v2-b5.py',
    '../_base_/datasets/avss_224x224.py',
    '../_base_/schedules/schedule_tpavi.py',
    '../_base_/default_runtime.py',
]

model = dict(
    # Clips of 5 frames are padded to 10, and the batch norms of the blocks see the padded frames.
    data_preprocessor=dict(min_frames=10),
    backbone=dict(_delete_=True, **_base_.pvt_v2_b5),
    decode_head=dict(
        in_channels=(64, 128, 320, 512),
        num_classes=71,
        fusion=dict(audio_bias=False),
        loss_mask=dict(_delete_=True, type='SemanticMaskLoss'),
        loss_avm=dict(
            type='AudioVisualMappingLoss', loss_weight=0.5, mask='classes', reduction='mean'
        ),
    ),
    train_cfg=dict(compute_padded_frames=True),
)
# From the sixteenth epoch on, every second one.
train_cfg = dict(max_epochs=60, val_begin=16, val_interval=2)
train_dataloader = dict(batch_size=4)
val_dataloader = dict(batch_size=4)
test_dataloader = dict(batch_size=4)
