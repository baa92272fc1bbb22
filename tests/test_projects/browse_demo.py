# Copyright (c) mmavs developers. All rights reserved.
"""What a visitor does on the page of the demo, in headless Chromium; prints what was seen as JSON.

Run by test_gradio_demo_browser.py with the Python of the demo, which has playwright.
"""

import json
import shutil
import sys
from pathlib import Path
from urllib.parse import urlparse

from playwright.sync_api import Page, sync_playwright

SECONDS = 1000  # playwright counts in milliseconds


def upload(page: Page, video: str) -> None:
    """Give the page a clip in place of the one that it has."""
    if page.locator('#clip video').count():
        page.locator('#clip button[aria-label="Clear"]').click()
    page.set_input_files('#clip input[type=file]', video)
    page.wait_for_selector('#clip video', timeout=60 * SECONDS)


def segment(page: Page, words: str) -> str:
    """Press the button; the text of the result, once it has these words."""
    page.click('#segment')
    page.locator('#text').get_by_text(words).wait_for(timeout=240 * SECONDS)
    return page.inner_text('#text')


def visit(page: Page, url: str, video: str, broken: str, folder: Path) -> dict:
    """Go through the page."""
    hosts, seen = set(), {}
    page.on('request', lambda request: hosts.add(urlparse(request.url).hostname))
    page.goto(url, wait_until='domcontentloaded')
    page.wait_for_selector('#segment', timeout=60 * SECONDS)
    upload(page, video)
    seen['own'] = segment(page, 'Choose another sound')
    page.wait_for_selector('#overlay video', timeout=30 * SECONDS)
    for name in ('spectrogram', 'areas'):
        picture = page.locator(f'#{name} img')
        picture.wait_for(timeout=30 * SECONDS)
        seen[name] = picture.evaluate(
            'e => e.decode().then(() => [e.naturalWidth, e.naturalHeight])'
        )
    # What the visitor's own player says of the video.
    seen['playable'] = page.locator('#overlay video').evaluate(
        """e => new Promise(done => {
            const tell = () => done([e.videoWidth, e.videoHeight, e.duration]);
            e.readyState > 0 ? tell() : e.addEventListener('loadedmetadata', tell);
        })"""
    )
    seen['overlay'] = page.locator('#overlay video').evaluate('e => e.currentSrc || e.src')
    with page.expect_download() as download:
        page.locator('#masks a').first.click()
    download.value.save_as(folder / 'masks.zip')
    page.screenshot(path=folder / 'page.png', full_page=True)
    page.get_by_label('silence').check()
    seen['silence'] = segment(page, 'with silence')
    upload(page, broken)
    page.click('#segment')
    # gradio's own player may complain of the file as well.
    toast = page.get_by_test_id('toast-body').filter(has_text='cannot be opened')
    toast.wait_for(timeout=60 * SECONDS)
    seen['message'] = toast.inner_text()
    seen['hosts'] = sorted(host for host in hosts if host)
    return seen


def main() -> None:
    """Open a browser; 42 if there is none."""
    url, video, broken, folder = sys.argv[1:]
    names = ('chromium', 'chromium-browser', 'google-chrome')
    found = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).is_file():
            sys.exit(42)
        # Root, as in containers, has no sandbox.
        browser = playwright.chromium.launch(executable_path=found, args=['--no-sandbox'])
        page = browser.new_page(viewport=dict(width=1280, height=1200))
        print(json.dumps(visit(page, url, video, broken, Path(folder))))
        browser.close()


if __name__ == '__main__':
    main()
