# Copyright (c) mmavs developers. All rights reserved.
"""The pages of the API reference, from ``__all__`` of each package.

A name is described once, in the deepest package that lists it. The sources are read, not run, so
that a new module needs nothing here.
"""

import ast
from pathlib import Path

PAGES = {
    'apis': 'Train, test and segment from Python',
    'structures': 'What is passed on: clips and outputs',
    'datasets': 'Data sets and transforms',
    'models': 'Everything that a config builds into a model',
    'evaluation': 'Metrics: classes for configs, and the functions behind them',
    'engine': 'Hooks',
    'visualization': 'Pictures',
    'testing': 'SynthAVS, and helpers for tests',
    'converters': 'Official checkpoints, to mmavs and back',
}
PACKAGES_WITHOUT_PAGE = ('utils',)  # for our own use


def public_names(package: Path) -> list[str]:
    """``__all__`` of a package.

    Args:
        package (Path): Its folder.

    Returns:
        list[str]: Sorted names; empty if it has no ``__all__``.
    """
    tree = ast.parse((package / '__init__.py').read_text(encoding='utf-8'))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == '__all__':
            return sorted(ast.literal_eval(node.value), key=str.lower)
    return []


def packages_below(folder: Path) -> list[Path]:
    """The packages in a folder, itself first."""
    return sorted(path.parent for path in folder.rglob('__init__.py'))


def package_section(package: Path, root: Path, listed_below: set[str]) -> str:
    """The part of a page on one package.

    Args:
        package (Path): Its folder.
        root (Path): Folder of mmavs.
        listed_below (set[str]): Names that packages in it list, which are left out here.

    Returns:
        str: reStructuredText; empty where there is nothing to describe.
    """
    module = '.'.join(package.relative_to(root.parent).parts)
    names = [name for name in public_names(package) if name not in listed_below]
    if not names:
        return ''
    heading = f'{module}\n{"-" * len(module)}\n'
    members = ', '.join(names)
    return f'{heading}\n.. automodule:: {module}\n   :members: {members}\n   :show-inheritance:\n'


def api_page(name: str, title: str, root: Path) -> str:
    """One page: a room of the package with what is in it."""
    heading = f'mmavs.{name}'
    parts = [f'{heading}\n{"=" * len(heading)}\n\n{title}.\n']
    packages = packages_below(root / name)
    for package in packages:
        below = {
            listed
            for other in packages
            if package in other.parents
            for listed in public_names(other)
        }
        parts.append(package_section(package, root, below))
    return '\n'.join(part for part in parts if part)


def api_pages(root: Path) -> dict[Path, str]:
    """All pages of the reference.

    Args:
        root (Path): Folder of mmavs.

    Returns:
        dict[Path, str]: Text by path, relative to the root of the site.

    Raises:
        ValueError: If mmavs has a package that neither has a page nor is left out on purpose.
    """
    packages = {path.parent.name for path in root.glob('*/__init__.py')}
    unknown = packages - {*PAGES, *PACKAGES_WITHOUT_PAGE}
    if unknown:
        raise ValueError(
            f'mmavs has the packages {sorted(unknown)}, unknown to docs/site/api_pages.py: '
            'give them a line in PAGES, or leave them out in PACKAGES_WITHOUT_PAGE.'
        )
    pages = {Path('api', f'{name}.rst'): api_page(name, PAGES[name], root) for name in PAGES}
    entries = ''.join(f'   api/{name}\n' for name in PAGES)
    pages[Path('api.rst')] = (
        'API reference\n=============\n\n'
        'What ``__all__`` of each package lists. ``mmavs.utils`` is for our own use.\n\n'
        f'.. toctree::\n   :maxdepth: 1\n\n{entries}'
    )
    return pages
