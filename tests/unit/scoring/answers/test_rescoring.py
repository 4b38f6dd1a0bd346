from __future__ import annotations

from pathlib import Path

import pytest

from scoring.answers.rescoring import COLUMNS, Change, ConceptChange, Score, change_rows, compare_judgements
from stimuli.errors import UserError

HEADER = "concept,response,hard_correct,soft_correct,rule,judge_version"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_what_changed_is_counted_by_answer_concept_and_rule(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old.csv",
        "fire,Blaze,False,0,no_match,j-1",
        "fire,blaze,False,0,no_match,j-1",
        "fire,blaze,False,0,no_match,j-1",
        "fire,fire,True,1,exact,j-1",
        "key,kye,False,1,lexicon_accept,j-1",
        "key,door,False,0.5,related,j-1",
    )
    new = write(
        tmp_path / "new.csv",
        "fire,Blaze,False,1,synonym,j-2",
        "fire,blaze,False,1,synonym,j-2",
        "fire,blaze,False,1,synonym,j-2",
        "fire,fire,True,1,inflection,j-2",
        "key,kye,True,1,spelling,j-2",
        "key,door,False,0,no_match,j-2",
    )
    found = compare_judgements(old, new)
    assert (found.n, found.unjudged, found.changed) == (6, 0, 5)
    assert found.versions == (("j-1",), ("j-2",))
    assert found.concepts == [
        ConceptChange("fire", 4, 3, 0.25, 1.0, 0, 0),
        ConceptChange("key", 2, 2, 0.75, 0.5, 1, 0),
    ]
    assert found.changes == [
        Change("fire", "blaze", 3, Score(False, 0, "no_match"), Score(False, 1, "synonym")),
        Change("key", "door", 1, Score(False, 0.5, "related"), Score(False, 0, "no_match")),
        Change("key", "kye", 1, Score(False, 1, "lexicon_accept"), Score(True, 1, "spelling")),
    ]
    assert found.rules == {
        ("no_match", "synonym"): 3,
        ("exact", "inflection"): 1,
        ("lexicon_accept", "spelling"): 1,
        ("related", "no_match"): 1,
    }


def test_nothing_changed(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", "fire,fire,True,1,exact,j-1")
    found = compare_judgements(old, write(tmp_path / "new.csv", "fire,fire,1,1.0,exact,j-2"))
    assert (found.n, found.changed, found.changes, dict(found.rules)) == (1, 0, [], {})


def test_files_without_rule_and_version(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old.csv",
        "fire,fire,,0.0,1",
        header="ground_truth,response_clean,hard,soft_correct,hard_correct",
    )
    new = write(tmp_path / "new.csv", "fire,fire,False,0,x,j-2")
    found = compare_judgements(old, new)
    assert found.versions == ((), ("j-2",))
    assert (found.changed, dict(found.rules)) == (1, {("", "x"): 1})


def test_a_rule_that_only_one_file_tells_is_no_change(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", "fire,fire,True,1", header="concept,response,hard_correct,soft_correct")
    found = compare_judgements(old, write(tmp_path / "new.csv", "fire,fire,True,1,exact,j-2"))
    assert (found.changed, dict(found.rules)) == (0, {})


def test_rows_without_a_score_are_left_out(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old.csv", "fire,a,,,,", "fire,b,False,0,no_match,j-1", "fire,c,False,0,no_match,j-1"
    )
    new = write(tmp_path / "new.csv", "fire,a,True,1,exact,j-2", "fire,b,,,,", "fire,c,False,0.5,part,j-2")
    found = compare_judgements(old, new)
    assert (found.n, found.unjudged, found.changed) == (1, 2, 1)
    assert found.concepts == [ConceptChange("fire", 1, 1, 0.0, 0.5, 0, 0)]


def test_the_table_of_changes_is_safe_for_spreadsheets(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", "fire,=a,False,0,no_match,j-1")
    new = write(tmp_path / "new.csv", "fire,'=a,True,0.25,exact,j-1")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in change_rows(compare_judgements(old, new).changes)]
    assert rows == [
        {
            "concept": "fire",
            "response": "'=a",
            "n": 1,
            "soft_before": "0",
            "soft_after": "0.25",
            "hard_before": False,
            "hard_after": True,
            "rule_before": "no_match",
            "rule_after": "exact",
        }
    ]


ONE = "fire,fire,True,1,exact,j-1"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            [ONE],
            [ONE, ONE],
            "{old} has 1 rows and {new} has 2; give two judgements of the same answers in the same order",
        ),
        (
            [ONE, ONE],
            [ONE, "fire,flame,True,1,exact,j-1"],
            "{old} has another answer in line 3 than {new} in line 3; "
            "give two judgements of the same answers in the same order",
        ),
        (
            [ONE],
            ["fire,fire,maybe,1,exact,j-1"],
            "{new} has the hard_correct 'maybe' in line 2; it must be True or False",
        ),
        (
            ["fire,fire,True,2,exact,j-1"],
            [ONE],
            "{old} has the soft_correct '2' in line 2; it must be a number from 0 to 1",
        ),
        (
            [ONE],
            ["fire,fire,True,,exact,j-1"],
            "{new} has the soft_correct '' in line 2; it must be a number from 0 to 1",
        ),
    ],
)
def test_what_cannot_be_compared(tmp_path: Path, old: list[str], new: list[str], message: str) -> None:
    paths = {"old": write(tmp_path / "old.csv", *old), "new": write(tmp_path / "new.csv", *new)}
    with pytest.raises(UserError) as caught:
        compare_judgements(*paths.values())
    assert str(caught.value) == message.format(**paths)


def test_a_file_that_was_not_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "old.csv", "fire,fire", header="concept,response")
    with pytest.raises(UserError) as caught:
        compare_judgements(path, write(tmp_path / "new.csv", ONE))
    assert str(caught.value) == (
        f"{path} has no column hard_correct; it needs concept, response, hard_correct and soft_correct"
    )


def test_no_rows(tmp_path: Path) -> None:
    found = compare_judgements(write(tmp_path / "old.csv"), write(tmp_path / "new.csv"))
    assert (found.n, found.changed, found.concepts) == (0, 0, [])


def test_rows_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    header = "concept,response,trial_category,hard_correct,soft_correct"
    rows = ("fire,blaze,experiment,False,{0}", "fire,blaze,practice,False,{0}", "fire,x,catch,,")
    one, other = (
        write(tmp_path / f"{soft}.csv", *(row.format(soft) for row in rows), header=header) for soft in (0, 1)
    )
    found = compare_judgements(one, other)
    assert (found.n, found.unjudged, found.uncounted, found.changed) == (1, 1, 1, 1)
