"""gunicorn's threaded worker, except that no thread ever waits for a client.

gunicorn gives a connection to a thread when it is opened, and the thread waits for the request: a few
browsers on bad lines, or one script with twenty connections, would stop a server of eight threads. Here
the loop that watches all connections also reads them, and a thread gets a request that is there whole.
A reply fits into the kernel's buffer, so a thread need not wait until a client has taken it either; one
that takes none of its replies is given no further one.
"""

from __future__ import annotations

import fcntl
import re
import socket
import struct
import termios
import time
from collections import deque
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any, Literal

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

#: seconds that a client has to send one request
REQUEST_SECONDS = 10
#: bytes of a request's head, and of the body that is waited for; a longer one is refused without it
LARGEST_HEAD = 32_768
LARGEST_BODY = 65_536
#: bytes that a connection's replies may take up in the kernel until the client has them
SEND_BUFFER = 524_288
#: bytes of replies that a client may leave untaken and still be given another one
MOST_UNTAKEN = SEND_BUFFER // 2
#: seconds that a thread waits for a client after all: to send what the parser misses, to take a long reply
LAST_RESORT_SECONDS = 5

READ_BYTES = 65_536
#: digits that are read of a length: more than any that is allowed has
LONGEST_NUMBER = 9
HEAD_END = b"\r\n\r\n"
#: of a request: not all of it is there; all of it is; enough to refuse its body; its body has no length; not
#: even its head will end
Progress = Literal["coming", "whole", "too_long", "in_chunks", "hopeless"]
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
#: RFC 9110, section 15.5.12; browsers say how long a body is
LENGTH_REQUIRED = b"HTTP/1.1 411 Length Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def prepare(listener: socket.socket) -> None:
    """Set what all connections of a listening socket take over from it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", LAST_RESORT_SECONDS, 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def progress(data: bytes) -> Progress:
    """How much of a request these bytes hold."""
    head = data.find(HEAD_END, 2 if data.startswith(b"\r\n") else 0)
    if head < 0:
        return "coming" if len(data) <= LARGEST_HEAD else "hopeless"
    fields, body = data[: head + 2], data[head + len(HEAD_END) :]
    if _CHUNKED.search(fields):
        return "in_chunks"
    found = _LENGTH.search(fields)
    length = int(found[1][:LONGEST_NUMBER]) if found else 0
    return "whole" if len(body) >= length else "too_long" if length > LARGEST_BODY else "coming"


class Connection(TConn):  # type: ignore[misc]
    """A client's connection; ``timeout`` is None until a request of it is waited for."""

    #: its request is refused before its body was read: it cannot carry another one
    is_last = False

    def read(self) -> bool:
        """Take what has come, without waiting; False if the client has closed the connection."""
        self.init()
        self.sock.setblocking(False)
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.parser.unreader.buf.seek(0, 2)
        self.parser.unreader.buf.write(data)
        return bool(data)

    @property
    def untaken(self) -> int:
        """Bytes of earlier replies that the client has not taken; 0 where the system cannot tell."""
        try:
            return int(struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0])
        except OSError:
            return 0

    @property
    def received(self) -> bytes:
        """What was read and not handled yet."""
        data: bytes = self.parser.unreader.buf.getvalue()
        return data

    def close(self, graceful: bool = False) -> None:
        """Close at once: gunicorn's graceful way lets every other client wait for this one."""
        del graceful
        super().close()


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """The loop reads requests; threads handle them."""

    pending_conns: deque[Connection]

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Begin with the next request of a connection that was kept."""
        conn.timeout = None
        super().on_client_socket_readable(conn, client)

    def enqueue_req(self, conn: Connection) -> None:
        """Give a connection to a thread if its request is there, or wait for the rest of it."""
        if conn.timeout is None:
            conn.timeout = time.monotonic() + REQUEST_SECONDS
        conn.init()
        is_open, found = True, progress(conn.received)
        if found == "coming":
            is_open = conn.read()
            found = progress(conn.received)
        if conn.untaken > MOST_UNTAKEN:
            found = "hopeless"
        if found in ("whole", "too_long"):
            conn.timeout = None
            conn.is_last = found == "too_long"
            super().enqueue_req(conn)
        elif found == "coming" and is_open and time.monotonic() <= conn.timeout:
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))
        else:
            self._drop(conn, LENGTH_REQUIRED if found == "in_chunks" else b"")

    def _drop(self, conn: Connection, last_words: bytes) -> None:
        self.nr_conns -= 1
        with suppress(OSError):
            conn.sock.setblocking(False)
            conn.sock.send(last_words)
        conn.close()

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer a request; a client that does not take a long reply has a few seconds."""
        conn.sock.settimeout(LAST_RESORT_SECONDS)
        return super().handle_request(req, conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Of a server that is told to stop: wait no longer for those who have not begun a request."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.received:
                conn.timeout = min(conn.timeout, deadline)
        self.pending_conns = deque(sorted(self.pending_conns, key=lambda conn: conn.timeout))

    def _keepalive_after(self, conn: Connection, keepalive: Any) -> bool:
        """Whether a connection can carry another request; nobody waits for the rest of a refused one."""
        return not conn.is_last and bool(super()._keepalive_after(conn, keepalive))
