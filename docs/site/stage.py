# Copyright (c) mmavs developers. All rights reserved.
"""Put together what Sphinx reads: ``docs/en``, the READMEs from elsewhere, and what is generated.

A README of a method or a project, and CONTRIBUTING.md, become pages of the site; the model zoo is
made from the metafiles and the API reference from ``__all__``. Links are turned so that they lead
to these pages, and to a copy of the file where they name a config or another file. Nothing is
written into ``docs/en``.
"""

import argparse
import os
import shutil
from pathlib import Path

from api_pages import api_pages
from links import rewrite_links
from model_zoo import model_zoo

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ('.png', '.svg', '.jpg', '.css', '.py')


def collected_pages(root: Path) -> dict[Path, Path]:
    """Pages that lie outside ``docs/en``.

    Args:
        root (Path): Of the checkout.

    Returns:
        dict[Path, Path]: By file, the page it becomes, relative to the root of the site.
    """
    pages = {
        root / 'README.md': Path('readme.md'),
        root / 'CONTRIBUTING.md': Path('notes/contributing.md'),
    }
    for folder, section in (('configs', 'methods'), ('projects', 'projects')):
        for readme in sorted(root.glob(f'{folder}/*/README.md')):
            pages[readme] = Path(section, f'{readme.parent.name}.md')
    pages[root / 'projects' / 'README.md'] = Path('projects.md')
    return pages


def projects_page(root: Path, pages: dict[Path, Path]) -> str:
    """The page that lists ``projects/``: its README, if there is one, and the projects.

    Args:
        root (Path): Of the checkout.
        pages (dict[Path, Path]): As :func:`collected_pages` gives them.

    Returns:
        str: Markdown whose links are relative to ``projects``.
    """
    readme = root / 'projects' / 'README.md'
    text = '# Projects\n\nWhat is built on mmavs and lives in the folder `projects/`.\n'
    if readme.is_file():
        text = readme.read_text(encoding='utf-8')
    names = sorted(page.as_posix() for page in pages.values() if page.parts[0] == 'projects')
    if not names:
        return text
    return text + '\n'.join(['', '```{toctree}', ':maxdepth: 1', '', *names, '```']) + '\n'


def write_if_new(path: Path, content: bytes) -> None:
    """Write a file unless it is there already, so that Sphinx reads again what has changed only."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def site_files(root: Path, target: Path) -> dict[Path, bytes]:
    """Everything that Sphinx reads.

    Args:
        root (Path): Of the checkout.
        target (Path): Folder that the files are for; links to files outside it depend on it.

    Returns:
        dict[Path, bytes]: Contents by path, relative to ``target``.
    """
    english = root / 'docs' / 'en'
    pages = {path: path.relative_to(english) for path in english.rglob('*') if path.is_file()}
    pages |= collected_pages(root)

    def turned(text: str, source: Path, page: Path) -> bytes:
        return rewrite_links(text, source, target / page, pages, target).encode()

    files = {}
    for path, page in pages.items():
        if path.suffix == '.md' and page != Path('projects.md'):
            files[page] = turned(path.read_text(encoding='utf-8'), path, page)
        elif path.suffix in ASSETS:
            files[page] = path.read_bytes()
    page = Path('model_zoo.md')
    files[page] = turned(model_zoo(root), root / 'configs' / 'README.md', page)
    page = Path('projects.md')
    files[page] = turned(projects_page(root, pages), root / 'projects' / 'README.md', page)
    files |= {page: text.encode() for page, text in api_pages(root / 'mmavs').items()}
    return files


def stage(root: Path, target: Path) -> None:
    """Write the source of the site, and remove what an earlier run left there.

    Args:
        root (Path): Of the checkout.
        target (Path): Folder for the source.
    """
    files = site_files(root, target)
    for path, content in files.items():
        write_if_new(target / path, content)
    for path in sorted(target.rglob('*'), reverse=True):
        if path.is_file() and path.relative_to(target) not in files:
            path.unlink()
        elif path.is_dir() and not os.listdir(path):
            shutil.rmtree(path)


def main() -> None:
    """Stage the documentation of this checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('target', type=Path, help='folder for the source that Sphinx reads')
    stage(ROOT, parser.parse_args().target.resolve())


if __name__ == '__main__':
    main()
