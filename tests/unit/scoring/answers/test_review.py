from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from scoring.answers import JUDGE_VERSION, Lexicon, judge
from scoring.answers.review import (
    CONVENTIONS,
    QUEUE,
    Decision,
    Item,
    Rated,
    decide,
    disputed,
    item_id,
    names_another,
    open_items,
    queue_rows,
    rated_rows,
    read_rated,
    read_ratings,
)
from scoring.answers.sheets import Answers, pair_of, read_answers
from stimuli.errors import UserError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def answers(folder: Path, *rows: str) -> Answers:
    return read_answers(write(folder / "in.csv", "\n".join(["concept,response", *rows]) + "\n"))


def texts(items: list[Item]) -> list[tuple[str, str]]:
    return sorted((item.concept, item.response) for item in items)


def test_only_what_the_judge_leaves_open_is_read(tmp_path: Path) -> None:
    table = answers(tmp_path, "fire,fire", "fire,zxqv", "fire,", "fire,idk", "key,zxqv", "key,keys")
    assert texts(open_items(table)) == [("fire", "zxqv"), ("key", "zxqv")]
    everything = open_items(table, everything=True)
    assert texts(everything) == [("fire", "fire"), ("fire", "zxqv"), ("key", "keys"), ("key", "zxqv")]


def test_an_answer_is_there_once_as_most_often_typed(tmp_path: Path) -> None:
    table = answers(tmp_path, "Fire,The ZXQV", "fire,zxqv!", "fire,zxqv!", "fire,zxqv")
    assert texts(open_items(table)) == [("fire", "zxqv!")]


def test_what_the_lexicon_knows_or_was_read_before_is_left_out(tmp_path: Path) -> None:
    table = answers(tmp_path, "fire,zxqv", "fire,qqvx", "fire,vvkj")
    lexicon = Lexicon.of({"fire": {"accept": ["zxqv"]}})
    rated = Rated.of({pair_of("fire", "QQVX"): 0.0})
    assert texts(open_items(table, lexicon, rated=rated)) == [("fire", "vvkj")]


def test_only_some_concepts(tmp_path: Path) -> None:
    table = answers(tmp_path, "raised hand,zxqv", "fire,zxqv")
    assert texts(open_items(table, only=["Raised_Hand"])) == [("raised hand", "zxqv")]
    with pytest.raises(UserError) as caught:
        open_items(table, only=["sailboat"])
    assert str(caught.value) == (
        f"{tmp_path / 'in.csv'} has no concept 'sailboat'; it has fire and raised hand"
    )


def test_chosen_answers_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", "concept,response,alternatives\nfire,zxqv,[]\nfire,qqvx,\n")
    assert texts(open_items(read_answers(path))) == [("fire", "qqvx")]


def test_practice_catch_trials_and_excluded_rows_are_not_read(tmp_path: Path) -> None:
    header = "concept,response,trial_category,excluded"
    rows = ("fire,zxqv,experiment,False", "fire,qqvx,practice,False", "fire,vvkj,experiment,True")
    path = write(tmp_path / "in.csv", "\n".join([header, *rows]) + "\n")
    assert texts(open_items(read_answers(path))) == [("fire", "zxqv")]


def test_an_answer_that_names_another_concept_is_known(tmp_path: Path) -> None:
    table = answers(tmp_path, "sailboat,umbrella", "sailboat,zxqv", "umbrella,parasol xx")
    named = {item.response for item in open_items(table, everything=True) if names_another(item, table)}
    assert named == {"umbrella"}


def test_a_queue_without_items_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "1.csv", "item,concept,response,score,note\n")
    with pytest.raises(UserError) as caught:
        read_ratings(str(path))
    assert str(caught.value) == f"{path} has a header and no items; give a queue that has answers to read"


ITEMS = [Item(item_id(("fire", word)), "fire", word) for word in ("=zx", "qv", "vk", "kj", "jq", "xz")]


def test_each_rater_has_an_order_of_their_own_and_nothing_but_the_texts() -> None:
    one, other = queue_rows(ITEMS, 1), queue_rows(ITEMS, 2)
    assert one != other
    assert sorted(one) == sorted(other)
    assert one == queue_rows(ITEMS, 1)
    assert one != queue_rows(ITEMS, 1, seed=1)
    assert sorted(row[1:] for row in one)[0] == ("fire", "'=zx", "", "")
    assert {len(row) for row in one} == {len(QUEUE)}


