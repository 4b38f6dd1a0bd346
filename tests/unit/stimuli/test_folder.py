"""A user's folder of pictures and its table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stimuli.errors import UserError
from stimuli.files import sha256_of_bytes
from stimuli.sources.folder import LeftOut, Source, scan


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return folder


def table(folder: Path, text: str) -> Path:
    (folder / "sources.csv").write_text(text, encoding="utf-8")
    return folder / "sources.csv"


def test_pictures_are_listed_by_path_with_what_the_table_says(tmp_path: Path) -> None:
    put(tmp_path, "Ice_Cream/b.JPG", "Ice_Cream/a.png", "dog/c.webp", ".git/x.png", "dog/.DS_Store")
    table(tmp_path, "path,credit,cluster\nIce_Cream/a.png,Zoë,anna\n")
    sources, left_out = scan(tmp_path)
    assert left_out == []
    digests = [
        sha256_of_bytes(name.encode()) for name in ("Ice_Cream/a.png", "Ice_Cream/b.JPG", "dog/c.webp")
    ]
    assert sources == [
        Source("Ice_Cream/a.png", digests[0], "ice cream", "anna", "", "Zoë", ""),
        Source("Ice_Cream/b.JPG", digests[1], "ice cream", digests[1][:12]),
        Source("dog/c.webp", digests[2], "dog", digests[2][:12]),
    ]
    assert sources[0].id == digests[0][:12]


def test_files_that_cannot_be_a_picture_are_left_out_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "dog/a.png", "dog/notes.txt", "stray.png", "dog/more/b.png")
    _, left_out = scan(tmp_path)
    assert left_out == [
        LeftOut("dog/more/b.png", "dog/more/b.png is not in a concept's folder; move it to concept/b.png"),
        LeftOut("dog/notes.txt", "dog/notes.txt is not a picture; give a file in .png, .jpg, .jpeg, .webp"),
        LeftOut("stray.png", "stray.png is not in a concept's folder; move it to concept/stray.png"),
    ]


def test_links_out_of_the_folder_and_to_nothing_are_left_out(tmp_path: Path) -> None:
    pictures, elsewhere = tmp_path / "pictures", tmp_path / "elsewhere"
    put(pictures, "dog/a.png")
    put(elsewhere, "b.png", "cat/c.png")
    (pictures / "dog" / "b.png").symlink_to(elsewhere / "b.png")
    (pictures / "cat").symlink_to(elsewhere / "cat")
    (pictures / "dog" / "gone.png").symlink_to(pictures / "dog" / "none.png")
    (pictures / "dog" / "same.png").symlink_to(pictures / "dog")
    sources, left_out = scan(pictures)
    assert [source.path for source in sources] == ["dog/a.png"]
    assert [row.reason for row in left_out] == [
        "cat is a link that leads to no file; put the picture itself there",
        "dog/b.png is a link that leads out of the folder; put the picture itself there",
        "dog/gone.png is a link that leads to no file; put the picture itself there",
        "dog/same.png is a link that leads to no file; put the picture itself there",
    ]


def test_files_that_cannot_be_told_of_or_read_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "dog/a.png", "dog/雪\u3000だるま.png", "_/b.png", "dog/two\nlines.png")
    (tmp_path / "dog" / "loop.png").symlink_to(tmp_path / "dog" / "loop.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/dog/\xff.png")).write_bytes(b"odd")
    sources, left_out = scan(tmp_path)
    assert [source.path for source in sources] == ["dog/a.png", "dog/雪\u3000だるま.png"]
    assert {row.reason for row in left_out} == {
        "_/b.png lies in a folder whose name is no concept; rename the folder",
        "dog/loop.png is a link that leads to no file; put the picture itself there",
        "dog/two?lines.png has characters in its name that cannot be printed; rename it",
        "dog/?.png has characters in its name that cannot be printed; rename it",
    }


def test_white_space_in_the_table_is_one_blank(tmp_path: Path) -> None:
    put(tmp_path, "dog/a.png")
    table(tmp_path, 'path,credit\ndog/a.png,"Zoë\r of\n here "\n')
    sources, _ = scan(tmp_path)
    assert sources[0].credit == "Zoë of here"


def test_no_folder_and_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        scan(tmp_path / "none")
    assert (
        str(error.value) == f"there is no folder {tmp_path / 'none'}; name one that holds concept/picture.png"
    )
    with pytest.raises(UserError) as error:
        scan(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} holds no picture; put pictures (.png, .jpg, .jpeg, .webp) into a folder per concept"
    )


def test_one_picture_twice_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "dog/a.png", "cat/b.png")
    (tmp_path / "cat/b.png").write_bytes((tmp_path / "dog/a.png").read_bytes())
    with pytest.raises(UserError) as error:
        scan(tmp_path)
    assert str(error.value) == "cat/b.png and dog/a.png are the same picture; remove one of them"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,author\n",
            " has the unknown column author; its columns are path, cluster, licence, credit, credit_url",
        ),
        ("cluster\n", " lacks the column path; its columns are path, cluster, licence, credit, credit_url"),
        ("", " lacks the column path; its columns are path, cluster, licence, credit, credit_url"),
        ("path\ndog/b.png\n", ", row 2: there is no picture dog/b.png; correct the path"),
        ("path\ndog/a.png\ndog/a.png\n", ", row 3: dog/a.png is there twice; remove one of the rows"),
        (
            "path,credit\ndog/a.png,Anna,Bob\n",
            ", row 2: more cells than columns; quote a cell that contains a comma",
        ),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    put(tmp_path, "dog/a.png")
    path = table(tmp_path, text)
    with pytest.raises(UserError) as error:
        scan(tmp_path)
    assert str(error.value) == f"{path}{message}"
