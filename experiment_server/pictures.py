"""Pictures over HTTP: addresses that tell nothing, and as little as possible between a request and the file.

A picture's address is sealed with AES-SIV (RFC 5297) under a key derived from the installation's by HKDF
(RFC 5869). It holds the trial and the picture, so serving it asks no database; it differs from trial to
trial, so it says neither which picture it is nor that two trials share one; and nobody can make one up.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from experiment_server.errors import ApiError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/api/v1/pictures/"
PNG = "image/png"
#: a trial's picture never changes; a shared cache has no business with it
CACHE_CONTROL = "private, max-age=3600"

PURPOSE = b"interpscore: addresses of pictures, version 1"
#: bytes of the derived key: AES-256 twice, as AES-SIV takes it
KEY_BYTES = 64
#: the tag, the trial's id and the picture's SHA-256, in hexadecimal digits
_SEALED = re.compile("[0-9a-f]{128}")
_TRIAL_BYTES = 16
#: bytes of the pictures that a process keeps at hand, about two hundred photographs
AT_HAND = 16 * 1024 * 1024


class Pictures:
    """The pictures in a folder, ``<sha256>.png``, and their addresses under an installation's key."""

    def __init__(self, key: bytes, folder: Path) -> None:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
        self._cipher = AESSIV(derived.derive(key))
        self._folder = folder
        self._at_hand = FilesAtHand(AT_HAND)

    def address(self, trial: str, sha256: str) -> str:
        """Where a trial's picture is: the same each time, and another for each trial. Both ids in hex."""
        return PREFIX + self._cipher.encrypt(bytes.fromhex(trial + sha256), None).hex()

    def read(self, sealed: str) -> bytes:
        """The bytes of the picture at an address, its prefix left off.

        Raises ApiError 404 "no_such_picture" for one that was never given out, OSError for a file that
        cannot be read.
        """
        if _SEALED.fullmatch(sealed) is None:
            raise no_such_picture()
        try:
            opened = self._cipher.decrypt(bytes.fromhex(sealed), None)
        except InvalidTag:
            raise no_such_picture() from None
        return self._at_hand.read(f"{self._folder}/{opened[_TRIAL_BYTES:].hex()}.png")


class FilesAtHand:
    """Files that never change: those read last are kept, up to a number of bytes. For any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        #: the one read last is the last
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises OSError if it is not kept and cannot be read."""
        with self._lock:
            data = self._files.pop(path, None)
            if data is not None:
                self._files[path] = data
                return data
        data = Path(path).read_bytes()
        with self._lock:
            self._keep(path, data)
        return data

    def _keep(self, path: str, data: bytes) -> None:
        self._held += len(data) - len(self._files.pop(path, b""))
        self._files[path] = data
        while self._held > self._most:
            self._held -= len(self._files.pop(next(iter(self._files))))


def no_such_picture() -> ApiError:
    """No trial has a picture there."""
    return ApiError(404, "no_such_picture", "There is no such picture.")


class PicturesFirst:
    """Answers a request for a picture before the application, which gets every other one, refusals included.

    Pictures are most of a server's bytes and two fifths of its requests; this is several times cheaper.
    """

    def __init__(self, app: WSGIApplication, pictures: Pictures) -> None:
        self._app = app
        self._pictures = pictures

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        path = environ["PATH_INFO"]
        if not path.startswith(PREFIX) or environ["REQUEST_METHOD"] != "GET":
            return self._app(environ, start_response)
        try:
            data = self._pictures.read(path[len(PREFIX) :])
        except (ApiError, OSError):
            return self._app(environ, start_response)
        length = ("Content-Length", str(len(data)))
        start_response("200 OK", [("Content-Type", PNG), ("Cache-Control", CACHE_CONTROL), length])
        return [data]
