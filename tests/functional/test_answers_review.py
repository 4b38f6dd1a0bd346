from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from sklearn.metrics import cohen_kappa_score

from commands.answers import answers
from scoring.answers.sheets import pair_of
from stimuli.errors import UserError

NONSENSE = ("zxqv", "qqvx", "vvkj", "kjjq", "xzzw", "wqqk", "jvvx", "qkkz", "=zzq", "xkkv")


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str | Path) -> Done:
    """Run the command in this process, which loads the libraries once; errors as ``manage`` shows them."""
    done = CliRunner().invoke(answers, [*map(str, arguments)])
    if isinstance(done.exception, UserError):
        return Done(1, done.stdout, f"Error: {done.exception}\n")
    return Done(done.exit_code, done.stdout, done.stderr)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(queue: Path, scores: dict[str, str], out: Path) -> Path:
    """Fill in a queue as a rater would, by the words of the answers."""
    rows = rows_of(queue)
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"score": scores[pair_of(row["concept"], row["response"])[1]]} for row in rows)
    return out


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [f"P{number},noisy,fire,{word},0" for number, word in enumerate(NONSENSE)]
    others = ["P1,clean,fire,fire,1", "P2,clean,fire,,0", "P3,clean,fire,The ZXQV!,0", *rows, *rows]
    return write(
        tmp_path / "in.csv", "participant,condition,concept,response,published\n" + "\n".join(others)
    )


