from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from sqlalchemy import delete
from sqlalchemy.orm import Session as OrmSession

from commands.report import report
from experiment_server import models
from exports.activations import Activations
from exports.report.build import Sources, write_report
from exports.report.scores import read_results, units_of
from scoring.accuracy import accuracy_table
from scoring.published.interpscore import RESULT_COLUMNS
from stimuli.errors import UserError
from tests.functional.finished_study import FinishedStudy, finished_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    return finished_study(tmp_path_factory.mktemp("finished"))


class Store:
    """Unit 1 prefers apples, unit 0 is dead."""

    def __init__(self, study: FinishedStudy) -> None:
        self.concepts = {row.image_sha256: row.concept for row in study.stimuli}

    def read(
        self,
        image_sha256s: Sequence[str],
        layer: str | None = None,
        preprocess: str | None = None,
        weights_hash: str | None = None,
    ) -> NDArray[np.float32]:
        values = [
            [0.0, 2.0 * (self.concepts[sha].lower() == "apple") + int(sha[0], 16) / 32]
            for sha in image_sha256s
        ]
        return np.array(values, dtype=np.float32)


def results_file(folder: Path, pairs: int = 2) -> Path:
    """Pairs in the columns of ``score``; dog's unit is dead, and the third concept is called NA."""
    values = {
        "S": [0.991, 0.5, 0.8],
        "C": [math.nan] * 3,
        "R": [0.7, 1.0, 0.4],
        "H": [0.6, 0.0, 0.5],
        "SRH": [0.764, 0.5, 0.567],
        "SRH_low": [0.7, math.nan, 0.5],
        "SRH_high": [0.8, math.nan, 0.6],
        "SRH_null": [0.5, math.nan, 0.5],
        "SRH_null_low": [0.4, math.nan, 0.3],
        "SRH_null_high": [0.6, math.nan, 0.7],
    }
    table: dict[str, list[Any]] = {
        "Neuron": [1, 0, 7],
        "Concept": ["Apple", "dog", "NA"],
        "Notes": ["C: no images", "constant_activation", ""],
        **values,
        "n_sources": [4, 4, 4],
        "resampled": ["source"] * 3,
        "resamples": [1000] * 3,
        "seed": [0] * 3,
        "method": ["reference"] * 3,
        "weights": ["weights for tests"] * 3,
    }
    lines = [",".join(RESULT_COLUMNS)]
    for at in range(pairs):
        cells = [table.get(name, [""] * 3)[at] for name in RESULT_COLUMNS]
        lines.append(",".join("" if str(cell) == "nan" else str(cell) for cell in cells))
    path = folder / "results.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def full_sources(study: FinishedStudy, folder: Path) -> Sources:
    activations = Activations(
        Store(study), (1, 0), "visual.layer4.0.act3", "squash", "ab12cd", "a model for tests"
    )
    return Sources(study.settings.images_dir, results_file(folder), activations, manifest=study.manifest)


