from __future__ import annotations

from pathlib import Path

import pytest

from scoring.answers import Lexicon
from scoring.answers.judge import JUDGE_VERSION
from scoring.answers.judged import ADDED, NAMED, judge_answers, judged_rows, names_in_answers, refuse_columns
from scoring.answers.review import Rated
from scoring.answers.sheets import Answers, pair_of, read_answers
from stimuli.errors import UserError


def answers(folder: Path, text: str) -> Answers:
    path = folder / "in.csv"
    path.write_text(text, encoding="utf-8")
    return read_answers(path)


def again(table: Answers, lexicon: Lexicon | None = None) -> tuple[list[str], list[list[str]]]:
    return judged_rows(table, judge_answers(table, lexicon))


def test_columns_that_are_there_are_filled_where_they_stand(tmp_path: Path) -> None:
    table = answers(
        tmp_path, "soft_correct,concept,hard_correct,response,rt\n0,fire,False,fire,1\n1,fire,True,zxqv,2\n"
    )
    header, rows = again(table)
    assert header == ["soft_correct", "concept", "hard_correct", "response", "rt", "rule", "judge_version"]
    assert rows == [
        ["1", "fire", "True", "fire", "1", "exact", JUDGE_VERSION],
        ["0", "fire", "False", "zxqv", "2", "no_match", JUDGE_VERSION],
    ]


def test_judging_again_with_the_same_changes_nothing(tmp_path: Path) -> None:
    table = answers(tmp_path, "concept,response\nfire,fire\nfire,zxqv\nkey,\n")
    header, rows = again(table)
    path = tmp_path / "again.csv"
    path.write_text("\n".join(",".join(row) for row in [header, *rows]), encoding="utf-8")
    assert again(read_answers(path)) == (header, rows)


def test_what_cannot_be_judged_from_its_text_keeps_its_score(tmp_path: Path) -> None:
    table = answers(
        tmp_path,
        "concept,response,alternatives,hard_correct,soft_correct\n"
        "fire,fire,[],False,0.25\nfire,[removed] fire,,True,1.0\nfire,,,,\n"
        "fire,,,True,1.0\nfire,,,False,0.0\nfire,fire,,False,0\n",
    )
    assert [row[3:] for row in again(table)[1]] == [
        ["False", "0.25", "", ""],
        ["True", "1.0", "", ""],
        ["", "", "", ""],
        ["True", "1.0", "", ""],
        ["False", "0", "no_answer", JUDGE_VERSION],
        ["True", "1", "exact", JUDGE_VERSION],
    ]


def test_alternatives_without_a_score_are_judged(tmp_path: Path) -> None:
    assert [
        row[3] for row in again(answers(tmp_path, "concept,response,alternatives\nfire,fire,x\n"))[1]
    ] == ["True"]


def test_the_other_concepts_are_those_of_the_file(tmp_path: Path) -> None:
    table = answers(tmp_path, "concept,response\nglobe,glove\nglove,glove\n")
    assert [found.rule for found in judge_answers(table) if found] == ["no_match", "exact"]


def test_what_raters_decided_goes_first(tmp_path: Path) -> None:
    table = answers(tmp_path, "concept,response\nfire,Zxqv!\nfire,fire\nkey,zxqv\n")
    rated = Rated.of({pair_of("fire", "zxqv"): 0.75})
    found = [one for one in judge_answers(table, rated=rated) if one]
    assert [(one.rule, one.soft, one.hard) for one in found] == [
        ("rated", 0.75, False),
        ("exact", 1, True),
        ("no_match", 0, False),
    ]
    assert {one.version for one in found} == {f"{JUDGE_VERSION}+{rated.digest}"}


def test_each_answer_tells_which_concept_it_names(tmp_path: Path) -> None:
    table = answers(
        tmp_path, "concept,response\nsailboat,umbrella\numbrella,umbrellas\nsailboat,zxqv\nkey,\n"
    )
    names = list(names_in_answers(table))
    assert names == ["umbrella", "umbrella", "", ""]
    header, rows = judged_rows(table, judge_answers(table), names)
    assert header[-1] == NAMED
    assert [row[-1] for row in rows] == names


@pytest.mark.parametrize("column", [*ADDED, NAMED])
def test_a_column_that_is_there_is_refused(tmp_path: Path, column: str) -> None:
    table = answers(tmp_path, f"concept,response,{column}\nfire,fire,x\n")
    with pytest.raises(UserError) as caught:
        refuse_columns(table, (*ADDED, NAMED))
    assert str(caught.value) == (
        f"{tmp_path / 'in.csv'} has a column {column} already, which the judge adds; "
        "rename or drop it, or add --replace to judge again"
    )
