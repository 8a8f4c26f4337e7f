"""A headless Chromium of the system, without a network, and what goes wrong in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parent / "axe/node_modules/axe-core/axe.min.js"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
WATCH = "addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.blockedURI}`));"
SERIOUS = ("serious", "critical")


def chromium() -> str:
    """The browser's program; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium: run  make browser  as root, or  apt-get install chromium")
    return found


@contextmanager
def started() -> Iterator[Any]:
    """The browser; what drives it is of the development tools."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: see the extra dev")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


class Opened:
    """A page opened from disk, and what was said and asked for meanwhile."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(offline=True, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on(
            "console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url[:60]))
        self.page.add_init_script(WATCH)
        self.page.goto(file.as_uri())

    def within(self, selector: str) -> Any:
        return self.page.locator(selector)

    def findings(self) -> list[str]:
        """What axe finds that is serious, with the first place of each."""
        if not AXE.is_file():
            pytest.skip("axe-core is not there: run  make browser  where npm is")
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, { preload: false })")["violations"]
        assert self.page.evaluate("axe.version") == "4.14.1"
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in SERIOUS]
