# Copyright (c) mmavs developers. All rights reserved.
"""Sphinx configuration; docs/build.sh runs it on what docs/site/stage.py puts together."""

import re
from typing import Any

from mmcv.transforms.utils import cache_randomness

from mmavs import __version__

project = 'mmavs'
author = 'mmavs developers'
project_copyright = 'mmavs developers'
version = release = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
]
exclude_patterns = ['_build']
html_theme = 'sphinx_book_theme'
html_title = f'mmavs {version}'
html_static_path = ['_static']
html_css_files = ['site.css']

myst_heading_anchors = 4  # the anchors of GitHub, so that links work in both places

autodoc_typehints = 'none'  # the docstrings name the types
autodoc_default_options = {'undoc-members': False}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # or dataclasses would describe their fields twice

copybutton_exclude = '.linenos, .gp, .go'
linkcheck_timeout = 20
linkcheck_ignore = [r'http://localhost.*']

BIND = cache_randomness.__get__


def bind_or_self(descriptor: cache_randomness, instance: Any, owner: type | None = None) -> Any:
    """What mmcv's decorator is, looked up on a class, where it makes a weak reference to None."""
    return descriptor if instance is None else BIND(descriptor, instance, owner)


cache_randomness.__get__ = bind_or_self


def escape_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """``|a - b|`` in a docstring is a distance here, not a substitution of reStructuredText."""
    for number, line in enumerate(lines):
        parts = re.split(r'(``.*?``)', line)
        parts[::2] = [part.replace('|', r'\|') for part in parts[::2]]
        lines[number] = ''.join(parts)


def setup(app: Any) -> None:
    """Connect what is above to Sphinx."""
    app.connect('autodoc-process-docstring', escape_bars)
