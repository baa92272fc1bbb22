# Copyright (c) mmavs developers. All rights reserved.
from .avs_inferencer import AVSInferencer
from .inference import CheckpointMismatchError, inference_model, init_model

__all__ = ['AVSInferencer', 'CheckpointMismatchError', 'inference_model', 'init_model']
