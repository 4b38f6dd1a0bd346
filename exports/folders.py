"""Writing a folder so that a reader never meets half of one, and no one loses one by accident."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stimuli.errors import UserError
from stimuli.files import explaining_no_room, make_folder, refuse_other_than_folder


def refuse_to_replace(out: Path, marker: str, force: bool) -> None:
    """Raise UserError if a folder has something in it that may not be replaced.

    ``marker`` is the file by which our own output is known: ``force`` replaces that and nothing else.
    """
    refuse_other_than_folder(out)
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not force:
        raise UserError(f"{out} is not empty; name another folder, or add --force to replace an export")
    if not (out / marker).is_file():
        raise UserError(
            f"{out} holds something other than an export, which --force spares; name another folder"
        )


@contextmanager
def replacing_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; when the block ends well it takes the place of ``out``.

    If the block raises, the temporary folder is deleted and ``out`` is as it was. Raises UserError if
    ``out`` is there and no folder, or the parent folder cannot be written to.
    """
    refuse_other_than_folder(out)
    make_folder(out.parent)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    replaced = temporary.with_name(f"{temporary.name}-replaced")
    try:
        with explaining_no_room(out):
            yield temporary
            temporary.chmod(0o755)
            if out.exists():
                out.rename(replaced)
            temporary.rename(out)
    except BaseException:
        if replaced.exists() and not out.exists():
            replaced.rename(out)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
