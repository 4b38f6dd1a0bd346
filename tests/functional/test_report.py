from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session as OrmSession

from commands.report import report
from experiment_server import models
from experiment_server.models.database import writing
from experiment_server.services.exclude import by_hand
from exports.activations import Activations
from exports.report.build import Sources, write_report
from exports.report.repetition import in_words
from exports.report.scores import read_results, units_of
from exports.report.wording import share, signed, signed_span, span
from exports.trial_tables import study_trials
from scoring.accuracy import accuracy_table
from scoring.cells import cells_of
from scoring.effects import Settings as ScoreSettings
from scoring.interpscore import score_cells
from scoring.labels import Labels
from scoring.neuron_map import Pair
from scoring.published.interpscore import RESULT_COLUMNS
from scoring.repetition import Effect, repetition
from stimuli.errors import UserError
from tests.functional.adaptive_study import CONCEPTS
from tests.functional.answered_adaptive_study import AnsweredStudy, answered_adaptive_study
from tests.functional.finished_study import FinishedStudy, finished_study

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


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
    return Sources(
        study.settings.images_dir, results_file(folder), activations=activations, manifest=study.manifest
    )


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
    assert len(links) == 10
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
        "judge-2",
        "ab12cd",
    ):
        assert words in page.text, words


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report of a study that excludes: numbers 3 and 4 of 7 who answered."""
    folder = tmp_path_factory.mktemp("strict")
    study = finished_study(folder / "study", flags=("catch", "instructed"))
    summary = write_report(
        study.engine, study.name, folder / "report.html", Sources(study.settings.images_dir), now=NOW
    )
    assert summary["excluded_sessions_by_rule"] == {"catch-1": 2, "instructed-1": 1}
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_who_is_excluded_and_why_is_said(strict: Page) -> None:
    for words in (
        "2 participants are excluded from what follows.",
        "Named fewer catch pictures than the study asks for catch-1 2 the study's file, before the data "
        "2026-03-05 12:00 UTC",
        "Did as told in fewer instructed items than the study asks for instructed-1 1",
        "2 of 7 participants with answers are excluded",
        "excludes who is found with the flag “catch” or “instructed”",
        "Exclusions do not touch pay",
        "Named fewer catch pictures than the study asks for catch 2 7 29%",
        "Mean credit of those who are not excluded 1 (no interval: fewer than 2 pictures) over 3 trials of 3 "
        "participants.",
        "missed participants excluded ones 0 3 0 1 0 2",
    ):
        assert words in strict.text, words


def test_a_persons_reason_is_shown_as_text_without_identifiers(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    with writing(study.engine) as connection:
        reason = f"{study.secrets[0]} is a <b>child</b>"
        by_hand(connection, study.name, "P-00000003", reason, "ada", NOW)
    write_report(study.engine, study.name, tmp_path / "report.html", Sources(tmp_path))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "“[removed] is a &lt;b&gt;child&lt;/b&gt;”" in html
    assert "A person's decision manual-" in Page(html).text


def test_practice_pictures_may_come_again_in_another_round(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    with OrmSession(study.engine) as session:
        stored = session.query(models.Study).one()
        definition = json.loads(stored.definition)
        definition["study"]["practice"] |= {"rounds": 3, "criterion": 1}
        stored.definition = json.dumps(definition)
        session.commit()
    write_report(study.engine, study.name, tmp_path / "report.html", Sources(tmp_path))
    assert (
        "no picture twice in test and catch trials; practice pictures may come again in another round"
        in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    )


def test_presentation_is_that_of_the_browsers(strict: Page) -> None:
    for words in (
        # three with all 13 trials, one with 4 and one with 2, a third of them not measured
        "Measured exposure median 500 ms (5% 500, 95% 533), in 32 trials",
        "Within one frame of it 87.5% of these",
        "Exposure not measured 13 trials",
        "60 Hz 3 120 Hz 2",
        "12.5% of 32 trials in which timing was measured",
        "Shown half a frame or more too long long 4 12.5%",
        "The page was out of sight hidden 0 0%",
        "phone 26 trials 2 500 ms 500–533 88.9% 11.1%",
        "not said 6 trials 2",
    ):
        assert words in strict.text, words


def test_repetition_is_estimated_and_said(html: str, study: FinishedStudy) -> None:
    found = repetition(study_trials(study.engine, study.name))
    page = Page(html)
    assert found.most == 4
    for effect in (found.later, found.further, found.practice):
        assert f"{signed(effect.estimate)} {signed_span(effect.low, effect.high)}" in page.text
    assert in_words(found.later) in page.text
    assert "average over first and later pictures of a concept" in page.text
    assert f"least squares over 66 test trials of {found.participants} participants" in page.text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.11, "Having named a concept made its later pictures easier to name: +.06 in credit"),
        (-0.11, -0.01, "Later pictures of a concept were named worse than the first one: +.06 in credit"),
        (-0.01, 0.11, "The study cannot tell whether having named a concept makes its later pictures easier"),
    ],
)
def test_repetition_in_words(low: float, high: float, words: str) -> None:
    assert in_words(Effect(0.06, low, high, -0.05, 0.05, 0.2)).startswith(words)


@pytest.fixture(scope="module")
def adaptive(tmp_path_factory: pytest.TempPathFactory) -> AnsweredStudy:
    return answered_adaptive_study(tmp_path_factory.mktemp("adaptive"))


def adaptive_page(study: AnsweredStudy, folder: Path) -> tuple[str, str]:
    """The report's HTML and its text."""
    write_report(study.engine, study.name, folder / "report.html", Sources(study.settings.images_dir))
    html = (folder / "report.html").read_text(encoding="utf-8")
    return html, Page(html).text