class Page(HTMLParser):
    """The text of a page, and every address that it refers to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value for name, value in attrs if name in {"src", "href", "data", "action"} and value
        ]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def html(study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    write_report(study.engine, study.name, folder / "report.html", full_sources(study, folder))
    return (folder / "report.html").read_text(encoding="utf-8")


def test_one_file_that_refers_to_nothing_outside(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert len(html.encode()) < 3_000_000


def test_every_section_is_there_and_in_the_contents(html: str) -> None:
    page = Page(html)
    links = [address[1:] for address in page.addresses if address.startswith("#")]
    assert len(links) == 9
    assert all(f'<section id="{link}">' in html for link in links)
    for words in (
        "Every participant who answered was simulated: these are no human data.",
        "8 simulated participants came and 5 completed; they gave 78 responses to pictures of 3 concepts",
        "Weights: a model for tests",
        "9 given back when the participant left and 11 never shown",
        "Practice and catch trials, and excluded trials, are left out.",
        "Clear pictures of other things (rocket)",
        "Artist 0",
        "CC BY 4.0",
        "constant_activation",
        "judge-1",
        "ab12cd",
    ):
        assert words in page.text, words


def test_accuracy_is_that_of_scoring(html: str, study: FinishedStudy) -> None:
    from exports.report.sections import keyed
    from exports.report.wording import share, span
    from exports.trial_tables import study_trials

    table = accuracy_table(keyed(study_trials(study.engine, study.name)), ["concept", "condition"])
    row = table[(table["concept"] == "fire") & (table["condition"] == "clean")].iloc[0]
    cell = (
        f"<b>{share(row['mean'])}</b><span>{span(row['low'], row['high'])}</span><small>n {row['n']}</small>"
    )
    assert cell in html
    assert table["n"].sum() == 66


def test_curves_stand_side_by_side_and_a_dead_unit_has_a_reason(html: str) -> None:
    assert html.count('class="curve"') == 4
    assert 'alt="apple, people: clean' in html
    assert 'alt="apple, unit 1: clean 1' in html
    assert "unit 0: constant activation" in html
    assert "no unit was named for this concept" in html


def test_a_capitalised_concept_finds_its_unit(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", concepts=("Apple", "dog", "fire"))
    write_report(study.engine, study.name, tmp_path / "report.html", full_sources(study, tmp_path))
    assert 'alt="Apple, unit 1: clean 1' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_results_of_another_study_are_refused(study: FinishedStudy, tmp_path: Path) -> None:
    results = results_file(tmp_path, pairs=3)
    with pytest.raises(UserError) as error:
        write_report(study.engine, study.name, tmp_path / "r.html", Sources(tmp_path, results))
    assert str(error.value) == (
        f"{results} scores NA, which is no concept of the study {study.name}; give the results of this study"
    )
    assert not (tmp_path / "r.html").exists()


def dashed_curves(html: str, who: str) -> list[bool]:
    """Whether each curve of people or units has the dashed line of chance."""
    found = re.findall(rf'src="data:image/svg\+xml;base64,([^"]+)" alt="\w+, {who}', html)
    return [b"stroke-dasharray" in base64.b64decode(one) for one in found]


@pytest.mark.parametrize("form", ["free_text", "alternatives"])
def test_people_have_a_line_of_chance_where_they_chose(form: str, tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", form=form)
    write_report(study.engine, study.name, tmp_path / "report.html", full_sources(study, tmp_path))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert dashed_curves(html, "people") == [form == "alternatives"] * 3
    assert dashed_curves(html, "unit") == [True]
    # apple, dog, fire; cat in practice, rocket in catch trials
    words = "mean credit; the dashed line, 0.2, is guessing among the alternatives."
    assert (words in Page(html).text) == (form == "alternatives")


def test_scores_are_those_of_the_file(html: str, tmp_path: Path) -> None:
    assert "<b>.991</b>" in html
    assert "<b>.764</b><span>.700–.800</span><small>null .50 (.40–.60)</small>" in html
    table = read_results(results_file(tmp_path, pairs=3))
    assert units_of(table) == {"apple": 1, "dog": 0, "na": 7}


def test_the_same_inputs_give_the_same_bytes(html: str, study: FinishedStudy, tmp_path: Path) -> None:
    write_report(study.engine, study.name, tmp_path / "other.html", full_sources(study, tmp_path))
    assert (tmp_path / "other.html").read_text(encoding="utf-8") == html


def test_no_identifier_leaves(html: str, study: FinishedStudy) -> None:
    lower = html.lower()
    assert not [secret for secret in study.secrets if secret in lower]
    assert "secretdone" not in lower


def test_what_is_missing_is_said_with_the_reason(study: FinishedStudy, tmp_path: Path) -> None:
    summary = write_report(study.engine, study.name, tmp_path / "report.html", Sources(tmp_path / "images"))
    assert summary["missing"] == {
        "measures": "no --manifest was given",
        "unit_missing": "no --store of activations was given",
        "scores": "not scored: no --results file was given",
        "examples": "the pictures are not in images/ of the data directory",
    }
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Not scored: no --results file was given." in page.text
    assert "Units are not shown: no --store of activations was given." in page.text
    assert "none: no activations and no scores are in this report." in page.text


def test_a_study_without_answers_has_a_report(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=2)
    with OrmSession(study.engine) as session:
        session.execute(delete(models.Response))
        session.execute(delete(models.Trial))
        session.commit()
    write_report(study.engine, study.name, tmp_path / "report.html", Sources(study.settings.images_dir))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.text.count("Nobody has answered a test trial yet.") == 3
    assert "Answers came not yet" in page.text


def test_units_may_be_shown_on_some_clusters_only(study: FinishedStudy, tmp_path: Path) -> None:
    given = Activations(Store(study), (1,), "layer", "squash", "ab", "tests")
    sources = Sources(study.settings.images_dir, None, given, {"apple": 1}, ("hand 0",))
    write_report(study.engine, study.name, tmp_path / "report.html", sources)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Units are shown on sources of hand 0 only." in page


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Neuron,Concept\n1,a\n", "lacks the column S; give a file that `manage.py score` wrote"),
        ("Neuron,Concept,S,C,R,H,InterpScore,Notes\n", "has no rows; score the study again"),
    ],
)
def test_a_file_that_is_no_results_file(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_results(path)
    assert str(error.value) == f"{path} {message}"


def test_a_score_that_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("Neuron,Concept,S,C,R,H,InterpScore,Notes\n1,a,high,,,,,\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_results(path)
    assert str(error.value) == f"{path}: 'high' in the column S is not a number; score the study again"


def test_command(study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    out = tmp_path / "report.html"
    done = CliRunner().invoke(report, ["shapes", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"the report is {out} (0.")
    before = out.read_bytes()
    again = CliRunner().invoke(report, ["shapes", "--out", str(out)])
    assert isinstance(again.exception, UserError)
    assert str(again.exception) == f"{out} exists already; name another output, or add --force to replace it"
    other = CliRunner().invoke(report, ["shapes", "--out", str(tmp_path / "report.pdf")])
    assert str(other.exception) == "the report is one HTML file; name report.pdf with the ending .html"
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
