# Copyright (c) mmavs developers. All rights reserved.
"""Train without some modules for the first epochs."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmavs.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Give modules no gradient for the first epochs.

    The modules stay in train mode: batch norms use and update batch statistics, drop-path is
    active, as in the official AVSegFormer training (sheet section 6). Their parameters have no
    gradient at all, so the optimizer neither moves nor decays them. What is frozen follows from the
    epoch, so a resumed run continues as an uninterrupted one.

    A distributed wrapper fixes at its construction which parameters it synchronises; it is made
    anew when that changes, so ``find_unused_parameters`` can stay False.

    Args:
        modules (Sequence[str]): Names of submodules, e.g. ``('backbone',)``.
        epochs (int): Number of epochs that they stay frozen.
    """

    priority = 'VERY_HIGH'

    def __init__(self, modules: Sequence[str], epochs: int) -> None:
        if isinstance(modules, str):
            raise TypeError(f'modules must be a sequence of names, got the string "{modules}".')
        self.modules = tuple(modules)
        self.epochs = epochs
        self._trained_before: dict[str, list[nn.Parameter]] | None = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Freeze or release the modules where this epoch differs from the last one."""
        wrapped = is_model_wrapper(runner.model)
        model = runner.model.module if wrapped else runner.model
        if self._trained_before is None:
            self._trained_before = self._trainable_parameters(model)
        train = runner.epoch >= self.epochs
        changed = False
        for name, parameters in self._trained_before.items():
            if parameters and parameters[0].requires_grad is not train:
                changed = True
                runner.logger.info(f'{"Train" if train else "Freeze"} "{name}" from this epoch on.')
            for parameter in parameters:
                parameter.requires_grad_(train)
        if changed and wrapped:
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)

    def _trainable_parameters(self, model: nn.Module) -> dict[str, list[nn.Parameter]]:
        names = dict(model.named_modules())
        missing = [name for name in self.modules if name not in names]
        if missing:
            raise ValueError(
                f'FreezeHook: the model has no module {missing}; its parts are '
                f'{[name for name, _ in model.named_children()]}.'
            )
        return {
            name: [p for p in names[name].parameters() if p.requires_grad] for name in self.modules
        }