def section(html: str, name: str) -> str:
    """The text of one section."""
    found = re.search(rf'<section id="{name}">.*?</section>', html, re.DOTALL)
    assert found is not None
    return Page(found.group()).text


def test_adaptive_trials_are_named_and_never_compared(adaptive: AnsweredStudy, tmp_path: Path) -> None:
    html, text = adaptive_page(adaptive, tmp_path)
    for words in (
        "Adaptive trials 30 of the 34 test trials: the severity of contrast was chosen",
        "Trials of contrast are adaptive, and count in no accuracy by condition. Clean pictures were named",
        "manage.py study threshold adaptive tells each participant's threshold",
        "earlier answers chose how hard later pictures were".capitalize(),
        "People have no point at contrast, whose severities their answers chose.",
    ):
        assert words in text, words
    assert "hardest condition" not in text
    table = re.search(r'<table class="heat">.*?</table>', html, re.DOTALL)
    assert table is not None
    # four trials of each of four participants, all of clean pictures
    assert "over 16 test trials" in section(html, "accuracy")
    assert Page(table.group()).text.startswith("concept clean cactus 1 ")
    curves = re.findall(r'alt="\w+, people: (.*?)"', html)
    assert len(curves) == len(CONCEPTS)
    assert all(re.fullmatch(r"clean \S+ \S+(; contrast [.\d]+ – ?){8}", one) for one in curves)
    assert not re.search("named best|named worst|in the middle", section(html, "examples"))


def test_scores_of_an_adaptive_study_come_with_a_warning(adaptive: AnsweredStudy, tmp_path: Path) -> None:
    results = results_file(tmp_path, 1)
    results.write_text(results.read_text(encoding="utf-8").replace("Apple", "cactus"), encoding="utf-8")
    sources = Sources(adaptive.settings.images_dir, results)
    write_report(adaptive.engine, adaptive.name, tmp_path / "report.html", sources)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "score counts adaptive trials like all others" in section(html, "scores")


def test_adaptive_trials_alone_leave_nothing_to_compare(tmp_path: Path) -> None:
    study = answered_adaptive_study(tmp_path)
    constant = select(models.Trial.id).where(models.Trial.kind == "test", models.Trial.chosen_at.is_(None))
    with writing(study.engine) as connection:
        connection.execute(delete(models.Response).where(models.Response.trial_id.in_(constant)))
    html, text = adaptive_page(study, tmp_path)
    for name in ("accuracy", "curves"):
        assert "All answers that count are to adaptive trials" in section(html, name)
        assert "<table" not in html[html.index(f'<section id="{name}">') :].split("</section>")[0]
    assert "Clean pictures were named" not in text


def test_a_report_without_adaptive_trials_does_not_mention_them(html: str) -> None:
    assert "adaptive" not in Page(html).text.lower()


def test_a_rehearsal_is_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    with OrmSession(study.engine) as session:
        session.execute(update(models.Study).values(rehearsal=True))
        session.commit()
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    out = tmp_path / "report.html"
    done = CliRunner().invoke(report, ["shapes", "--out", str(out)])
    assert done.output.endswith("; it was a rehearsal: no data\n")
    assert "A rehearsal: no data." in Page(out.read_text(encoding="utf-8")).text


def test_accuracy_is_that_of_scoring(html: str, study: FinishedStudy) -> None:
    from exports.report.sections import keyed

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
    nothing = "No answer counts yet: nobody has answered a test trial, or all who did are excluded."
    assert page.text.count(nothing) == 5
    assert page.text.count("Nobody has answered a test or catch trial yet.") == 1
    assert "Answers came not yet" in page.text


