"""Every byte that a server sends to a browser: recorded on the wire, taken apart, and searched."""

from __future__ import annotations

import gzip
import hashlib
import html
import http.client
import io
import json
import socket
import threading
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Recorder:
    """Stands between browser and server and keeps what the server says, connection by connection."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.said: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self.said.append(bytearray())
                for source, target, kept in ((browser, server, None), (server, browser, self.said[-1])):
                    threading.Thread(target=_pass_on, args=(source, target, kept), daemon=True).start()

    def replies(self) -> list[Reply]:
        """All replies so far. Fails if one is not whole."""
        return [reply for said in self.said for reply in replies_in(bytes(said))]

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextmanager
def recording(host: str, port: int) -> Iterator[Recorder]:
    """A recorder in front of a server."""
    recorder = Recorder((host, port))
    yield recorder
    recorder.close()


def _pass_on(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            if kept is not None:
                kept += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@dataclass
class Reply:
    """One reply; ``body`` is what the browser makes of it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    json: Any = field(default=None)

    def everything(self) -> bytes:
        """Headers and body."""
        head = "\n".join(f"{name}: {value}" for name, value in self.headers)
        return head.encode("latin-1") + b"\n\n" + self.body


class _Stream(io.BytesIO):
    """Bytes that several replies are read from, one after the other."""

    def makefile(self, _mode: str) -> _Stream:
        return self

    def close(self) -> None:
        """Stay open for the next reply."""


def replies_in(said: bytes) -> Iterator[Reply]:
    """The replies of one connection."""
    stream = _Stream(said)
    while stream.tell() < len(said):
        reply = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
        reply.begin()
        body = _decoded(reply.read(), reply.getheader("Content-Encoding"))
        is_json = (reply.getheader("Content-Type") or "").startswith("application/json")
        yield Reply(reply.status, reply.getheaders(), body, json.loads(body) if is_json and body else None)


def _decoded(body: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        return body
    assert encoding in ("gzip", "deflate"), f"what is {encoding}?"
    return gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)


def png_chunks(data: bytes) -> list[str]:
    """The types of a PNG's chunks, in order; text would be in chunks of its own."""
    assert data.startswith(PNG_SIGNATURE)
    at, kinds = len(PNG_SIGNATURE), []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8].decode("ascii"))
        at += int.from_bytes(data[at : at + 4], "big") + 12
    return kinds


def names(word: str, said: bytes) -> bool:
    """Whether bytes hold a word in any of the forms that it could be written in."""
    plain, exact = forms(word)
    lower = said.lower()
    return any(form in lower for form in plain) or any(form in said for form in exact)


@cache
def forms(word: str) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """A word's written forms: those that are searched without regard to case, and those with."""
    spelt = {word.lower().replace(" ", blank) for blank in (" ", "", "_", "-", "+", "%20")}
    plain: set[bytes] = set()
    for one in spelt:
        data = one.encode()
        plain |= {data, one.encode("utf-16-le"), one.encode("utf-16-be"), data.hex().encode(), data[::-1]}
        plain |= {"".join(pattern.format(ord(letter)) for letter in one).encode() for pattern in ESCAPES}
        plain |= {html.escape(one).encode()}
        plain |= {hashlib.new(name, data).hexdigest()[:12].encode() for name in ("md5", "sha1", "sha256")}
    cased = {make(one) for one in spelt for make in (str.lower, str.upper, str.capitalize, str.title)}
    return frozenset(plain), frozenset(part for one in cased for part in base64_parts(one.encode()))


#: how a letter may be escaped: in an address, in JSON and JavaScript, in HTML
ESCAPES = ("%{:02x}", "\\u{:04x}", "\\x{:02x}", "&#{};", "&#x{:x};")


def base64_parts(data: bytes) -> Iterator[bytes]:
    """What of some bytes' base64 is there wherever they begin in a longer text, in both alphabets."""
    for before in range(3):
        encoded = b64encode(bytes(before) + data)
        part = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield part
        yield part.translate(bytes.maketrans(b"+/", b"-_"))
