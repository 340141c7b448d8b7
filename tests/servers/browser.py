"""Debian's chromium, driven by Playwright: where either is lacking, tests that want it are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.requirements import lacking

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
except ImportError:
    sync_playwright = None

__all__ = ["Browser", "Locator", "Page", "Route", "Visits", "browsing", "expect", "violations"]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Generous: a busy machine is slow at times. What is waited for is there in milliseconds.
TIMEOUT = 20_000


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a screen.

    Playwright leaves an asyncio loop running in the thread until it ends, which other code of the process trips over.
    """
    if sync_playwright is None:
        lacking("playwright")
    if not CHROMIUM.exists():
        lacking("chromium")
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visits:
    """Opens the page, each time as another visitor; `complaints` is what the browser had to say against it."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def __call__(self, path: str = "/", **options: Any) -> Page:
        """The page at a path; keywords are Playwright's for a context."""
        usual = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "reduced_motion": "reduce"}
        context = self._browser.new_context(**{**usual, **options})
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("dialog", lambda dialog: self._note(f"a dialog: {dialog.message}"))
        page.goto(self._url + path)
        return page

    def _note(self, complaint: str) -> None:
        self.complaints.append(complaint)

    def close(self) -> None:
        """Close every page."""
        for context in self._contexts:
            context.close()


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands, whatever the weight: the rule, and where."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']} ({each['impact']}): {node['target']}" for each in found for node in each["nodes"]]