def test_units_may_be_shown_on_some_clusters_only(study: FinishedStudy, tmp_path: Path) -> None:
    given = Activations(Store(study), (1,), "layer", "squash", "ab", "tests")
    sources = Sources(study.settings.images_dir, activations=given, units={"apple": 1}, clusters=("hand 0",))
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


PAIRS = (Pair(1, "Apple"), Pair(0, "dog"), Pair(3, "fire"))


def scored(folder: Path, pairs: Sequence[Pair] | None = PAIRS, resamples: int = 60) -> Path:
    """A results file of the default score for the concepts of the study, and its controls beside it.

    Unit 1 prefers apples, unit 0 is dead, the others are noise; people answer differently to pictures.
    """
    rng = np.random.default_rng(3)
    labels = np.tile(np.repeat(["apple", "dog", "fire"], 9), 2)
    values = rng.exponential(size=(54, 5)) + 3.0 * np.outer(labels == "apple", np.arange(5) == 1)
    values[:, 0] = 1.5
    images = pd.DataFrame(
        {
            "concept": labels,
            "source": np.tile(np.arange(27).astype(str), 2),
            "condition": np.repeat(["clean", "blur"], 27),
            "score": rng.choice([0.1, 0.9], 54),
            "responses": 10.0,
            "variance": 0.1,
        }
    )
    cells = cells_of(images, values, range(5), "clean")
    found = score_cells(cells, pairs, ScoreSettings(resamples=resamples), labels=Labels("weights for tests"))
    path = folder / "results.csv"
    found.table.to_csv(path, index=False)
    if pairs is not None:
        found.controls.to_csv(folder / "results_controls.csv", index=False)
    return path


def page_of(study: FinishedStudy, folder: Path, **given: Any) -> Page:
    """The report with the results of the folder."""
    sources = Sources(study.settings.images_dir, folder / "results.csv", **given)
    write_report(study.engine, study.name, folder / "report.html", sources, force=True)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


class TestDefaultScore:
    """The section of the default score, its nulls, and the controls beside them."""

    def test_scores_stand_beside_their_nulls_and_controls(self, study: FinishedStudy, tmp_path: Path) -> None:
        table = pd.read_csv(scored(tmp_path))
        page = page_of(study, tmp_path)
        apple = table.iloc[0]
        for words in (
            "of 2 units score above 97.5% of what they get when pictures exchange their activations.",
            f"Apple unit 1 9 pictures {share(apple['InterpScore'])} "
            f"{span(apple['InterpScore_low'], apple['InterpScore_high'])}",
            ".5 is nothing , what a unit that knows nothing has on average",
            "the share of the model's 3 other channels that it outscores",
            "the best of 5 units of noise does as well",
            "(60 draws, so at least .016)",
            f"over all {table['n_tests'].iloc[0]} pairs of unit and concept that were tested",
            "60 draws of whole sources, seed 0",
            "Controls: what should get nothing",
            "A unit with one activation everywhere, put through the same metrics, has no score.",
            "No C (causality): it was not measured; give `score` the images and a model.",
            "No S (selectivity): constant activation (dog).",
            "Activations: weights for tests.",
            "results_controls.csv, SHA-256",
        ):
            assert words in page.text, words

    def test_components_that_differ_between_pairs_are_said(
        self, study: FinishedStudy, tmp_path: Path
    ) -> None:
        scored(tmp_path)
        assert (
            "InterpScore is the weighted mean of the components that are there, and these differ: "
            "S, R and H for Apple and fire; nothing for dog. "
            "Compare scores only where they are of the same components."
        ) in page_of(study, tmp_path).text

    def test_a_component_without_weight_is_said(self, study: FinishedStudy, tmp_path: Path) -> None:
        table = pd.read_csv(scored(tmp_path, PAIRS[:1]))
        table.assign(components="S R").to_csv(tmp_path / "results.csv", index=False)
        words = "InterpScore is the weighted mean of S and R. H was given no weight in it."
        assert words in page_of(study, tmp_path).text

    def test_simulated_people_make_no_human_consistency(self, study: FinishedStudy, tmp_path: Path) -> None:
        scored(tmp_path)
        assert "H is noise here, and says nothing of the unit." in page_of(study, tmp_path).text

    def test_without_draws(self, study: FinishedStudy, tmp_path: Path) -> None:
        scored(tmp_path, resamples=0)
        page = page_of(study, tmp_path)
        assert "No intervals and nulls were drawn." in page.text
        assert "nothing was drawn (--resamples 0)" in page.text

    def test_without_controls_it_says_so(self, study: FinishedStudy, tmp_path: Path) -> None:
        scored(tmp_path)
        (tmp_path / "results_controls.csv").unlink()
        assert "Not shown: no file of controls stands beside the results" in page_of(study, tmp_path).text

    def test_controls_elsewhere(self, study: FinishedStudy, tmp_path: Path) -> None:
        scored(tmp_path)
        other = (tmp_path / "results_controls.csv").rename(tmp_path / "others.csv")
        page = page_of(study, tmp_path, controls=other)
        assert "others.csv, SHA-256" in page.text
        assert "best of all, shuffled" in page.text

    def test_the_best_units_where_every_pair_was_scored(self, study: FinishedStudy, tmp_path: Path) -> None:
        scored(tmp_path, pairs=None)
        page = page_of(study, tmp_path)
        assert "the three units with the highest InterpScore are shown; 6 more pairs" in page.text

    def test_the_same_bytes_each_time(self, study: FinishedStudy, tmp_path: Path) -> None:
        scored(tmp_path)
        page_of(study, tmp_path)
        first = (tmp_path / "report.html").read_bytes()
        page_of(study, tmp_path)
        assert (tmp_path / "report.html").read_bytes() == first

    def test_tables_have_headers_and_scrolling_ones_can_be_reached(
        self, study: FinishedStudy, tmp_path: Path
    ) -> None:
        scored(tmp_path)
        page_of(study, tmp_path)
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        section = html.split('<section id="scores">')[1].split("</section>")[0]
        assert section.count("<table") == section.count('tabindex="0" aria-labelledby=') == 3
        assert "<th>" not in section
        assert 'alt="InterpScore of each unit beside its null: Apple ' in section


