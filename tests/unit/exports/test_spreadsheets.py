from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.spreadsheets import escape_formulas, safe_for_spreadsheets, unescape_formulas


@pytest.mark.parametrize("text", ["=1+1", "+1", "-dog", "@sum", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''-1"])
def test_what_a_spreadsheet_would_run_is_escaped(text: str) -> None:
    escaped = escape_formulas(pd.Series([text], dtype="string"))
    assert escaped[0] == "'" + text


@pytest.mark.parametrize("text", ["dog", "a=b", "'tis", "1-2", "", "don't"])
def test_other_text_is_left_alone(text: str) -> None:
    assert escape_formulas(pd.Series([text], dtype="string"))[0] == text


@given(st.lists(st.text(alphabet="'=+-@ab\t\n", max_size=6), min_size=1))
def test_escaping_is_undone_exactly_and_leaves_no_formula(texts: list[str]) -> None:
    column = pd.Series(texts, dtype="string")
    escaped = escape_formulas(column)
    assert unescape_formulas(escaped).tolist() == texts
    assert not escaped.str.match(r"[=+\-@\t\n]").any()


def test_missing_values_and_numbers_stay() -> None:
    frame = pd.DataFrame({"text": pd.Series(["=1", None], dtype="string"), "number": [-1.0, 2.0]})
    safe = safe_for_spreadsheets(frame)
    assert safe["text"].tolist() == ["'=1", pd.NA]
    assert safe["number"].tolist() == [-1.0, 2.0]
    assert frame["text"][0] == "=1"
