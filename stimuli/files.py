"""Writing files so that a reader never meets half of one, and no one loses one by accident."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stimuli.errors import UserError

#: what the system says of a place where nothing more can be written
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def sha256_of_bytes(data: bytes) -> str:
    """SHA-256 of some bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def written_text(path: Path) -> str:
    """Text that a person wrote: UTF-8, with or without the byte order mark that Windows' Notepad puts first.

    Raises OSError, and UnicodeDecodeError for another encoding.
    """
    return path.read_text(encoding="utf-8-sig")


def make_folder(path: Path, *, private: bool = False) -> Path:
    """Create a folder and its parents, and check that it can be written to.

    A ``private`` one that is made now can be entered by its owner only. Raises UserError if it cannot be
    made or is not writable.
    """
    try:
        path.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise UserError(
            f"cannot write to the folder {path} ({error.strerror}); "
            "choose another one or change its permissions"
        ) from error


def refuse_other_than_file(path: Path) -> None:
    """Raise UserError if something is there that is no regular file: a rename would take its place."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file to write")
    _refuse_special(path)


def refuse_other_than_folder(path: Path) -> None:
    """Raise UserError if something is there that is no folder: a rename would take its place."""
    if path.is_file():
        raise UserError(f"{path} is a file; name a folder")
    _refuse_special(path)


def _refuse_special(path: Path) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} is a device, a pipe or a socket and is not replaced; name another output")


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise UserError if a file is there already and the user did not ask to replace it.

    What is there and is no regular file is never replaced.
    """
    refuse_other_than_file(path)
    if path.exists() and not force:
        raise UserError(f"{path} exists already; name another output, or add --force to replace it")


@contextmanager
def explaining_no_room(path: Path) -> Iterator[None]:
    """Turn a disk that is full or read-only into a UserError that names what could not be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise UserError(
            f"cannot write {path} ({os.strerror(error.errno)}); make room on its disk, or name another place"
        ) from error


@contextmanager
def replacing(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to; when the block ends well, rename it to ``path``.

    The temporary file lies in the same folder and keeps the suffix. If the block raises, it is
    deleted and ``path`` is as it was. Raises UserError if ``path`` exists and not ``force`` or is no
    regular file, or if the folder cannot be written to.
    """
    refuse_to_overwrite(path, force)
    make_folder(path.parent)
    with explaining_no_room(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        with explaining_no_room(path):
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, over one that is there, into a folder that is there.

    For many small files of this project's own: a hidden temporary name beside it, then a rename. Raises
    UserError if what is there is no regular file, or the disk is full or read-only.
    """
    refuse_other_than_file(path)
    temporary = path.with_name(f".{path.name}")
    with explaining_no_room(path):
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
