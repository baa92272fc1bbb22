_base_ = [
    '../_base_/models/tpavi_r50.py',
    '../_base_/datasets/avsbench_s4_224x224.py',
    '../_base_/schedules/schedule_tpavi.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=4)
# The batch of the official test, over which its F is averaged.
test_evaluator = dict(f_batch_size=4)
