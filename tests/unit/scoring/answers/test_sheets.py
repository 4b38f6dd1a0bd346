from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.pseudonyms import REMOVED as REMOVED_BY_EXPORTS
from exports.spreadsheets import escape_formulas, unescape_formulas
from scoring.answers.sheets import (
    REMOVED,
    NewSheet,
    check_columns,
    check_writable,
    harmless,
    listed,
    pair_of,
    read_answers,
    read_sheet,
    refuse_same,
    write_sheets,
)
from stimuli.errors import UserError


def write(folder: Path, text: str, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_rows_know_the_line_where_they_begin(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffconcept,response\r\nfire,"a\r\nb"\r\n\r\nkey,c\r\n')
    sheet = read_sheet(path)
    assert sheet.header == ["concept", "response"]
    assert (sheet.rows, sheet.lines) == ([["fire", "a\r\nb"], ["key", "c"]], [2, 5])


def test_semicolons_are_read_where_the_header_has_no_comma(tmp_path: Path) -> None:
    path = write(tmp_path, 'concept;response\nfire;"a, b"\n')
    assert read_sheet(path).rows == [["fire", "a, b"]]
    assert read_sheet(write(tmp_path, "concept,a;b\nfire,1\n")).header == ["concept", "a;b"]


def test_a_column_that_is_written_otherwise_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "Concept ,response\nfire,a\n")
    with pytest.raises(UserError) as caught:
        check_columns(read_sheet(path), ("concept", "response"))
    assert str(caught.value) == f"{path} has no column concept; rename its column 'Concept ' so"


def test_rows_that_do_not_count_are_known_where_the_table_says(tmp_path: Path) -> None:
    rows = ("experiment,False", "experiment,", "practice,False", "catch,False", "experiment,True", ",1.0")
    lines = [f"fire,a,{row}" for row in rows]
    path = write(tmp_path, "\n".join(["concept,response,trial_category,excluded", *lines]))
    assert read_answers(path).counted == [True, True, False, False, False, False]
    assert read_answers(str(write(tmp_path, "concept,response\nfire,a\n"))).counted == [True]


def test_what_cannot_be_written_is_known_before_and_no_folder_is_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deep" / "out.csv", None, force=False)
    assert list(tmp_path.iterdir()) == []
    file = write(tmp_path, "", "file")
    with pytest.raises(UserError) as caught:
        check_writable(file / "out.csv", force=False)
    assert str(caught.value) == (
        f"cannot write to the folder {file} (File exists); choose another one or change its permissions"
    )


def test_a_trial_table_without_the_two_columns_has_them_by_other_names(tmp_path: Path) -> None:
    path = write(tmp_path, "ground_truth,response,response_clean\nfire,17,flame\n")
    answers = read_answers(path)
    assert list(answers.pairs) == [("fire", "flame")]


def test_a_study_s_trial_table_is_read_by_what_was_typed(tmp_path: Path) -> None:
    path = write(tmp_path, 'ground_truth,response_clean,concept,response\nfire,"a,b",fire,A b!\n')
    assert list(read_answers(path).pairs) == [("fire", "A b!")]


def test_chosen_and_removed_answers_were_not_typed(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'concept,response,alternatives\nfire,fire,"[""fire"", ""key""]"\nfire,I am [removed],\nfire,key,\n',
    )
    assert read_answers(path).typed == [False, False, True]


def test_what_the_export_puts_for_an_identifier_is_known() -> None:
    assert REMOVED == REMOVED_BY_EXPORTS


def test_a_parquet_file_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    pd.DataFrame({"concept": ["fire"], "response": ["ÿ"]}).to_parquet(path)
    with pytest.raises(UserError) as caught:
        read_answers(path)
    assert str(caught.value) == (
        f"{path} is a Parquet file and answers are read from CSV; "
        "give the trials.csv that an export has beside it"
    )


@given(st.text(alphabet="'=+-@＝\t\n ab", max_size=6))
def test_no_formula_is_left_and_none_is_escaped_twice(text: str) -> None:
    escaped = escape_formulas(pd.Series([text], dtype="string"))[0]
    assert harmless(harmless(text)) == harmless(text)
    assert harmless(escaped) == escaped
    assert not harmless(text).startswith(("=", "+", "-", "@", "＝", "\t", "\n"))
    assert pair_of("fire", harmless(text)) == pair_of("fire", text)


@given(st.text(alphabet="=+-@＝＋－＠\t\r\nab", max_size=4))
def test_what_is_escaped_is_what_the_exports_escape(text: str) -> None:
    assert harmless(text) == escape_formulas(pd.Series([text], dtype="string"))[0]
    assert unescape_formulas(pd.Series([harmless(text)], dtype="string"))[0] == text


def test_one_pair_however_it_is_written() -> None:
    assert pair_of("Raised_Hand", "the HANDS!") == pair_of("raised hand", "hands") == ("raised hand", "hands")


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    there = write(tmp_path, "precious", "b.csv")
    sheets = [NewSheet(tmp_path / "a.csv", ["x"], [[1]]), NewSheet(there, ["x"], [[2]])]
    with pytest.raises(UserError) as caught:
        write_sheets(sheets, force=False)
    assert str(caught.value) == f"{there} exists already; name another output, or add --force to replace it"
    assert sorted(tmp_path.iterdir()) == [there]
    write_sheets(sheets, force=True)
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["x\n1\n", "x\n2\n"]


def test_spreadsheets_get_the_mark_of_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_sheets([NewSheet(path, ["é"], [], for_spreadsheets=True)], force=False)
    assert path.read_bytes() == "\ufeffé\n".encode()


def test_one_file_for_two_purposes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(UserError) as caught:
        refuse_same(path, None, tmp_path / "b.csv", tmp_path / "x" / ".." / "a.csv")
    named = tmp_path / "x" / ".." / "a.csv"
    assert str(caught.value) == f"{named} is named twice; give each file a name of its own"


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_in_a_sentence(names: list[str], text: str) -> None:
    assert listed(names) == text
