"""A real browser for tests of pages: Chromium, driven by Playwright, on loopback alone.

It is found in CHROMIUM, in the search path, or among Playwright's own; where there is none the tests are skipped and
say so, unless CI is set: there a missing browser is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Browser, Error, Page, ViewportSize, async_playwright, expect

expect.set_options(timeout=20_000)
"""What is shown by a hint comes at once, and within seconds where the hint is lost; a busy machine takes longer."""

WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=375, height=812)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running browser. Skips the test where none can be started."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Chromium here (set CHROMIUM, or run: playwright install chromium): {error.message[:80]}")
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(browser: Browser, address: str, *, quiet: bool = False, **context: Any) -> AsyncIterator[Page]:
    """A page at `address`, in a context of its own.

    Fails when the console said an error by the end, unless `quiet`: an answer of 4xx is one to the console.
    """
    async with await browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **context}) as window:
        page = await window.new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(address)
        yield page
        assert quiet or complaints == []


async def axe(page: Page) -> list[str]:
    """What axe-core finds wrong with the page: a line for each rule, with the first element that breaks it.

    It is run through the debugger, since the page's own policy lets no foreign script in.
    """
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run()")
    return [f"{rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]
