# Copyright (c) mmavs developers. All rights reserved.
from mmavs.utils.weights import CheckpointMismatchError

from .avs_inferencer import AVSInferencer
from .inference import inference_model, init_model

__all__ = ['AVSInferencer', 'CheckpointMismatchError', 'inference_model', 'init_model']