def refused(study: FinishedStudy, folder: Path, **given: Any) -> str:
    """The sentence with which a report of the folder's results is refused."""
    with pytest.raises(UserError) as error:
        page_of(study, folder, **given)
    return str(error.value)


def test_results_of_the_default_score_that_lack_a_column(study: FinishedStudy, tmp_path: Path) -> None:
    path = scored(tmp_path)
    pd.read_csv(path).drop(columns="p_max").to_csv(path, index=False)
    assert refused(study, tmp_path) == (
        f"{path} lacks the column p_max; give a file that `manage.py score` wrote"
    )


def test_results_of_two_methods(study: FinishedStudy, tmp_path: Path) -> None:
    path = scored(tmp_path)
    table = pd.read_csv(path)
    table.assign(method=["interpscore", "reference", "interpscore"]).to_csv(path, index=False)
    assert refused(study, tmp_path) == (
        f"{path} mixes the methods interpscore and reference; give the results of one run of `score`"
    )


def test_controls_of_other_units(study: FinishedStudy, tmp_path: Path) -> None:
    scored(tmp_path)
    controls = tmp_path / "results_controls.csv"
    table = pd.read_csv(controls)
    table[table["Neuron"] != 3].to_csv(controls, index=False)
    assert refused(study, tmp_path) == (
        f"{controls} has no controls of unit 3 for fire; "
        "give the file that `manage.py score` wrote beside the results"
    )


def test_controls_that_are_none(study: FinishedStudy, tmp_path: Path) -> None:
    scored(tmp_path)
    controls = tmp_path / "results_controls.csv"
    controls.write_text("Concept,Neuron\nfire,3\n")
    assert refused(study, tmp_path) == (
        f"{controls} lacks the column Control; give a file that `manage.py score` wrote"
    )
    missing = tmp_path / "none.csv"
    assert refused(study, tmp_path, controls=missing) == (
        f"{missing} does not exist; write it with `manage.py score`, or leave --controls out"
    )


def test_the_published_method_has_no_controls(study: FinishedStudy, tmp_path: Path) -> None:
    results = results_file(tmp_path)
    assert refused(study, tmp_path, controls=results) == (
        f"{results} is of the published method, which has no controls; leave --controls out"
    )


def test_command(study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    out = tmp_path / "report.html"
    done = CliRunner().invoke(report, ["shapes", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"the report is {out} (0.")
    assert done.output.endswith(" MB); no session is excluded\n")
    before = out.read_bytes()
    again = CliRunner().invoke(report, ["shapes", "--out", str(out)])
    assert isinstance(again.exception, UserError)
    assert str(again.exception) == f"{out} exists already; name another output, or add --force to replace it"
    other = CliRunner().invoke(report, ["shapes", "--out", str(tmp_path / "report.pdf")])
    assert str(other.exception) == "the report is one HTML file; name report.pdf with the ending .html"
    alone = CliRunner().invoke(report, ["shapes", "--out", str(tmp_path / "r.html"), "--controls", "c.csv"])
    assert str(alone.exception) == "--controls goes with the results that it belongs to; add --results"
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
