# An audio encoder to put in the place of a model's own, and what loads the sound for it:
# model = dict(audio_encoder=dict(_delete_=True, **_base_.htsat), ...)
# The authors' file has to be fetched by hand (docs/en/checkpoints.md).
htsat = dict(
    type='HTSAT',
    frozen=True,
    init_cfg=dict(type='Pretrained', checkpoint='data/pretrained/HTSAT_AudioSet_Saved_1.ckpt'),
)
load_seconds = dict(type='LoadClipAudio', sample_rate=32000, on_short='repeat_last', hears='second')
