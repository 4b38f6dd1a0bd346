"""A bad connection: stands between browsers and server, and loses, delays, doubles and spoils requests."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

#: share of the API's requests that something happens to
TROUBLED = 0.25
#: an arrival that is sent twice makes the token void that the first got, as the newest page should
ARRIVAL = re.compile(r"POST /api/v1/studies/")
#: requests whose second sending changes nothing, however late it comes
REPEATABLE = re.compile(r"POST /api/v1/(trials/[0-9a-f]+/(presented|response)|session/records) ")
LENGTH = re.compile(rb"(?im)^content-length: *([0-9]+)")
DOUBLED = "request doubled, both at once"
REPEATED = "request sent again later"
#: longer than the page waits for a reply, seconds
TOO_LONG = 25.0
LONGEST_DELAY = 1.5
WEB_PAGE = b"<!doctype html><title>%s</title><h1>%s</h1>"
JSON_ERROR = b'{"error": {"code": "internal_error", "message": "A mistake.", "retryable": true}}'


@dataclass(frozen=True)
class Request:
    """One request's bytes, made so that the server closes the connection after its reply."""

    line: str
    data: bytes

    @property
    def is_api(self) -> bool:
        """Whether it is of the participant API; the page itself is left alone."""
        return " /api/" in self.line


def reply_of(status: str, kind: str, body: bytes) -> bytes:
    """A reply that did not come from the server."""
    head = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def web_page(status: str) -> bytes:
    """What a proxy or a hotel's network answers in the server's place."""
    return reply_of(status, "text/html", WEB_PAGE % (status.encode(), status.encode()))


class BadConnection:
    """Takes requests, and does to some of them what networks do."""

    def __init__(self, server_port: int, rng: Random, tally: Counter[str], hangs: bool) -> None:
        """``hangs``: some requests get no reply for longer than the page waits."""
        self._server_port, self._rng, self._tally = server_port, rng, tally
        self._under_way: set[asyncio.Task[None]] = set()
        #: what may happen, how often compared with the others, and what does it
        self._fates: list[tuple[str, int, Callable[[Request], Awaitable[bytes]]]] = [
            ("request lost", 4, self._lose_request),
            ("reply lost, request processed", 6, self._lose_reply),
            ("reply cut in the middle", 2, self._cut_reply),
            ("request delayed", 3, self._delay_request),
            ("reply delayed", 3, self._delay_reply),
            (DOUBLED, 3, self._double),
            (REPEATED, 3, self._repeat_later),
            ("500 in place of the request", 3, self._refuse),
            ("500 in place of the reply", 3, self._spoil_reply),
            ("another's 502 page", 2, self._bad_gateway),
            ("another's 404 page", 1, self._not_found),
            ("another's 200 page", 1, self._portal),
            ("no reply for longer than the page waits", int(hangs), self._hang),
        ]

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        self._begin(self._serve(reader, writer))

    def stop(self) -> None:
        """Leave what is under way."""
        for task in self._under_way:
            task.cancel()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            writer.write(await self._reply(await _request(reader)))
            await writer.drain()
        writer.close()

    async def _reply(self, request: Request) -> bytes:
        """The reply, as far as it comes through."""
        if not request.is_api or self._rng.random() >= TROUBLED:
            return await self._pass(request)
        fates = [fate for fate in self._fates if _fits(fate[0], request)]
        name, _, act = self._rng.choices(fates, [weight for _, weight, _ in fates])[0]
        self._tally[name] += 1
        return await act(request)

    async def _pass(self, request: Request) -> bytes:
        """What the server replies; nothing if it does not."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            self._tally["server not there"] += 1
            return b""
        try:
            writer.write(request.data)
            return await reader.read()
        except OSError:
            return b""
        finally:
            writer.close()

    async def _lose_request(self, _request: Request) -> bytes:
        return b""

    async def _lose_reply(self, request: Request) -> bytes:
        await self._pass(request)
        return b""

    async def _cut_reply(self, request: Request) -> bytes:
        reply = await self._pass(request)
        return reply[: self._rng.randrange(len(reply) + 1)]

    async def _delay_request(self, request: Request) -> bytes:
        await self._wait()
        return await self._pass(request)

    async def _delay_reply(self, request: Request) -> bytes:
        reply = await self._pass(request)
        await self._wait()
        return reply

    async def _double(self, request: Request) -> bytes:
        replies = await asyncio.gather(self._pass(request), self._pass(request))
        return self._rng.choice(replies)

    async def _repeat_later(self, request: Request) -> bytes:
        async def again() -> None:
            await self._wait()
            await self._pass(request)

        reply = await self._pass(request)
        self._begin(again())
        return reply

    async def _refuse(self, _request: Request) -> bytes:
        return reply_of("500 Internal Server Error", "application/json", JSON_ERROR)

    async def _spoil_reply(self, request: Request) -> bytes:
        await self._pass(request)
        return reply_of("500 Internal Server Error", "application/json", JSON_ERROR)

    async def _bad_gateway(self, _request: Request) -> bytes:
        return web_page("502 Bad Gateway")

    async def _not_found(self, _request: Request) -> bytes:
        return web_page("404 Not Found")

    async def _portal(self, _request: Request) -> bytes:
        return web_page("200 OK")

    async def _hang(self, _request: Request) -> bytes:
        await asyncio.sleep(TOO_LONG)
        return b""

    async def _wait(self) -> None:
        await asyncio.sleep(self._rng.random() * LONGEST_DELAY)


def _fits(fate: str, request: Request) -> bool:
    if fate == DOUBLED:
        return ARRIVAL.match(request.line) is None
    return fate != REPEATED or REPEATABLE.match(request.line) is not None


async def _request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    found = LENGTH.search(head)
    body = await reader.readexactly(int(found[1])) if found else b""
    line, _, rest = head.partition(b"\r\n")
    kept = re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
    return Request(line.decode("latin-1"), line + b"\r\nConnection: close\r\n" + kept + body)


@asynccontextmanager
async def bad_connection(
    server_port: int, rng: Random, tally: Counter[str], hangs: bool
) -> AsyncIterator[str]:
    """A bad connection to a server while the block runs; gives its address."""
    connection = BadConnection(server_port, rng, tally, hangs)
    listener = await asyncio.start_server(connection.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        connection.stop()
