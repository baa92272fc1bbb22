# TPAVI's official schedule: Adam at a constant learning rate, no weight decay, neither warm-up nor
# clipping, validation after every epoch. 15 epochs are those of S4; MS3 and AVSS set their own.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = []

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=15, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# 1 GPU x 4 clips
auto_scale_lr = dict(enable=False, base_batch_size=4)
