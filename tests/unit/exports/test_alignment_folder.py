from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from exports.alignment.folder import FORMAT_VERSION, refuse_existing, summarise, write_alignment
from exports.alignment.origin import Origin
from exports.alignment.page import refusals, sentence, tiles
from exports.alignment.tables import all_tables
from scoring.alignment.align import Alignment, Refused, Settings, align
from scoring.alignment.of_trials import read_answered
from scoring.alignment.unit_choices import read_choices
from scoring.trial_table import read_trials
from stimuli.errors import UserError
from tests.functional.forced_choice_study import trial_table, write

ORIGIN = Origin(
    "simulated <b>",
    "python manage.py align trials.csv --out alignment",
    {"trials.csv": "0" * 64},
    {"net": "weights of nobody"},
    ("Every participant who answered was simulated: these are no human data.", "Another note."),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Alignment:
    files = write(tmp_path_factory.mktemp("trials"), trial_table(people=8, sources=5))
    observations = read_answered(read_trials(files.table), "trials.csv").observations
    rows = read_choices(files.choices, observations)
    frame = pd.concat([observations.frame, rows], ignore_index=True)
    return align(replace(observations, frame=frame), settings=Settings(resamples=100))


def test_the_folder_has_every_table_and_the_page(found: Alignment, tmp_path: Path) -> None:
    out = tmp_path / "alignment"
    write_alignment(found, ORIGIN, out)
    tables = {path.stem for path in out.glob("*.csv")}
    assert tables == {*found.tables, "refused"}
    assert (out / "report.html").stat().st_size > 10_000
    assert {path.name for path in (out / "figures").iterdir()} >= {
        "accuracy_by_condition.svg",
        "confusions_people.svg",
    }


def test_the_same_alignment_gives_the_same_bytes(found: Alignment, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        write_alignment(found, ORIGIN, tmp_path / name)
        pages.append(
            {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        )
    assert pages[0] == pages[1]


def test_the_summary_has_each_estimate_with_all_that_travels_with_it(found: Alignment) -> None:
    summary = json.loads(json.dumps(summarise(found, ORIGIN), allow_nan=False))
    assert summary["format_version"] == FORMAT_VERSION
    assert (summary["n_observers"], summary["n_models"], summary["alternatives"]) == (8, 1, 8)
    for name, one in found.estimates.items():
        assert (summary[name] is None) == math.isnan(one.value)
        for end in ("low", "high", "n", "unit", "null", "reason"):
            assert f"{name}_{end}" in summary
    assert summary["weights"] == {"net": "weights of nobody"}
    assert summary["models"][0]["model"] == "net"


def test_refused_things_have_a_sentence(found: Alignment, tmp_path: Path) -> None:
    write_alignment(found, ORIGIN, tmp_path / "alignment")
    table = pd.read_csv(tmp_path / "alignment" / "refused.csv", keep_default_na=False)
    assert len(table) == len(found.refused) > 0
    assert table["sentence"].str.fullmatch(r"[A-Z].*\.").all()


def test_the_page_is_whole_by_itself_and_escapes(found: Alignment, tmp_path: Path) -> None:
    write_alignment(found, ORIGIN, tmp_path / "alignment")
    page = (tmp_path / "alignment" / "report.html").read_text(encoding="utf-8")
    assert "simulated &lt;b&gt;" in page
    assert not re.search(r"""(?:src|href|srcset)=["'](?!data:|#)""", page)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert '<p class="banner">Every participant who answered was simulated' in page
    _Closed().feed(page)


class _Closed(HTMLParser):
    """Fails on an element that closes another than the one that is open."""

    void = ("meta", "img", "source", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_number_of_the_page_has_n_and_null(found: Alignment) -> None:
    table = all_tables(found)["estimates"][0]
    assert table.head == ("measure", "value", "null", "p", "n", "interval")
    for _, cells in table.rows:
        assert cells[0].text != "–"
        assert cells[3].text != "0"
        assert cells[3].span


def test_the_sentence_says_accuracy_chance_and_agreement(found: Alignment) -> None:
    told = sentence(found)
    assert "where guessing gives 12.5%" in told
    assert "They err on the same pictures with κ = " in told
    assert "With net, the model, their κ is " in told


def test_tiles_have_no_number_that_is_missing(found: Alignment) -> None:
    assert all(value != "–" for value, _ in tiles(found))


def test_refusals_of_one_kind_are_told_once() -> None:
    given = [Refused("psychometric", f"people, blur_{at}", "too_few_severities") for at in range(14)]
    told = refusals([*given, Refused("layers", "", "no_layers")])
    assert [one["what"] for one in told] == ["Psychometric curve", "RSA and CKA of layers"]
    assert told[0]["about"].startswith("people, blur 0; people, blur 1; ")
    assert told[0]["about"].endswith("; and 2 more")
    assert told[1]["why"] == ("There are no activations; give --store, or a table with activation columns.")


def test_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for force, message in (
        (False, f"{tmp_path} is not empty; name another folder, or add --force to replace an alignment"),
        (
            True,
            f"{tmp_path} holds something other than an alignment, which --force spares; name another folder",
        ),
    ):
        with pytest.raises(UserError) as caught:
            refuse_existing(tmp_path, force)
        assert str(caught.value) == message
    with pytest.raises(UserError) as caught:
        refuse_existing(tmp_path / "mine.txt", True)
    assert str(caught.value) == f"{tmp_path / 'mine.txt'} is a file; name a folder"
