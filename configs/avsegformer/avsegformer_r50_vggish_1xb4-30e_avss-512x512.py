_base_ = [
    '../_base_/models/avsegformer_r50.py',
    '../_base_/datasets/avss_512x512.py',
    '../_base_/schedules/schedule_avss_30e.py',
    '../_base_/default_runtime.py',
]

# The official loader pads every clip to 10 frames, and the padding passes the batch norms.
model = dict(
    data_preprocessor=dict(min_frames=10),
    train_cfg=dict(compute_padded_frames=True),
    decode_head=dict(num_classes=71, loss_mask=dict(_delete_=True, type='SemanticMaskLoss')),
)
