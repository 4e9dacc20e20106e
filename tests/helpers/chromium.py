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


def opened(browser, address: str, patience: float = 300, **options):
    """A tab at ``address``; its errors and warnings are kept as ``tab.problems``. Waits take at most ``patience`` s."""
    tab = browser.new_context(**options).new_page()
    tab.problems = []
    tab.set_default_timeout(1000 * patience)
    tab.on("pageerror", lambda e: tab.problems.append(str(e)))
    tab.on("console", lambda m: tab.problems.append(m.text) if m.type in ("error", "warning") else None)
    tab.goto(address)
    return tab
