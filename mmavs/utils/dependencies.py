# Copyright (c) mmavs developers. All rights reserved.
"""Check at import that the required packages are there and new enough."""

import importlib
import re

# Import name -> (lowest version that works, distribution that the set-up installs).
REQUIRED = {
    'torch': ('2.1', 'torch'),
    'mmengine': ('0.10.4', 'onedl-mmengine'),
    'mmcv': ('2.0.0', 'onedl-mmcv'),
    'mmdet': ('3.3.0', 'onedl-mmdetection'),
    'mmseg': ('1.2.0', 'onedl-mmsegmentation'),
}


def version_tuple(version: str) -> tuple[int, ...]:
    """The release part of a version as integers, e.g. ``'2.11.0+cu130'`` -> ``(2, 11, 0)``."""
    release = re.match(r'\d+(\.\d+)*', version)
    if release is None:
        raise ValueError(f'"{version}" is no version number: expected digits separated by dots.')
    return tuple(int(part) for part in release.group().split('.'))


def check_dependencies(required: dict[str, tuple[str, str]] | None = None) -> None:
    """Raise one clear error for the first required package that is missing or too old.

    Args:
        required (dict, optional): Import name -> (lowest version, distribution). Defaults to
            ``REQUIRED``.

    Raises:
        ImportError: Names the package, what was found, what is needed and the command that mends
        it.
    """
    for name, (minimum, distribution) in (required or REQUIRED).items():
        remedy = (
            f'Mend it with: pip install "{distribution}>={minimum}", '
            'or all at once: bash tools/setup_env.sh'
        )
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ImportError(
                f'mmavs needs {name}>={minimum}, which is not installed. {remedy}'
            ) from error
        if version_tuple(module.__version__) < version_tuple(minimum):
            raise ImportError(
                f'mmavs needs {name}>={minimum}, found {module.__version__}. {remedy}'
            )
