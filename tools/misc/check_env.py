# Copyright (c) mmavs developers. All rights reserved.
"""Say what an environment lacks of the stack that mmavs pins, one line each; silent if nothing.

It reads package metadata and imports nothing heavy, so it takes a fraction of a second.
``tools/setup_env.sh`` asks it what is left to do.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

ROOT = Path(__file__).resolve().parents[2]
MIM_PARTS = ('configs', 'tools/train.py', 'model-index.yml')
QT_BUILDS = ('opencv-python', 'opencv-contrib-python')


def read_requirements(path: Path) -> list[str]:
    """The requirement lines of a file, without comments."""
    lines = (line.partition('#')[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def unmet_requirements(lines: list[str]) -> list[str]:
    """What of these requirements is not installed, or at another version.

    A local version counts as its public one: ``2.11.0+cpu`` meets ``==2.11.0``.

    Args:
        lines (list[str]): Requirements as pip reads them.

    Returns:
        list[str]: One line for each that is not met.
    """
    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:  # an environment in which nothing is installed yet
        try:
            from pip._vendor.packaging.requirements import Requirement
        except ModuleNotFoundError:
            return [f'{line.partition(";")[0]} (not installed)' for line in lines]
    unmet = []
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        name = f'{requirement.name}{requirement.specifier}'
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            unmet.append(f'{name} (not installed)')
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            unmet.append(f'{name} (found {version})')
    return unmet


def unmet_editable(root: Path) -> list[str]:
    """Why mmavs is not installed from ``root`` in editable mode; empty if it is."""
    try:
        direct_url = metadata.distribution('mmavs').read_text('direct_url.json')
    except metadata.PackageNotFoundError:
        return ['mmavs (not installed)']
    origin = json.loads(direct_url) if direct_url else {}
    source = Path(unquote(urlparse(origin.get('url', '')).path))
    if not origin.get('dir_info', {}).get('editable'):
        return [f'mmavs (installed as a copy, not from {root})']
    if source.resolve() != root:
        return [f'mmavs (installed from {source}, not from {root})']
    missing = [part for part in MIM_PARTS if not (root / 'mmavs' / '.mim' / part).exists()]
    return [f'mmavs/.mim ({", ".join(missing)} not there)'] if missing else []


def unmet_cv2() -> list[str]:
    """Why ``cv2`` is not what opencv-python-headless alone brings; empty if it is.

    All distributions of OpenCV write the same folder ``cv2/``, so the last one installed wins, and
    that of opencv-python does not import where libGL.so.1 is not there. Nothing is imported here.
    """

    def installed(name: str) -> bool:
        return any(True for _ in metadata.distributions(name=name))

    if not installed('opencv-python-headless'):  # unmet_requirements says so
        return []
    others = [name for name in QT_BUILDS if installed(name)]
    if others:
        return [f'cv2 ({" and ".join(others)} installed, beside opencv-python-headless)']
    spec = importlib.util.find_spec('cv2')
    version = Path(spec.origin).with_name('version.py') if spec and spec.origin else None
    if version is None or not version.is_file():
        return ['cv2 (files of opencv-python-headless not there)']
    if 'headless = True' not in version.read_text():
        return [f'cv2 ({version.parent} is not of opencv-python-headless)']
    return []


def unmet_ops() -> list[str]:
    """Why the compiled operators of mmcv cannot be used here; empty if they can."""
    spec = importlib.util.find_spec('mmcv')
    if spec is None or not any(Path(spec.submodule_search_locations[0]).glob('_ext*.so')):
        return ['mmcv operators (not compiled)']
    code = (
        'import torch; from mmcv import _ext; '
        'print(torch.cuda.is_available(), _ext.get_compiling_cuda_version())'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    if result.returncode:
        reason = result.stderr.strip().splitlines()[-1]
        return [f'mmcv operators (do not load: {reason})']
    gpu, _, cuda = result.stdout.strip().splitlines()[-1].partition(' ')
    if gpu == 'True' and cuda == 'not available' and shutil.which('nvcc'):
        return ['mmcv operators (compiled without CUDA, and there is a GPU)']
    return []


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tests', action='store_true', help='also requirements/tests.txt')
    parser.add_argument('--docs', action='store_true', help='also requirements/docs.txt')
    parser.add_argument('--with-ops', action='store_true', help='also the operators of mmcv')
    return parser.parse_args()


def main() -> int:
    """Print what is unmet; 1 if there is anything, else 0."""
    args = parse_args()
    names = ['pinned', *['tests'] * args.tests, *['docs'] * args.docs]
    lines = [
        line for name in names for line in read_requirements(ROOT / 'requirements' / f'{name}.txt')
    ]
    unmet = unmet_requirements(lines) + unmet_cv2() + unmet_editable(ROOT)
    if args.with_ops:
        unmet += unmet_ops()
    print(*unmet, sep='\n', end='\n' if unmet else '')
    return 1 if unmet else 0


if __name__ == '__main__':
    sys.exit(main())
