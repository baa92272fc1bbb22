# Copyright (c) mmavs developers. All rights reserved.
"""Models by their name in ``model-index.yml``."""

from pathlib import Path

from mmengine.config import Config
from mmengine.infer import BaseInferencer


def zoo_model(name: str, scope: str, weights: str | None = None) -> tuple[Config, str]:
    """The config and the weights of a name in the model zoo.

    Args:
        name (str): Name or alias, in any case.
        scope (str): Package, e.g. ``'mmavs'``.
        weights (str, optional): Checkpoint that the user gives. Defaults to None: the published.

    Returns:
        tuple[Config, str]: Config and checkpoint.

    Raises:
        ValueError: If there is no such model, or no weights of it are published.
    """
    folder = BaseInferencer._get_repo_or_mim_dir(scope)
    for entry in BaseInferencer._get_models_from_metafile(folder):
        aliases = entry.get('Alias') or []
        names = [entry['Name'], *([aliases] if isinstance(aliases, str) else aliases)]
        if name.lower() in (known.lower() for known in names):
            break
    else:
        raise ValueError(f'{name}: no such config file, and no such model in {scope}.')
    published = entry.get('Weights')
    published = published[0] if isinstance(published, list) else published
    if weights is None and published is None:
        raise ValueError(
            f'No weights of {name} are published: give weights=<checkpoint>, of your own training '
            'or converted by tools/model_converters/official2mmavs.py.'
        )
    return Config.fromfile(Path(folder, entry['Config'])), weights or published
