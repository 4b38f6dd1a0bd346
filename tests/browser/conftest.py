"""A real server process, a real Chromium, and a page that remembers every complaint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.installation import APP, Installation
from tests.browser.visitor import Visitor

CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: how long a test waits for something to appear, milliseconds
PATIENCE_MS = 20_000

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    if not APP.is_file():
        pytest.fail("the participants' page is not built; run: make setup")
    made = Installation(tmp_path_factory.mktemp("browser"))
    made.create()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("INTERPSCORE_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(browser: Browser, installation: Installation) -> Iterator[NewVisitor]:
    """Open a fresh profile; ``options`` are those of a browser context."""
    contexts = []

    def new(**options: Any) -> Visitor:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return Visitor(context.new_page(), installation.url)

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    return new_visitor()
