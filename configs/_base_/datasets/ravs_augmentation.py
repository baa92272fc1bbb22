# What comes behind loading in the pipelines of RAVS at 224x224: DDESeg's augmentation, with one
# draw for all frames of a clip, and frames squashed to the size.
ravs_augmentation = [
    dict(type='RandomObjectCrop', ratio=(0.75, 1.33), min_kept=0.6),
    dict(
        type='ClipBroadcaster',
        transforms=[
            dict(type='PillowResize', scale=(224, 224)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='ClipColorJitter', brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
        ],
    ),
    dict(type='PackAVSInputs'),
]
ravs_resize = [
    dict(type='ClipBroadcaster', transforms=[dict(type='PillowResize', scale=(224, 224))]),
    dict(type='PackAVSInputs'),
]