def test_an_item_has_one_id_in_every_queue_and_is_never_read_as_a_number() -> None:
    assert item_id(pair_of("Fire", "the ZX")) == item_id(pair_of("fire", "zx")) != item_id(("fire", "xz"))
    assert item_id(("fire", "zx")).startswith("a")
    assert item_id(("a b", "c")) != item_id(("a", "b c"))


def filled(folder: Path, name: str, rows: list[tuple[str, str, str, str]], delimiter: str = ",") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerows([QUEUE, *((*row, "") for row in rows)])
    return path


A, B, C = ("a1", "fire", "zx"), ("a2", "fire", "qv"), ("a3", "key", "vk")


def test_scores_come_together_by_item_in_whatever_order_they_stand(tmp_path: Path) -> None:
    one = filled(tmp_path, "1.csv", [(*A, "1"), (*B, " .5 "), (*C, "0")])
    other = filled(tmp_path, "2.csv", [(*C, "0"), (*B, "0,5"), ("a1", "FIRE", "'zx", "0.0")], ";")
    found = decide(one, other)
    assert [(one.first, one.second, one.agreed, one.score) for one in found] == [
        (1.0, 0.0, False, 0.5),
        (0.5, 0.5, True, 0.5),
        (0.0, 0.0, True, 0.0),
    ]
    assert disputed(found) == [found[0]]
    assert next(rated_rows(found)) == ("fire", "zx", "0.5", "1", "0", "", False)


def test_a_third_rater_decides_where_two_differ(tmp_path: Path) -> None:
    one = filled(tmp_path, "1.csv", [(*A, "1"), (*B, "0.5"), (*C, "0")])
    other = filled(tmp_path, "2.csv", [(*A, "0"), (*B, "1"), (*C, "0")])
    third = filled(tmp_path, "3.csv", [(*A, "1")])
    found = decide(one, other, third)
    assert [(one.score, one.third) for one in found] == [(1.0, 1.0), (0.75, None), (0.0, None)]
    assert disputed(found) == [found[1]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(*A, "1"), (*B, "")], "{path} has no score in line 3; fill in 0, 0.5 or 1"),
        (
            [(*A, " "), (*B, "1"), (*C, "")],
            "{path} has no score in 2 lines, the first of them line 2; fill in 0, 0.5 or 1",
        ),
        ([(*A, "0.7")], "{path} has the score '0.7' in line 2; it must be 0, 0.5 or 1"),
        ([(*A, "yes")], "{path} has the score 'yes' in line 2; it must be 0, 0.5 or 1"),
        ([(*A, "nan")], "{path} has the score 'nan' in line 2; it must be 0, 0.5 or 1"),
        ([(*A, "1"), (*B, "1"), (*A, "1")], "{path} has the item a1 in lines 2 and 4; keep one"),
        ([("", "fire", "zx", "1")], "{path} has no item in line 2; put back the one of the queue"),
    ],
)
def test_a_queue_that_is_not_filled_right(
    tmp_path: Path, rows: list[tuple[str, str, str, str]], message: str
) -> None:
    path = filled(tmp_path, "1.csv", rows)
    with pytest.raises(UserError) as caught:
        read_ratings(path)
    assert str(caught.value) == message.format(path=path)


def test_a_queue_without_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "1.csv", "item,concept,response\na1,fire,zx\n")
    with pytest.raises(UserError) as caught:
        read_ratings(path)
    assert str(caught.value) == f"{path} has no column score; it needs item, concept, response and score"


def test_two_queues_of_other_items(tmp_path: Path) -> None:
    one, other = filled(tmp_path, "1.csv", [(*A, "1"), (*B, "1")]), filled(tmp_path, "2.csv", [(*A, "1")])
    for first, second in itertools.permutations((one, other)):
        with pytest.raises(UserError) as caught:
            decide(first, second)
        assert str(caught.value) == (
            f"{one} has the item a2 in line 3, which {other} does not have; "
            "give two queues that were written together"
        )


