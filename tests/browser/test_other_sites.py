"""What another site's page can do to a participant's server with their browser: nothing."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.installation import Installation
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

SESSIONS = "SELECT id FROM session"
SEND = """([address, body]) => fetch(address, {method: "POST", mode: "no-cors", body})
  .then(reply => reply.status, () => "not readable")"""
FORM = """<form method="post" enctype="text/plain" action="{url}/api/v1/studies/typed/sessions">
<input name='{{"visitor": "{visitor}", "more": "' value='"}}'><button>Win a prize</button></form>"""


@contextmanager
def site(host: str, page: str) -> Iterator[str]:
    """A page on a site of its own; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.parametrize(("host", "asked"), [("127.0.0.1", "same-site"), ("localhost", "cross-site")])
def test_another_sites_script_and_form_open_no_session(
    visitor: Visitor, installation: Installation, host: str, asked: str
) -> None:
    address = f"{visitor.url}/api/v1/studies/typed/sessions"
    before = installation.rows(SESSIONS)
    with site(host, FORM.format(url=visitor.url, visitor=uuid.uuid4())) as elsewhere:
        visitor.page.goto(elsewhere)
        sent = visitor.page.evaluate(SEND, [address, json.dumps({"visitor": str(uuid.uuid4())})])
        assert sent == "not readable"
        with visitor.page.expect_response(address) as posted:
            visitor.page.get_by_role("button").click()
    assert posted.value.request.all_headers()["sec-fetch-site"] == asked
    assert (posted.value.status, posted.value.json()["error"]["code"]) == (403, "cross_site")
    assert installation.rows(SESSIONS) == before


def test_a_page_of_the_servers_own_may(visitor: Visitor, installation: Installation) -> None:
    before = installation.rows(SESSIONS)
    visitor.open("/s/typed/credits")
    address = f"{visitor.url}/api/v1/studies/typed/sessions"
    assert visitor.page.evaluate(SEND, [address, json.dumps({"visitor": str(uuid.uuid4())})]) == 201
    assert len(installation.rows(SESSIONS)) == len(before) + 1
