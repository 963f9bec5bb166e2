"""Chromium without a window, driven by Playwright: Debian's own, so that nothing is downloaded.

Where the browser or Playwright is not here, tests that need them are skipped, with the reason.
"""

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.async_api", reason="Playwright is not installed; the extra dev brings it")

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Error,
    FilePayload,
    Locator,
    Page,
    Request,
    Route,
    async_playwright,
    expect,
)

__all__ = [
    "NARROW",
    "PATIENCE",
    "WIDE",
    "Browser",
    "Dialog",
    "FilePayload",
    "Locator",
    "Look",
    "Page",
    "Route",
    "expect",
    "keep_screenshot",
    "launch",
    "open_page",
]

SCREENSHOTS = Path("out", "screenshots")
NAMES = ("chromium", "chromium-browser", "google-chrome")

PATIENCE = 60_000
"""Milliseconds for which anything is awaited: the machine may be busy with other tests."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the page is looked at; the width is in CSS pixels."""

    width: int
    scheme: Literal["light", "dark"] = "light"
    motion: Literal["no-preference", "reduce"] = "no-preference"

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


WIDE = Look(1280)
NARROW = Look(375)


@asynccontextmanager
async def launch() -> AsyncGenerator[Browser]:
    """Run the browser for the length of the block."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(NAMES)} is here; Debian's package is chromium")
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has no sandbox for root
        browser = await playwright.chromium.launch(executable_path=found, args=options, timeout=PATIENCE)
        yield browser
        await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, url: str, look: Look = WIDE) -> AsyncGenerator[Page]:
    """A page with nothing remembered, whose addresses begin at `url`; at the end nothing may have gone wrong in it."""
    context = await browser.new_context(
        base_url=url,
        color_scheme=look.scheme,
        locale="en-GB",
        reduced_motion=look.motion,
        timezone_id="UTC",
        viewport={"width": look.width, "height": 900},
    )
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    faults = _Faults(page)
    yield page
    await context.close()
    assert faults.found == []


async def keep_screenshot(page: Page, name: str) -> None:
    """Leave a picture of the whole page for somebody to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nobody waits for it
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


class _Faults:
    """What must not happen on any page: errors in scripts, what its policy forbids, requests to strangers."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("pageerror", self._failed)
        page.on("console", self._said)
        page.on("request", self._asked)

    def _failed(self, error: Error) -> None:
        self.found.append(str(error))

    def _said(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.found.append(message.text)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost"):
            self.found.append(f"asked {request.url}")
