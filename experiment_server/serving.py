"""Serving with gunicorn: one process that listens, and workers that it forks.

The schema and the write-ahead log are set up once, before any worker exists; a worker opens its own
connections after it was forked.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from experiment_server.app import create_app
from experiment_server.settings import Settings
from stimuli.errors import UserError

#: requests that one worker handles at a time
THREADS = 4
#: seconds that a worker has to finish its requests when the server is told to stop
GRACE_SECONDS = 20
#: connections that wait for a worker
BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes a free one. Raises UserError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(_why_not(host, port, error)) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Where a listening socket is reached over HTTP."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop what uses it, or choose another with --port"
    return f"cannot listen at {host} port {port} ({error.strerror}); choose another --host or --port"


class Serving(BaseApplication):  # type: ignore[misc]
    """gunicorn, told what to do by arguments and by nothing else."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        workers: int,
        ready: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.options: dict[str, Any] = {
            "bind": [f"fd://{listener.fileno()}"],
            "workers": workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE_SECONDS,
            "backlog": BACKLOG,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "interpscore",
            "when_ready": lambda _arbiter: ready(),
        }
        super().__init__()

    def load_config(self) -> None:
        """Take the options as they are; no configuration file, no environment variable."""
        for key, value in self.options.items():
            self.cfg.set(key, value)

    def load(self) -> flask.Flask:
        """Make the application, in a worker."""
        return create_app(self.settings)
