"""Chromium, where there is one, for the tests that open pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NONE = "no Chromium on this machine (Debian: apt-get install chromium)"


@contextmanager
def chromium(*arguments: str) -> Iterator:
    """A browser, started with these further arguments; skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip(NONE)
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *arguments])
        yield browser
        browser.close()
