from __future__ import annotations

import json
import math
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exports.alignment.folder import (
    FORMAT_VERSION,
    REFUSED_PARTS,
    refuse_existing,
    summarise,
    write_alignment,
)
from exports.alignment.origin import Origin
from exports.alignment.page import not_given, refusals, sentence, tiles
from exports.alignment.tables import all_tables
from scoring.alignment.align import Alignment, Layer, Refused, Settings, _probe_row, align
from scoring.alignment.estimate import Estimate
from scoring.alignment.of_trials import read_answered
from scoring.alignment.probes import Probe
from scoring.alignment.similarity import COLUMNS as LAYER_COLUMNS
from scoring.alignment.unit_choices import read_choices
from scoring.trial_table import read_trials
from stimuli.errors import UserError
from tests.functional.forced_choice_study import trial_table, write

ROOT = Path(__file__).parents[3]
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
    assert {*REFUSED_PARTS} <= set(table.columns)
    assert {part for one in found.refused for part in one.parts} <= {*REFUSED_PARTS, "measure"}


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
    assert table.head == ("measure", "value", "null", "p", "n", "how the interval is made")
    for _, cells in table.rows:
        assert cells[0].text != "–"
        assert cells[3].text != "0"
        assert cells[3].span


def test_the_sentence_says_accuracy_chance_and_agreement(found: Alignment) -> None:
    told = sentence(found)
    assert re.match(
        r"People are right in \d\d\.\d% of trials \(95% interval \d\d\.\d% to \d\d\.\d%\), "
        r"where guessing gives 12\.5%\.",
        told,
    )
    assert "They err on the same pictures with κ = " in told
    assert "With net, the model, their κ is " in told


def test_mean_scores_are_not_called_shares_of_right_answers(found: Alignment) -> None:
    frame = found.observations.frame
    score = frame["score"].mask(frame.index % 3 == 0, 0.5)
    half = graded_copy(found, score)
    told = sentence(half)
    assert re.match(
        r"People's mean score is \.\d{3} \(95% interval \.\d{3} to \.\d{3}; half credit counts ½\); ", told
    )
    assert re.search(r"\d\d\.\d% of answers are right \(score \.5 or more\), where guessing", told)
    assert "mean score of people" in [name for _, name in tiles(half)]
    assert all_tables(half)["estimates"][0].rows[0][0].text == "Mean score of people"
    assert "credit is graded" in sentence(graded_copy(found, score.replace(0.5, 0.25)))


def graded_copy(found: Alignment, score: pd.Series[float]) -> Alignment:
    """The same with other scores, under the same estimates."""
    observations = replace(found.observations, frame=found.observations.frame.assign(score=score))
    return replace(found, observations=observations)


def test_the_table_of_accuracy_says_what_guessing_would_give(found: Alignment) -> None:
    assert all_tables(found)["accuracy"][0].note.endswith(" Guessing would give .125.")
    table = found.tables["accuracy"]
    own = replace(found)
    chance = table["chance"].where(table["kind"].eq("human"), 0.25)
    own.tables = found.tables | {"accuracy": table.assign(chance=chance)}
    assert all_tables(own)["accuracy"][0].note.endswith(" Guessing would give people .125, net .250.")
    own.tables = found.tables | {"accuracy": table.assign(chance=math.nan)}
    assert all_tables(own)["accuracy"][0].note.endswith("those of a model of other sources.")


def test_the_row_of_consistency_per_concept_says_how_much_too_low_it_is(found: Alignment) -> None:
    own = replace(found)
    own.estimates = found.estimates | {
        "error_consistency_per_concept": Estimate(0.2, 0.1, 0.3, 8, "observers", 0.0),
        "error_consistency_per_concept_unbiased": Estimate(0.218, 0.1, 0.3, 8, "observers", 0.0),
    }
    pairs = found.tables["error_consistency"].assign(error_consistency_per_concept=0.2, shared=24)
    own.tables = found.tables | {"error_consistency": pairs}
    names = {name.text: name.small for name, _ in all_tables(own)["estimates"][0].rows}
    assert names["Error consistency, per concept"].endswith(
        "; 3 pictures a concept are few, which makes κ too low, here by .018"
    )


