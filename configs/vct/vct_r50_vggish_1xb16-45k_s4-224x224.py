_base_ = [
    '../_base_/models/vct_r50.py',
    '../_base_/datasets/avsbench_s4_maskige_224x224.py',
    '../_base_/schedules/schedule_query.py',
    '../_base_/iteration_runtime.py',
]

model = dict(
    decode_head=dict(
        query_generator=dict(num_prototypes=23),
        loss_pac=dict(type='PrototypeAudioContrast', labels='category'),
    ),
)
train_dataloader = dict(
    batch_size=16,
    sampler=dict(type='InfiniteSampler'),
    dataset=dict(frames='annotated', categories='official'),
)
auto_scale_lr = dict(base_batch_size=16)
