"""Serving with gunicorn: one process that listens, and workers that it forks.

The schema and the write-ahead log are set up once, before any worker exists; a worker opens its own
connections after it was forked.
"""

from __future__ import annotations

import errno
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

import flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]

from experiment_server.app import create_app
from experiment_server.errors import bad_request
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


class DiscreetLogger(Logger):  # type: ignore[misc]
    """gunicorn's log without anything that a participant's browser sent, or where it is.

    gunicorn quotes a request that it cannot read, with the address that it came from; participants' IDs
    stand in both. What is logged while an error is handled is therefore the error's kind and place alone.
    """

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a warning; while an error is handled, only the error's kind."""
        self._discreetly(super().warning, msg, *args, **kwargs)

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an error; while one is handled, only its kind."""
        self._discreetly(super().error, msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log the kind of the error that is handled, and the lines of code that led to it."""
        del args, kwargs
        where = "".join(traceback.format_tb(sys.exc_info()[2]))
        self.error_log.error("%s: %s at\n%s", msg.partition("%")[0].strip(), _kind_of_error(), where)

    def access(self, *_arguments: Any) -> None:
        """Log no request."""

    @staticmethod
    def _discreetly(log: Callable[..., None], msg: str, *args: Any, **kwargs: Any) -> None:
        if sys.exc_info()[0] is None:
            log(msg, *args, **kwargs)
        else:
            log("a request was refused: %s", _kind_of_error())


def _kind_of_error() -> str:
    kind = sys.exc_info()[0]
    return "unknown" if kind is None else kind.__name__


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
            "logger_class": DiscreetLogger,
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
        app = create_app(self.settings)
        for kind in (NoMoreData, ParseException):
            app.register_error_handler(kind, _unreadable_body)
        return app


def _unreadable_body(_error: Exception) -> tuple[dict[str, Any], int]:
    """A body that ends too early or is cut into chunks wrongly."""
    return bad_request("The body could not be read.").body(), 400
