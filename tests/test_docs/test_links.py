# Copyright (c) mmavs developers. All rights reserved.
"""Links between our pages lead to files and headings that are there, and stay so on the site."""

from pathlib import Path

import pytest
from links import EXTERNAL, find_links, heading_anchors, rewrite_links
from markdown_files import PAGES, ROOT, name


def broken_links(path):
    """The links of a page that lead nowhere."""
    broken = []
    for link in find_links(path.read_text()):
        target, _, anchor = link.partition('#')
        if EXTERNAL.match(link):
            continue
        file = path.parent / target if target else path
        if not file.exists() or (anchor and anchor not in heading_anchors(file.read_text())):
            broken.append(link)
    return broken


def test_there_are_pages():
    assert len(PAGES) > 25
    assert sum(len(find_links(path.read_text())) for path in PAGES) > 150


@pytest.mark.parametrize('path', PAGES, ids=name)
def test_links_lead_somewhere(path):
    assert broken_links(path) == []


def test_broken_links_are_found(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(
        '# One `two`: three!\n\n## Twice\n\n## Twice\n\n[a](#one-two-three)\n'
        '[b](#twice-1) [c](#no)\n'
        '[d](page.md#twice) [e](none.md) ![f](none.png) [g](https://example.org)\n'
        '```bash\n[h](also_none.md)\n```\n[over\ntwo lines](none_too.md)\n'
    )
    assert broken_links(page) == ['#no', 'none.md', 'none.png', 'none_too.md']


def test_rewrite_links(tmp_path):
    site = tmp_path / 'docs' / '_build' / 'source'
    readme, guide = tmp_path / 'configs/vct/README.md', tmp_path / 'docs/en/guides/a.md'
    config = tmp_path / 'configs/vct/vct.py'
    for file in (readme, guide, config):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('')
    pages = {readme: Path('methods/vct.md'), guide: Path('guides/a.md')}

    def turned(text, source):
        return rewrite_links(text, source, site / pages[source], pages, site)

    assert turned('[x](../../../configs/vct/README.md#y)', guide) == '[x](../methods/vct.md#y)'
    assert turned('[x](../../../configs/vct)', guide) == '[x](../methods/vct.md)'
    assert turned('[`x`](../../../configs)', guide) == '`x`'
    assert turned('![x](../../docs/en/guides/a.md)', readme) == '![x](../guides/a.md)'
    assert turned('[x](vct.py)', readme) == '[x](../../../../configs/vct/vct.py)'
    for same in ('[x](https://example.org/a)', '[x](#here)', '```\n[x](vct.py)\n```\n'):
        assert turned(same, readme) == same


def test_every_page_of_docs_is_in_a_table_of_contents():
    index = (ROOT / 'docs/en/index.md').read_text()
    lines = {line.strip() for line in index.splitlines()}
    for path in (ROOT / 'docs/en').rglob('*.md'):
        page = path.relative_to(ROOT / 'docs/en').with_suffix('').as_posix()
        folder = f'{Path(page).parent}/*'
        assert page == 'index' or page in lines or folder in lines, page
