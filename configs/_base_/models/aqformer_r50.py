# AQFormer (S4, MS3), ResNet-50 at 224x224. The paper's settings; what it leaves open is listed in
# configs/aqformer/README.md.
vggish = 'https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth'
# The paper's ResNet-50 was trained on COCO: here that of mmdet's Mask2Former.
coco = (
    'https://download.openmmlab.com/mmdetection/v3.0/mask2former/mask2former_r50_8xb2-lsj-50e_coco/'
    'mask2former_r50_8xb2-lsj-50e_coco_20220506_191028-41b088b6.pth'
)
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(
        type='AVSDataPreprocessor',
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        size_divisor=32,
    ),
    backbone=dict(
        type='mmseg.ResNet',
        depth=50,
        style='pytorch',
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint=coco, prefix='backbone.'),
    ),
    audio_encoder=dict(
        type='VGGish', frozen=True, init_cfg=dict(type='Pretrained', checkpoint=vggish)
    ),
    decode_head=dict(
        type='AQFormerHead',
        embed_dims=256,
        pixel_decoder=dict(
            type='AQFormerPixelDecoder',
            in_channels=(256, 512, 1024, 2048),
            embed_dims=256,
            encoder=dict(
                num_layers=6,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=256, num_heads=8, num_levels=3, num_points=4, dropout=0.0
                    ),
                    ffn_cfg=dict(embed_dims=256, feedforward_channels=1024, ffn_drop=0.0),
                ),
            ),
            audio_fusion=dict(
                type='AudioLevelFusion',
                mode='add',
                audio_channels=128,
                embed_dims=256,
                key_channels=256,
            ),
        ),
        bridge=dict(
            type='AudioBridge',
            embed_dims=256,
            audio_channels=128,
            bridge_channels=256,
            num_heads=8,
        ),
        bridge_scales=('s32', 's16', 's8', 's4'),
        query_generator=dict(
            type='FrameQueryGenerator', source='audio', audio_channels=128, embed_dims=256
        ),
        decoder=dict(
            type='ClipQueryDecoder',
            reads=('s32', 's16', 's8'),
            num_stages=3,
            embed_dims=256,
            num_heads=8,
            feedforward_channels=2048,
        ),
        loss_sim=dict(type='AudioVisualSimilarity', loss_weight=1.0),
    ),
    test_cfg=dict(threshold=0.5),
)