def test_a_column_that_was_sorted_alone_is_noticed(tmp_path: Path) -> None:
    one = filled(tmp_path, "1.csv", [(*A, "1"), (*B, "1")])
    other = filled(tmp_path, "2.csv", [("a1", "fire", "qv", "1"), ("a2", "fire", "zx", "1")])
    with pytest.raises(UserError) as caught:
        decide(one, other)
    assert str(caught.value) == (
        f"the item a1 has another concept or response in line 2 of {one} than in line 2 of {other}; "
        "put back what the queue had"
    )


def test_a_third_rater_reads_only_what_is_disputed(tmp_path: Path) -> None:
    one, other = filled(tmp_path, "1.csv", [(*A, "1")]), filled(tmp_path, "2.csv", [(*A, "1")])
    third = filled(tmp_path, "3.csv", [(*A, "1")])
    with pytest.raises(UserError) as caught:
        decide(one, other, third)
    assert str(caught.value) == (
        f"{third} has the item a1 in line 2, on which the two raters do not differ; leave it out"
    )


def test_decisions_read_back_as_they_were_written(tmp_path: Path) -> None:
    rows = rated_rows([Decision(ITEMS[0], 0.5, 1.0), Decision(ITEMS[1], 0.0, 1.0, 1.0)])
    lines = ["concept,response,score", *(",".join(map(str, row[:3])) for row in rows)]
    rated = read_rated(str(write(tmp_path / "rated.csv", "\n".join(lines))))
    assert rated.scores == {("fire", "zx"): 0.75, ("fire", "qv"): 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fire,zx,\n", "{path} has the score '' in line 2; it must be a number from 0 to 1"),
        ("fire,zx,1.5\n", "{path} has the score '1.5' in line 2; it must be a number from 0 to 1"),
        ("fire,zx,nan\n", "{path} has the score 'nan' in line 2; it must be a number from 0 to 1"),
        ("fire,?,1\n", "{path} has no response in line 2; leave the line out"),
        (",zx,1\n", "{path} has no concept in line 2; fill it in or leave the line out"),
        ("fire,zx,1\nFire,ZX,1\n", "{path} has one answer to one concept in lines 2 and 3; keep one"),
    ],
)
def test_decisions_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "rated.csv", f"concept,response,score\n{text}")
    with pytest.raises(UserError) as caught:
        read_rated(path)
    assert str(caught.value) == message.format(path=path)


def test_a_decision_leaves_hard_and_drops_the_words_scores() -> None:
    rated = Rated.of({pair_of("fire", "fire"): 0.0})
    found = rated.apply(judge("fire", "fire"), "fire", "FIRE")
    assert (found.hard, found.soft, found.rule, found.word_scores) == (True, 0.0, "rated", ())
    other = rated.apply(judge("fire", "fires"), "fire", "fires")
    assert (other.soft, other.rule, other.word_scores) == (1.0, "inflection", (1.0,))
    assert found.version == other.version == f"{JUDGE_VERSION}+{rated.digest}"


def test_the_version_tells_lexicon_and_decisions() -> None:
    lexicon, rated = Lexicon.of({"fire": {"accept": ["zx"]}}), Rated.of({("fire", "qv"): 1.0})
    found = rated.apply(judge("fire", "zx", lexicon), "fire", "zx")
    assert found.version == f"{JUDGE_VERSION}+{lexicon.digest}+{rated.digest}"


def test_the_digest_depends_on_the_decisions_only() -> None:
    one = Rated.of({("fire", "zx"): 1.0, ("fire", "qv"): 0.0})
    assert one.digest == Rated.of({("fire", "qv"): 0, ("fire", "zx"): 1}).digest
    assert one.digest != Rated.of({("fire", "zx"): 1.0, ("fire", "qv"): 0.5}).digest


def test_no_decisions_change_nothing() -> None:
    assert Rated.of({}).apply(judge("fire", "zx"), "fire", "zx") == judge("fire", "zx")


def test_the_conventions_are_on_the_page() -> None:
    page = (Path(__file__).parents[4] / "docs" / "reviewing-answers.md").read_text(encoding="utf-8")
    told = " ".join(page.split())
    assert all(part.partition(" = ")[2] in told for part in CONVENTIONS.split("; "))
