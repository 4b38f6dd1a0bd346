"""When a request is whole: before that nobody waits for it, and after that gunicorn asks for nothing more."""

from __future__ import annotations

import socket

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from experiment_server.connections import LARGEST_BODY, LARGEST_HEAD, SEND_BUFFER, prepare, progress
from experiment_server.serving import LIMITS

HEAD = b"POST /x HTTP/1.1\r\nHost: h\r\n"
WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "an empty line before it": b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "a body": HEAD + b"Content-Length: 5\r\n\r\nab\r\n\r",
    "an empty body": HEAD + b"content-length:0\r\n\r\n",
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_a_request_is_whole_with_its_last_byte(data: bytes) -> None:
    assert {progress(data[:end]) for end in range(len(data))} == {"coming"}
    assert progress(data) == "whole"


def test_a_body_that_is_too_long_is_not_waited_for() -> None:
    assert progress(HEAD + b"Content-Length: %d\r\n\r\n" % LARGEST_BODY) == "coming"
    assert progress(HEAD + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1)) == "too_long"
    assert progress(HEAD + b"Content-Length: " + 5000 * b"9" + b"\r\n\r\n") == "too_long"


@pytest.mark.parametrize("name", [b"Transfer-Encoding", b"TRANSFER-ENCODING"])
def test_a_body_in_chunks_is_known_by_its_head(name: bytes) -> None:
    assert progress(HEAD + name + b": chunked\r\n") == "coming"
    assert progress(HEAD + name + b": chunked\r\n\r\n") == "in_chunks"


def test_a_head_that_never_ends_is_hopeless() -> None:
    assert progress(LARGEST_HEAD * b"x") == "coming"
    assert progress((LARGEST_HEAD + 1) * b"x") == "hopeless"


def test_a_connection_takes_over_what_its_listener_was_given() -> None:
    with socket.socket() as listener:
        prepare(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)[0] == 5
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= min(SEND_BUFFER, 2 * 212_992)


class Source:
    """A connection on which these bytes came, and which must not be asked for more."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def recv(self, size: int) -> bytes:
        assert self.data, "gunicorn would have waited for the client"
        taken, self.data = self.data[:size], self.data[size:]
        return taken


FIELDS = st.sampled_from(
    [
        b"Content-Length: 3",
        b"Content-Length: 03",
        b"content-length:\t3 ",
        b"Content-Length : 3",
        b"Content-Length: +3",
        b"Content-Length: 3, 3",
        b"Content-Length: -3",
        b"Content-Length: ",
        b"Content_Length: 3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding:chunked ",
        b"Transfer-Encoding: xchunked",
        b"X: Content-Length: 3",
        b"X: 1\nContent-Length: 3",
        b" folded: 1",
        b"Expect: 100-continue",
        b"Connection: close",
    ]
)
LINES = st.sampled_from(
    [b"POST / HTTP/1.1", b"\r\nPOST / HTTP/1.1", b"\r\n\r\nPOST / HTTP/1.1", b"POST / HTTP/1.0", b"P /", b""]
)
PIECES = st.sampled_from(
    [b"abc", b"\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\n", b"-1\r\n", b"f_f\r\n", b"A: b\r\n"]
)


@given(line=LINES, fields=st.lists(FIELDS, max_size=3), body=st.lists(PIECES, max_size=6))
def test_gunicorn_asks_for_nothing_more_than_what_we_call_whole(
    line: bytes, fields: list[bytes], body: list[bytes]
) -> None:
    data = b"\r\n".join([line, b"Host: h", *fields, b"", b""]) + b"".join(body)
    if progress(data) != "whole":
        return
    config = Config()
    for name, value in LIMITS.items():
        config.set(name, value)
    try:
        request = next(RequestParser(config, Source(data), ("127.0.0.1", 1)))
        request.body.read()
    except (ParseException, StopIteration):
        return
