# Copyright (c) mmavs developers. All rights reserved.
"""Build and install mmavs, with ``mmavs/.mim`` (configs, tools, model index) for mim.

``.mim`` is made by the setuptools commands themselves, because no list of command-line words
tells an editable install from another: pip drives both through the build backend.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent
MIM_PARTS = ('configs', 'tools', 'model-index.yml')


def read_version() -> str:
    """The version in mmavs/version.py, read without importing the package."""
    scope: dict = {}
    exec((ROOT / 'mmavs' / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


def read_requirements(*names: str) -> list[str]:
    """The requirements in ``requirements/<name>.txt``, without comments."""
    lines = [
        line.partition('#')[0].strip()
        for name in names
        for line in (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    ]
    return sorted({line for line in lines if line})


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def copy_mim_parts(target: Path) -> None:
    """Copy what mim needs into ``target``, replacing what is there."""
    remove(target)
    target.mkdir(parents=True)
    for part in MIM_PARTS:
        if (ROOT / part).is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '*.py[cod]')
            shutil.copytree(ROOT / part, target / part, ignore=ignore)
        else:
            shutil.copy2(ROOT / part, target / part)


def link_mim_parts(target: Path) -> None:
    """Link what mim needs into ``target``, so that edits are seen; copy where links cannot be."""
    remove(target)
    target.mkdir(parents=True)
    try:
        for part in MIM_PARTS:
            (target / part).symlink_to(Path('..', '..', part))
    except OSError:  # a file system or a Windows account without symbolic links
        copy_mim_parts(target)


class BuildPy(build_py):
    """Add ``.mim`` to what goes into a wheel."""

    def run(self) -> None:
        """Build the modules, then copy the parts for mim beside them."""
        super().run()
        if not getattr(self, 'editable_mode', False):
            copy_mim_parts(Path(self.build_lib) / 'mmavs' / '.mim')


class EditableWheel(editable_wheel):
    """Add ``.mim`` to the source tree of an editable install."""

    def run(self) -> None:
        """Link the parts for mim into the package, then make the editable wheel."""
        link_mim_parts(ROOT / 'mmavs' / '.mim')
        super().run()


setup(
    name='mmavs',
    version=read_version(),
    description='OpenMMLab toolbox and benchmark for audio-visual segmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='mmavs developers',
    license='Apache-2.0',
    keywords='computer vision, audio-visual segmentation, OpenMMLab',
    python_requires='>=3.10',
    packages=find_packages(include=['mmavs', 'mmavs.*']),
    include_package_data=False,
    install_requires=read_requirements('runtime'),
    extras_require={
        'all': read_requirements('mminstall', 'optional', 'runtime'),
        'docs': read_requirements('docs'),
        'mim': read_requirements('mminstall'),
        'optional': read_requirements('optional'),
        'tests': read_requirements('tests'),
    },
    cmdclass={'build_py': BuildPy, 'editable_wheel': EditableWheel},
    zip_safe=False,
)
