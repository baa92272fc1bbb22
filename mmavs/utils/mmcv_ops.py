# Copyright (c) mmavs developers. All rights reserved.
"""Make mmcv usable without its compiled operators.

``mmdet.models`` and ``mmcv.ops`` need the extension module ``mmcv._ext`` at import. An mmcv that
was built with no torch in sight does not have it. mmavs needs none of these operators to train,
test or run, so where the extension is missing a placeholder takes its place: everything imports,
and only a *call* of a missing operator raises, with the command that installs the compiled build.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

EXT_NAME = 'mmcv._ext'
INSTALL_COMMAND = 'bash tools/setup_env.sh --with-ops'


class MissingOpError(RuntimeError):
    """An operator of ``mmcv._ext`` was called that this installation of mmcv does not have."""


class MMCVExtPlaceholder(ModuleType):
    """Stands in for ``mmcv._ext``: each public attribute raises when it is called."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # mmengine looks for the extension with find_spec, which refuses a module without a spec.
        self.__spec__ = ModuleSpec(name, loader=None)

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing_op(*args: Any, **kwargs: Any) -> NoReturn:
            raise MissingOpError(
                f'mmcv was installed without its compiled operators, so "{name}" is not there. '
                f'Compile them with: {INSTALL_COMMAND}'
            )

        missing_op.__name__ = name
        return missing_op


def ensure_mmcv_ext() -> bool:
    """Import ``mmcv._ext``, or put the placeholder where it is missing.

    Returns:
        bool: True if the compiled extension is there, False if the placeholder is.

    Raises:
        ImportError: If the extension is there but does not load, as when it was built for another
        torch.
    """
    module = sys.modules.get(EXT_NAME)
    if module is None:
        if importlib.util.find_spec(EXT_NAME) is None:
            module = sys.modules[EXT_NAME] = MMCVExtPlaceholder(EXT_NAME)
        else:
            module = _import_compiled_ext()
    return not isinstance(module, MMCVExtPlaceholder)


def has_compiled_ops() -> bool:
    """Whether the compiled operators of mmcv can be called (they may still lack CUDA kernels)."""
    return ensure_mmcv_ext()


def _import_compiled_ext() -> ModuleType:
    import torch  # its libraries must be loaded before an extension that links to them

    try:
        return importlib.import_module(EXT_NAME)
    except ImportError as error:
        raise ImportError(
            f'The compiled operators of mmcv do not load with torch {torch.__version__}: {error}. '
            'They were most likely built for another torch. Rebuild them for this one with: '
            f'{INSTALL_COMMAND}, or remove them with: '
            'pip uninstall onedl-mmcv && bash tools/setup_env.sh'
        ) from error
