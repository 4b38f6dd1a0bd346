from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from exports.folders import refuse_to_replace, replacing_folder
from stimuli.errors import UserError


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("1", encoding="utf-8")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def fail_half_way(out: Path) -> None:
    with replacing_folder(out) as folder:
        (folder / "new").write_text("2", encoding="utf-8")
        raise RuntimeError("half way")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("1", encoding="utf-8")
    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_may_be_filled_and_a_file_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refuse_to_replace(tmp_path / "empty", "export.json", force=False)
    refuse_to_replace(tmp_path / "absent", "export.json", force=False)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError) as error:
        refuse_to_replace(tmp_path / "file", "export.json", force=True)
    assert str(error.value) == f"{tmp_path / 'file'} is a file; name a folder"


def test_what_is_no_folder_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = f"{pipe} is a device, a pipe or a socket and is not replaced; name another output"
    with pytest.raises(UserError) as error:
        refuse_to_replace(pipe, "export.json", force=True)
    assert str(error.value) == said
    with pytest.raises(UserError) as error, replacing_folder(pipe):
        pass
    assert str(error.value) == said
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_parent_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(UserError, match="cannot write to the folder"),
        replacing_folder(tmp_path / "file" / "out"),
    ):
        pass
