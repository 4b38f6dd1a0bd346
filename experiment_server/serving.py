"""Serving with gunicorn: one process that listens, and workers that it forks.

The schema and the write-ahead log are set up once, before any worker exists; a worker opens its own
connections after it was forked.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]

from experiment_server.app import create_app
from experiment_server.connections import PatientWorker, prepare
from experiment_server.errors import bad_request
from experiment_server.settings import Settings
from stimuli.errors import UserError

#: requests that one worker handles at a time
THREADS = 4
#: seconds that a worker has to finish its requests when the server is told to stop
GRACE_SECONDS = 20
#: connections that wait for a worker
BACKLOG = 1024
#: connections that one worker keeps open
CONNECTIONS = 1000
#: how long an idle connection is kept: longer than a participant looks at a picture and answers
KEEP_SECONDS = 30
#: how long a worker may not answer the process that listens before it is replaced
STUCK_SECONDS = 30
#: files that a worker needs beside its connections: the database, pictures, the log
OTHER_FILES = 100
#: the longest request line and header, in bytes, and how many headers
LIMITS = {"limit_request_line": 4094, "limit_request_field_size": 8190, "limit_request_fields": 64}
#: no header tells gunicorn the scheme, the path or the address; what proxies say is security.py's alone
NO_FORWARDING: dict[str, Any] = {
    "forwarded_allow_ips": "",
    "secure_scheme_headers": {},
    "forwarder_headers": "",
    "header_map": "drop",
    "proxy_protocol": "off",
}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes a free one. Raises UserError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        prepare(listener)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(_why_not(host, port, error)) from error
    return listener


def connections_allowed() -> int:
    """Connections that a worker may keep open; this process's limit on open files is raised if need be."""
    wanted = CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return CONNECTIONS
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, soft - OTHER_FILES)


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


class Lifeline:
    """Ends the workers at once when the process that listens is killed.

    A worker that outlived it would hold the port for seconds, and the server could not be started again.
    Made in that process, which alone keeps one end of a pipe open: the other end tells when it is gone.
    """

    def __init__(self) -> None:
        self._tells, self._kept_open = os.pipe()

    def hold(self, _arbiter: Any, _worker: Any) -> None:
        """Call this in a worker, after it was forked."""
        os.close(self._kept_open)
        threading.Thread(target=self._end_with_it, daemon=True).start()

    def _end_with_it(self) -> None:
        os.read(self._tells, 1)
        os.kill(os.getpid(), signal.SIGKILL)


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
            "worker_class": PatientWorker,
            "threads": THREADS,
            "worker_connections": connections_allowed(),
            "keepalive": KEEP_SECONDS,
            "timeout": STUCK_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            "backlog": BACKLOG,
            "loglevel": "warning",
            "logger_class": DiscreetLogger,
            "control_socket_disable": True,
            "proc_name": "interpscore",
            **LIMITS,
            **NO_FORWARDING,
            "post_fork": Lifeline().hold,
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
