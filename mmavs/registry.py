# Copyright (c) mmavs developers. All rights reserved.
"""The registries of mmavs: siblings of mmseg's and mmdet's nodes under the roots of mmengine.

A type without a prefix is looked up here and then in mmengine's root (where mmcv registers too).
Parts of other packages carry their scope: ``mmseg.ResNet``, ``mmdet.DiceLoss``. ``locations`` lets
a registry import the package that fills it at the first look-up, so nothing has to be registered
by hand.
"""

from mmengine import registry as root
from mmengine.registry import Registry


def _node(name: str, parent: Registry, package: str) -> Registry:
    return Registry(name, parent=parent, scope='mmavs', locations=[f'mmavs.{package}'])


RUNNERS = _node('runner', root.RUNNERS, 'engine')
RUNNER_CONSTRUCTORS = _node('runner constructor', root.RUNNER_CONSTRUCTORS, 'engine')
LOOPS = _node('loop', root.LOOPS, 'engine')
HOOKS = _node('hook', root.HOOKS, 'engine')
LOG_PROCESSORS = _node('log_processor', root.LOG_PROCESSORS, 'engine')
OPTIMIZERS = _node('optimizer', root.OPTIMIZERS, 'engine')
OPTIM_WRAPPERS = _node('optim_wrapper', root.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _node(
    'optimizer wrapper constructor', root.OPTIM_WRAPPER_CONSTRUCTORS, 'engine'
)
PARAM_SCHEDULERS = _node('parameter scheduler', root.PARAM_SCHEDULERS, 'engine')
DATASETS = _node('dataset', root.DATASETS, 'datasets')
DATA_SAMPLERS = _node('data sampler', root.DATA_SAMPLERS, 'datasets')
TRANSFORMS = _node('transform', root.TRANSFORMS, 'datasets')
MODELS = _node('model', root.MODELS, 'models')
MODEL_WRAPPERS = _node('model_wrapper', root.MODEL_WRAPPERS, 'models')
WEIGHT_INITIALIZERS = _node('weight initializer', root.WEIGHT_INITIALIZERS, 'models')
TASK_UTILS = _node('task util', root.TASK_UTILS, 'models')
METRICS = _node('metric', root.METRICS, 'evaluation')
EVALUATOR = _node('evaluator', root.EVALUATOR, 'evaluation')
VISUALIZERS = _node('visualizer', root.VISUALIZERS, 'visualization')
VISBACKENDS = _node('vis_backend', root.VISBACKENDS, 'visualization')
INFERENCERS = _node('inferencer', root.INFERENCERS, 'apis')

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'EVALUATOR',
    'HOOKS',
    'INFERENCERS',
    'LOG_PROCESSORS',
    'LOOPS',
    'METRICS',
    'MODELS',
    'MODEL_WRAPPERS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PARAM_SCHEDULERS',
    'RUNNERS',
    'RUNNER_CONSTRUCTORS',
    'TASK_UTILS',
    'TRANSFORMS',
    'VISBACKENDS',
    'VISUALIZERS',
    'WEIGHT_INITIALIZERS',
]