def test_from_open_answers_to_scores(tmp_path: Path, source: Path) -> None:
    queues = [tmp_path / "queue_1.csv", tmp_path / "queue_2.csv"]
    done = run("review", source, *queues)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"Wrote 10 answers to read to {queues[0]} and {queues[1]}. Fill in the scores"
    )
    one, other = map(rows_of, queues)
    assert list(one[0]) == ["item", "concept", "response", "score", "note"]
    assert one != other
    assert {row["response"] for row in one} == {*NONSENSE} - {"=zzq"} | {"'=zzq"}

    scores_1 = {word.strip("="): ("1", "0", "0.5")[at // 4] for at, word in enumerate(NONSENSE)}
    scores_2 = scores_1 | {"zxqv": "0.5", "xkkv": "0"}
    filled = [
        fill(queue, scores, tmp_path / f"f{queue.name}")
        for queue, scores in zip(queues, (scores_1, scores_2), strict=True)
    ]
    rated, third = tmp_path / "rated.csv", tmp_path / "queue_3.csv"
    done = run("ratings", *filled, rated, "--disputed", third, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    words = sorted(scores_1)
    ranks = [[("0", "0.5", "1").index(scores[word]) for word in words] for scores in (scores_1, scores_2)]
    right = [[rank >= 1 for rank in ranked] for ranked in ranks]
    assert (found["items"], found["differ"], len(found["undecided"])) == (10, 2, 2)
    assert found["agreement"] == pytest.approx(0.8)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(*right))
    assert found["quadratic_kappa"] == pytest.approx(cohen_kappa_score(*ranks, weights="quadratic"))
    assert found["kappa_low"] < found["kappa"] < found["kappa_high"]
    means = {pair_of("fire", row["response"])[1]: row for row in rows_of(rated)}
    assert means["zxqv"] | {"concept": "", "response": ""} == {
        **{"concept": "", "response": "", "score": "0.75"},
        **{"score_1": "1", "score_2": "0.5", "score_3": "", "agreed": "False"},
    }

    decided = fill(third, {"zxqv": "1", "xkkv": "0"}, tmp_path / "f3.csv")
    assert len(rows_of(third)) == 2
    assert run("ratings", *filled, rated, "--third", decided, "--force", "--quiet").stdout == ""
    judged = tmp_path / "judged.csv"
    assert run("judge", source, judged, "--rated", rated).returncode == 0
    scores = [(row["soft_correct"], row["rule"]) for row in rows_of(judged)]
    assert scores[:4] == [("1", "exact"), ("0", "no_answer"), ("1", "rated"), ("1", "rated")]
    assert len({row["judge_version"] for row in rows_of(judged)}) == 1
    again = run("review", source, *queues, "--rated", rated, "--force", "--json")
    assert json.loads(again.stdout)["items"] == 0


def test_raters_are_told_where_they_differ(tmp_path: Path) -> None:
    header = "item,concept,response,score,note\n"
    one = write(tmp_path / "1.csv", f"{header}a1,fire,zxqv,1,\na2,key,qqvx,0,\n")
    other = write(tmp_path / "2.csv", f"{header}a2,key,qqvx,0,\na1,fire,zxqv,0,\n")
    done = run("ratings", one, other, tmp_path / "rated.csv")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["a1", "fire", "zxqv", "1", "0"] in lines
    assert done.stdout.startswith(" ")
    assert "On 1 they differ: the mean stands until a third decides." in done.stdout


def test_raters_who_gave_one_score_have_no_kappa(tmp_path: Path) -> None:
    queue = write(tmp_path / "1.csv", "item,concept,response,score,note\na1,fire,zxqv,0,\na2,fire,qv,0,\n")
    copy = write(tmp_path / "2.csv", queue.read_text())
    done = run("ratings", queue, copy, tmp_path / "rated.csv", "--json")
    found = json.loads(done.stdout)
    assert (found["agreement"], found["kappa"], found["quadratic_kappa"]) == (1.0, None, None)
    assert found["kappa_reason"] == "both_raters_always_chose_one_category"


def test_where_nothing_is_open_nothing_is_written(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fire\n")
    queues = [tmp_path / "1.csv", tmp_path / "2.csv"]
    done = run("review", source, *queues)
    assert done.stdout == "No answer of 1 rows is left to read; wrote nothing.\n"
    assert list(tmp_path.iterdir()) == [source]


def test_answers_that_name_another_concept_may_be_left_out(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nsailboat,umbrella\numbrella,zxqv\n")
    queues = [tmp_path / "1.csv", tmp_path / "2.csv"]
    done = run("review", source, *queues, "--skip-named")
    assert done.stdout.startswith(
        f"Wrote 1 answers to read to {queues[0]} and {queues[1]}. 1 that name another concept are left out. "
        "Fill in the scores: 1 = names it"
    )
    assert [row["response"] for row in rows_of(queues[0])] == ["zxqv"]


def test_raters_who_agree_leave_nothing_for_a_third(tmp_path: Path) -> None:
    queue = write(tmp_path / "1.csv", "item,concept,response,score,note\na1,fire,zxqv,0,\n")
    copy, third = write(tmp_path / "2.csv", queue.read_text()), tmp_path / "3.csv"
    done = run("ratings", queue, copy, tmp_path / "rated.csv", "--disputed", third)
    assert done.stdout.endswith(f"They differ on none, so {third} was not written.\n")
    assert not third.exists()


def test_bad_queues_write_nothing(tmp_path: Path) -> None:
    one = write(tmp_path / "1.csv", "item,concept,response,score,note\na1,fire,zxqv,,\n")
    other = write(tmp_path / "2.csv", "item,concept,response,score,note\na1,fire,zxqv,1,\n")
    done = run("ratings", one, other, tmp_path / "rated.csv")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {one} has no score in line 2; fill in 0, 0.5 or 1\n",
    )
    assert sorted(tmp_path.iterdir()) == [one, other]


def test_one_file_for_both_raters_is_refused(tmp_path: Path, source: Path) -> None:
    queue = tmp_path / "queue.csv"
    done = run("review", source, queue, queue)
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {queue} is named twice; give each file a name of its own\n",
    )
    assert not queue.exists()


def test_a_queue_that_is_there_is_kept(tmp_path: Path, source: Path) -> None:
    queue = write(tmp_path / "2.csv", "hours of work")
    done = run("review", source, tmp_path / "1.csv", queue)
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {queue} exists already; name another output, or add --force to replace it\n",
    )
    assert sorted(tmp_path.iterdir()) == [queue, source]


def test_a_lexicon_s_concept_that_nobody_was_shown_is_told(tmp_path: Path, source: Path) -> None:
    lexicon = write(tmp_path / "lexicon.toml", '[nope]\naccept = ["x"]\n')
    queues = (tmp_path / "1.csv", tmp_path / "2.csv")
    done = run("review", source, *queues, "--lexicon", lexicon)
    assert done.stdout.endswith("0 = neither. The lexicon has no use here for nope.\n")
