"""Writing files: all or nothing, and never over somebody's work."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stimuli.errors import UserError
from stimuli.files import make_folder, replacing, sha256_of_bytes, sha256_of_file, write_bytes, written_text

#: every write to it fails for want of space
FULL = Path("/dev/full")


def test_a_finished_block_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    with replacing(tmp_path / "new" / "out.txt") as temporary:
        temporary.write_text("whole", encoding="utf-8")
    assert (tmp_path / "new" / "out.txt").read_text(encoding="utf-8") == "whole"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.txt"]


def _fail_halfway(path: Path) -> None:
    with replacing(path, force=True) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError("stopped")


def test_a_failed_block_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("before", encoding="utf-8")
    with pytest.raises(RuntimeError, match="stopped"):
        _fail_halfway(out)
    assert out.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("before", encoding="utf-8")
    with pytest.raises(UserError) as error, replacing(out, force=True):
        FULL.write_text("more", encoding="utf-8")
    assert str(error.value) == (
        f"cannot write {out} (No space left on device); make room on its disk, or name another place"
    )
    assert out.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_an_existing_file_is_refused_without_force(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("before", encoding="utf-8")
    with pytest.raises(UserError) as error, replacing(out):
        pass
    assert str(error.value) == f"{out} exists already; name another output, or add --force to replace it"
    assert out.read_text(encoding="utf-8") == "before"


def test_what_is_no_file_is_not_replaced_even_by_force(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError) as error, replacing(pipe, force=True):
        pass
    assert str(error.value) == (
        f"{pipe} is a device, a pipe or a socket and is not replaced; name another output"
    )
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(UserError) as error, replacing(tmp_path, force=True):
        pass
    assert str(error.value) == f"{tmp_path} is a folder; name a file to write"
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_small_files_are_not_written_over_what_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError) as error:
        write_bytes(pipe, b"data")
    assert str(error.value) == (
        f"{pipe} is a device, a pipe or a socket and is not replaced; name another output"
    )
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(UserError) as error:
        write_bytes(tmp_path, b"data")
    assert str(error.value) == f"{tmp_path} is a folder; name a file to write"
    write_bytes(tmp_path / "new", b"one")
    write_bytes(tmp_path / "new", b"two")
    assert (tmp_path / "new").read_bytes() == b"two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "pipe"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder = tmp_path / "file" / "folder"
    with pytest.raises(UserError) as error:
        make_folder(folder)
    assert str(error.value) == (
        f"cannot write to the folder {folder} (Not a directory); choose another one or change its permissions"
    )


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"abc")
    assert sha256_of_file(tmp_path / "data") == sha256_of_bytes(b"abc")
    assert sha256_of_bytes(b"abc").startswith("ba7816bf")


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    for name, content in (("plain", b"caf\xc3\xa9"), ("marked", b"\xef\xbb\xbfcaf\xc3\xa9")):
        (tmp_path / name).write_bytes(content)
        assert written_text(tmp_path / name) == "café"