def test_every_column_that_is_written_is_in_the_documentation(found: Alignment, tmp_path: Path) -> None:
    write_alignment(found, ORIGIN, tmp_path / "alignment")
    columns = {path.name: list(pd.read_csv(path)) for path in (tmp_path / "alignment").glob("*.csv")}
    layer = Estimate(0.1, 0.0, 0.2, 30, "sources", 0.0)
    probe = Probe(layer, layer, layer, layer, 30, 4)
    columns |= {
        "layers.csv": list(LAYER_COLUMNS),
        "probes.csv": list(_probe_row(Layer("one", "", np.zeros((1, 1))), probe)),
        "model_pairs.csv": ["one", "other", "consistency", "low", "high", "n", "reason"],
        "threshold_spread.csv": ["perturbation", *(one.name for one in fields(Estimate))],
    }
    text = (ROOT / "docs" / "alignment.md").read_text(encoding="utf-8").split("## The columns")[1]
    everywhere, *parts = text.split("## ")[0].split("\n- **`")
    told = {part.split("`")[0]: part for part in parts}
    for name, given in columns.items():
        for column in given:
            base = re.sub(r"_(low|high)$", "", str(column))
            assert any(f"`{one}`" in told[name] + everywhere for one in (column, base)), (name, column)


def test_tiles_have_no_number_that_is_missing(found: Alignment) -> None:
    assert all(value != "–" for value, _ in tiles(found))


def test_refusals_of_one_kind_are_told_once() -> None:
    given = [Refused("psychometric", f"people, blur_{at}", "too_few_severities") for at in range(14)]
    told = refusals([*given, Refused("layers", "", "no_layers")])
    assert [one["what"] for one in told] == ["Psychometric curve", "RSA and CKA of layers"]
    assert told[0]["about"].startswith("people, blur 0; people, blur 1; ")
    assert told[0]["about"].endswith("; and 2 more")
    assert told[1]["why"] == ("There are no activations; give --store, or a table with activation columns.")


def test_what_was_not_given_is_one_line_and_no_failure(found: Alignment) -> None:
    given = [Refused("models", "", "no_models"), Refused("layers", "", "no_layers")]
    assert not_given(given) == (
        "No models or layers were given; --choices or --neuron-map for models and --store for layers."
    )
    assert not_given([]) == ""
    assert not_given(found.refused) == (
        "No layers or units were given; --store for layers and --neuron-map for units."
    )


def test_cells_and_severities_that_are_refused_are_named() -> None:
    cell = {"model": "unit", "term": "cell", "concept": "key", "condition": "gaussian_blur 2"}
    spread = {"model": "answers", "term": "image", "effect": "intercept"}
    told = refusals(
        [
            Refused("mixed_model", "unit, cell, key, gaussian_blur 2", "all_answers_right", cell),
            Refused("mixed_model", "answers, image, intercept", "too_few_answers_of_each", spread),
            Refused("psychometric", "people, contrast", "too_few_severities", {"n_severities": "1"}),
        ]
    )
    assert [(one["what"], one["about"]) for one in told] == [
        ("Mixed model (answers and unit), cells left out", "key gaussian blur 2"),
        ("Mixed model", "spread of images (answers alone)"),
        ("Psychometric curve", "people, contrast (1 severity)"),
    ]


def test_a_page_without_models_speaks_of_none(found: Alignment, tmp_path: Path) -> None:
    observations = replace(found.observations, frame=found.observations.of_kind("human"))
    alone = replace(found, observations=observations, curves=[])
    write_alignment(alone, ORIGIN, tmp_path / "alone")
    page = (tmp_path / "alone" / "report.html").read_text(encoding="utf-8")
    assert "<h1>How alike people recognise</h1>" in page
    assert "(orange)" not in page
    assert "models" not in [name for _, name in tiles(alone)]


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
