"""A page with one script of the front end's and nothing else, served with the real server's headers."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page

from experiment_server.security import SECURITY_HEADERS

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "experiment_server" / "frontend"
HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trial</title><link rel="stylesheet" href="app.css">
<body><main id="page"></main><script type="module" src="page.js"></script>
"""

BUILD = """
import { build } from "esbuild";
const [frontend, script, out] = process.argv.slice(1);
await build({
  entryPoints: { page: script, app: `${frontend}/src/app.css` },
  outdir: out, bundle: true, format: "esm", target: "es2022", logLevel: "warning",
  alias: { "random-words": `${frontend}/src/no-words.ts`, "participant": `${frontend}/src` },
  nodePaths: [`${frontend}/node_modules`],
});
"""


def build_page(script: Path, folder: Path) -> None:
    """Bundle a script; it imports the front end's modules as ``participant/…``."""
    node = Path(sys.executable).with_name("node")
    command = [str(node), "--input-type=module", "--eval", BUILD, str(FRONTEND), str(script), str(folder)]
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "index.html").write_text(HTML)


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        for name, value in SECURITY_HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder's files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class OpenPage(Protocol):
    """Open the page in a fresh profile, after a script of the test's own; ``options`` are the profile's."""

    def __call__(self, script: str = "", **options: Any) -> Page: ...


@pytest.fixture(scope="module")
def plugin_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page with our plugins is served."""
    folder = tmp_path_factory.mktemp("plugins")
    build_page(Path(__file__).with_name("plugin_page.js"), folder)
    with served(folder) as url:
        yield url


@pytest.fixture
def open_page(browser: Browser, plugin_address: str) -> Iterator[OpenPage]:
    """Pages with our plugins, closed at the test's end."""
    contexts = []

    def opened(script: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.add_init_script(script)
        page = context.new_page()
        page.goto(plugin_address)
        return page

    yield opened
    for context in contexts:
        context.close()
