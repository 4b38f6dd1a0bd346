"""``manage.py score`` by the default method, from files and from a study, and every refusal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands.activations import images_of
from scoring.activations.extract import extract
from scoring.activations.model import load_model
from scoring.activations.store import ActivationStore
from scoring.controls import COLUMNS as CONTROL_COLUMNS
from scoring.results import RESULT_COLUMNS
from tests.functional.finished_study import FinishedStudy, finished_study
from tests.functional.test_score import Run
from tests.reference.published_data import CONCEPTS, UNITS, published, write

NAMES = dict(zip((str(unit) for unit in UNITS), CONCEPTS, strict=True))
SOURCES = 9
COMPONENTS = ["S", "C", "R", "H", "InterpScore"]


def of_pictures(sources: int) -> pd.DataFrame:
    """Make a table of the published form in which people find some pictures easy and others hard."""
    frame = published(31, sources=sources)
    rng = np.random.default_rng(7)
    ease = pd.Series(
        rng.beta(0.4, 0.4, size=frame["image_basename"].nunique()), frame["image_basename"].unique()
    )
    soft = rng.random(len(frame)) < frame["image_basename"].map(ease).to_numpy()
    return frame.assign(soft_correct=soft, hard_correct=soft & (rng.random(len(frame)) < 0.7))


class DefaultRun(Run):
    """Scores made-up data of the published form, nine sources a concept, by the default method."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        super().__init__(folder, monkeypatch, capsys)
        self.controls = folder / "out_controls.csv"
        self.write(of_pictures(SOURCES))

    def write(self, frame: pd.DataFrame) -> None:
        """Score this table from now on."""
        self.frame = frame
        write(frame, self.data)

    def __call__(self, *options: object, reference: bool = False) -> tuple[int, str, str]:
        return super().__call__(*options, reference=reference)

    def table(self, *options: object) -> pd.DataFrame:
        """Score quietly, without draws, and read the results."""
        assert self("--quiet", "--resamples", "0", "--force", *options) == (0, "", "")
        return pd.read_csv(self.results, keep_default_na=False, na_values=[""])

    def notes_of(self, concept: str, *options: object) -> list[str]:
        """The notes of a concept's unit, scored without draws."""
        table = self.table(*options)
        return str(table.loc[table["Concept"] == concept, "Notes"].iloc[0]).split("; ")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DefaultRun:
    return DefaultRun(tmp_path, monkeypatch, capsys)


class TestFile:
    """What a scoring of a file writes and prints."""

    def test_the_results_and_the_controls(self, run: DefaultRun) -> None:
        status, out, _ = run("--resamples", 100)
        assert status == 0
        table, controls = pd.read_csv(run.results), pd.read_csv(run.controls)
        assert tuple(table.columns) == RESULT_COLUMNS
        assert tuple(controls.columns) == CONTROL_COLUMNS
        assert dict(zip(table["Neuron"].astype(str), table["Concept"], strict=True)) == NAMES
        assert set(controls["Control"]) == {
            "constant",
            "shuffled",
            "mismatched",
            "best of all units, shuffled",
        }
        assert len(controls) == 4 * len(UNITS) + 1
        assert "Resampled: whole sources, 100 draws for the intervals and for the nulls, seed 0." in out
        assert "Weights: unknown: activations were given in DATA." in out
        assert f"Written: {run.results}" in out
        assert f"Written: {run.controls}" in out

    def test_what_holds_of_every_row(self, run: DefaultRun) -> None:
        run("--quiet", "--resamples", 200)
        table = pd.read_csv(run.results)
        assert np.allclose(table["InterpScore"], table[["S", "R", "H"]].mean(axis=1))
        assert table["C"].isna().all()
        assert (table["components"] == "S R H").all()
        for name in ("S", "R", "H", "InterpScore"):
            assert table[name].between(0, 1).all()
            assert (table[f"{name}_low"] <= table[f"{name}_high"]).all()
        assert table["InterpScore_null"].between(0.4, 0.6).all()
        assert (table["n_sources"] == SOURCES).all()
        assert (table["n_images"] == 4 * SOURCES).all()
        assert (table["n_trials"] == 12 * SOURCES).all()
        assert (table["n_units"] == len(UNITS)).all()
        assert (table["method"] == "interpscore").all()
        assert (table[["resampled", "resamples", "seed"]] == ["source", 200, 0]).all(axis=None)
        assert table["Notes"].str.startswith("C: not_measured_it_needs_images_and_a_model").all()

    def test_dreams_do_not_count(self, run: DefaultRun) -> None:
        with_dreams = run.table()
        run.write(run.frame.query("level != 4"))
        assert run.table()["S"].equals(with_dreams["S"])
        assert (with_dreams["n_conditions"] == 4).all()

    def test_json_is_one_object_with_null_for_what_is_missing(self, run: DefaultRun) -> None:
        status, out, _ = run("--json", "--resamples", 20)
        printed = json.loads(out)
        assert (status, printed["results"]) == (0, str(run.results))
        assert printed["pairs"][0]["C"] is None
        assert printed["pairs"][0]["S_low"] <= printed["pairs"][0]["S"]
        assert [row["Control"] for row in printed["controls"][:2]] == ["constant", "shuffled"]
        assert printed["controls"][0]["E"] is None

    def test_quiet_prints_nothing(self, run: DefaultRun) -> None:
        assert run("--quiet", "--resamples", 20) == (0, "", "")

    def test_neither_file_is_overwritten(self, run: DefaultRun) -> None:
        for path in (run.results, run.controls):
            path.write_text("mine")
            run.refuses(f"{path} exists already; name another output, or add --force to replace it")
            assert path.read_text() == "mine"
            path.unlink()
        run.controls.write_text("mine")
        assert run("--quiet", "--resamples", 0, "--force") == (0, "", "")
        assert run.controls.read_text().startswith("Concept,Neuron,Control,")

    def test_no_prolific_id_leaves(self, run: DefaultRun) -> None:
        run("--quiet", "--resamples", 20)
        text = run.results.read_text() + run.controls.read_text()
        assert not any(pid in text for pid in run.frame["PROLIFIC_PID"].unique())

    def test_the_same_bytes_whatever_the_order_of_rows(self, run: DefaultRun) -> None:
        options = ("--quiet", "--resamples", 50, "--force")
        assert run(*options) == (0, "", "")
        first = [path.read_bytes() for path in (run.results, run.controls)]
        run.write(run.frame.sample(frac=1, random_state=3))
        assert run(*options) == (0, "", "")
        assert [path.read_bytes() for path in (run.results, run.controls)] == first

    def test_other_columns_are_left_alone(self, run: DefaultRun) -> None:
        plain = run.table()
        run.write(run.frame.assign(mood="fine"))
        assert run.table().equals(plain)

    def test_every_pair_has_no_controls_file(self, run: DefaultRun) -> None:
        arguments = ("--every-pair", run.data, run.results, "--resamples", 20, "--quiet")
        assert run.manage("score", *arguments) == (0, "", "")
        table = pd.read_csv(run.results)
        assert len(table) == len(UNITS) * len(CONCEPTS)
        assert (table["n_tests"] == len(table)).all()
        assert not run.controls.exists()

    def test_a_concept_that_a_spreadsheet_would_run_is_escaped(self, run: DefaultRun) -> None:
        run.map.write_text(json.dumps({unit: name.replace("fire", "=fire") for unit, name in NAMES.items()}))
        truth = run.frame["ground_truth"].mask(run.frame["ground_truth"].str.lower() == "fire", "=fire")
        run.write(run.frame.assign(ground_truth=truth))
        assert "'=fire" in set(run.table()["Concept"])
        assert "'=fire" in set(pd.read_csv(run.controls)["Concept"])


#: option -> columns that it changes on the made-up data
ACTS: list[tuple[tuple[object, ...], set[str]]] = [
    (("--clean-level", 5), set()),
    (("--clean-level", 2), {"S", "R", "InterpScore"}),
    (("--recognizable-levels", 1), {"R", "H", "InterpScore"}),
    (("--recognizable-levels", 1, 2, "--adversarial-level", 3), set()),
    (("--adversarial-level", 3), {"R", "H", "InterpScore"}),
    (("--dream-level", 4), set()),
    (("--dream-level", 3, 4), {"R", "H", "InterpScore"}),
    (("--human-score-col", "hard_correct"), {"H", "InterpScore"}),
    (("--weights", 1, 1, 1, 0), {"InterpScore"}),
    (("--weights", "3,3,3,3"), set()),
    (("--seed", 5), set()),
]


@pytest.mark.parametrize(("options", "changed"), ACTS)
def test_each_option_acts_on_what_it_should(
    run: DefaultRun, options: tuple[object, ...], changed: set[str]
) -> None:
    before, after = run.table(), run.table(*options)
    assert {
        name for name in COMPONENTS if not np.allclose(before[name], after[name], equal_nan=True)
    } == changed


def test_weights_give_the_stated_mean(run: DefaultRun) -> None:
    table = run.table("--weights", 1, 0, 2, 1)
    assert np.allclose(table["InterpScore"], (table["S"] + 2 * table["R"] + table["H"]) / 4)
    assert table["Notes"].isna().all()


def test_a_seed_changes_the_draws_and_nothing_else(run: DefaultRun) -> None:
    tables = []
    for seed in (0, 1, 0):
        assert run("--quiet", "--force", "--resamples", 50, "--seed", seed) == (0, "", "")
        tables.append(pd.read_csv(run.results))
    assert tables[0].equals(tables[2])
    assert tables[0]["S"].equals(tables[1]["S"])
    assert not tables[0]["InterpScore_low"].equals(tables[1]["InterpScore_low"])


def test_without_resamples_there_are_no_intervals_and_no_nulls(run: DefaultRun) -> None:
    status, out, _ = run("--resamples", 0)
    table, controls = pd.read_csv(run.results), pd.read_csv(run.controls)
    assert status == 0
    assert table[["InterpScore_low", "S_high", "H_null", "Q_perm", "p_max"]].isna().all(axis=None)
    assert table[["Q_ctrl", "p_S", "q_S"]].notna().all(axis=None)
    assert set(controls["reason"].dropna()) == {"constant_activation", "not_drawn"}
    assert "No intervals and no nulls (--resamples 0)." in out


def test_a_run_without_controls_leaves_no_old_ones(run: DefaultRun) -> None:
    assert run("--quiet", "--resamples", 0) == (0, "", "")
    assert run.controls.exists()
    options = ("--every-pair", "--quiet", "--resamples", 0)
    status, out, err = run.manage("score", run.data, run.results, *options)
    assert (status, out) == (1, "")
    assert err.startswith(f"Error: {run.results} exists already")
    assert run.manage("score", run.data, run.results, *options, "--force") == (0, "", "")
    assert not run.controls.exists()


def test_a_name_that_looks_like_markup(run: DefaultRun) -> None:
    run.write(run.frame.assign(ground_truth=run.frame["ground_truth"].replace("trump", "[/b]")))
    run.map.write_text('{"89": "[/b]"}')
    status, out, _ = run("--resamples", 0)
    assert status == 0
    assert "[/b]" in out


def test_scores_of_any_number_of_decimals_do_not_depend_on_the_order_of_rows(run: DefaultRun) -> None:
    rng = np.random.default_rng(3)
    run.write(run.frame.assign(soft_correct=rng.choice([0.1, 0.2, 0.3, 0.6, 0.7], size=len(run.frame))))
    first = run.table()
    run.write(run.frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(run.table(), first, check_exact=True)


def test_a_constant_unit_stays_constant_when_rows_of_an_image_differ(run: DefaultRun) -> None:
    """Another unit differs between the rows of one image, and images have unequal numbers of rows."""
    frame = run.frame.assign(activation_89=0.1)
    frame = frame[~(frame["ground_truth"].eq("trump") & (frame.groupby("image_basename").cumcount() == 2))]
    frame.loc[frame.index[0], "activation_355"] += 0.5
    run.write(frame)
    table = run.table().set_index("Neuron")
    assert table["InterpScore"].isna().tolist() == [unit == 89 for unit in table.index]
    assert "S: constant_activation" in str(table.loc[89, "Notes"])


def test_level_4_is_dreams_in_the_published_form_only(run: DefaultRun) -> None:
    assert set(run.table()["n_conditions"]) == {4}
    pictures = run.frame[run.frame["trial_category"].eq("experiment") & run.frame["level"].ne(4)]
    own = pictures.assign(
        level=pictures["level"].replace(3, 4),
        source=pictures["image_basename"].str.replace(r"_(clean|noisy_level\d)", "", regex=True),
    )
    run.write(own)
    assert set(run.table()["n_conditions"]) == {4}
    assert set(run.table("--dream-level", 4)["n_conditions"]) == {3}


class TestMissing:
    """What cannot be computed is missing, with the reason."""

    def test_a_constant_unit(self, run: DefaultRun) -> None:
        run.write(run.frame.assign(activation_89=1.5))
        table = run.table().set_index("Concept")
        row = table.loc["trump"]
        assert row[[*COMPONENTS, "E", "Q_ctrl", "p_S"]].isna().all()
        assert {"S: constant_activation", "R: constant_activation", "H: constant_activation"} <= set(
            row["Notes"].split("; ")
        )
        assert (table["n_tests"] == (len(UNITS) - 1) * len(CONCEPTS)).all()

    def test_one_picture_of_a_concept(self, run: DefaultRun) -> None:
        fire = run.frame["ground_truth"].eq("fire")
        first = run.frame["image_basename"].str.endswith("_1.jpg")
        run.write(run.frame[~fire | first])
        notes = run.notes_of("fire")
        assert "S: fewer_than_2_sources_on_a_side" in notes
        assert "R: no_degraded_condition_with_2_sources_on_a_side" in notes
        assert "H: fewer_than_8_sources_in_every_condition" in notes
        row = pd.read_csv(run.results).set_index("Concept").loc["fire"]
        assert row[COMPONENTS].isna().all()
        assert np.isnan(row["E"])
        assert pd.isna(row["components"])

    def test_fewer_than_8_pictures(self, run: DefaultRun) -> None:
        run.write(of_pictures(5))
        notes = run.notes_of("fire")
        assert "H: fewer_than_8_sources_in_every_condition" in notes
        note = "fewer_than_8_sources: a unit chosen on them can be perfect by chance, read p_max"
        assert note in notes
        assert (pd.read_csv(run.results)["components"] == "S R").all()

    def test_all_answers_wrong(self, run: DefaultRun) -> None:
        run.write(run.frame.assign(soft_correct=False))
        table = run.table()
        assert table["H"].isna().all()
        assert table["Notes"].str.contains("H: recognition_").all()
        assert table[["S", "R", "InterpScore"]].notna().all(axis=None)

    def test_clean_pictures_only(self, run: DefaultRun) -> None:
        run.write(run.frame.query("level == 5"))
        assert "R: no_degraded_condition_with_2_sources_on_a_side" in run.notes_of("fire")
        assert (pd.read_csv(run.results)["components"] == "S H").all()

    def test_a_level_that_some_pictures_lack(self, run: DefaultRun) -> None:
        run.write(run.frame[~(run.frame["level"].eq(3) & run.frame["ground_truth"].eq("fire"))])
        table = run.table().set_index("Concept")
        assert table.loc["fire", "n_conditions"] == 3
        assert table.loc["trump", "n_conditions"] == 4
        assert table[["S", "R", "H"]].notna().all(axis=None)

    def test_answers_that_tell_nothing_of_pictures(self, run: DefaultRun) -> None:
        run.write(published(31, sources=SOURCES))
        table = run.table()
        assert table["H"].isna().all()
        assert table["Notes"].str.contains("H: recognition_is_not_reliable").all()
        assert (table["components"] == "S R").all()


class TestRefusals:
    """Input that is wrong: one sentence, and nothing written."""

    def test_options_of_the_other_method(self, run: DefaultRun) -> None:
        published_only = "belongs to the published method; leave it out, or add --reference"
        run.refuses(f"--threshold-percentile {published_only}", "--threshold-percentile", 0.9)
        run.refuses(f"--min-p-value {published_only}", "--min-p-value", 0.05)
        there = sorted(run.results.parent.iterdir())
        message = "--dream-level belongs to the default score; leave it out with --reference"
        assert run("--dream-level", 4, reference=True) == (1, "", f"Error: {message}\n")
        assert sorted(run.results.parent.iterdir()) == there

    @pytest.mark.parametrize("weights", [(0, 0, 0, 0), (1, -1, 1, 1), (1, 1, 1, "nan"), (1, 1, 1, "inf")])
    def test_weights_that_give_no_mean(self, run: DefaultRun, weights: Sequence[object]) -> None:
        given = " ".join(str(weight) for weight in weights)
        rule = "give S C R H weights of at least 0 that are not all 0"
        run.refuses(f"the weights {given} give no mean; {rule}", "--weights", *weights)

    def test_a_clean_level_that_is_not_there(self, run: DefaultRun) -> None:
        run.refuses(
            f"{run.data} has no row at the clean level 9; its levels are 1, 2, 3, 4, 5: "
            "name the clean one with --clean-level",
            *("--clean-level", 9),
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--dream-level", 5), "level 5 is named as clean and as dream; give it one role"),
            (("--adversarial-level", 5), "level 5 is named as clean and as degraded; give it one role"),
            (
                ("--dream-level", 3, "--recognizable-levels", 1, 3),
                "level 3 is named as dream and as degraded; give it one role",
            ),
        ],
    )
    def test_a_level_of_two_roles(self, run: DefaultRun, options: Sequence[object], message: str) -> None:
        run.refuses(message, *options)

    def test_a_degraded_level_that_is_not_there(self, run: DefaultRun) -> None:
        message = f"{run.data} has no row at level 9; its levels are 1, 2, 3, 4, 5"
        run.refuses(message, "--recognizable-levels", 1, 9)

    def test_results_in_the_place_of_an_input(self, run: DefaultRun) -> None:
        given = run.data.read_bytes()
        written = run.data.with_name(f"{run.data.stem}_controls.csv")
        written.write_bytes(given)
        for data, results, named in ((run.data, run.data, run.data), (written, run.data, written)):
            message = f"Error: {named} would be written and is read too; give RESULTS another name\n"
            assert run.manage("score", data, run.map, results, "--force") == (1, "", message)
        assert (run.data.read_bytes(), written.read_bytes()) == (given, given)

    def test_a_level_that_is_no_number(self, run: DefaultRun) -> None:
        assert run("--dream-level", "low")[0] == 2

    def test_an_activation_that_is_missing_or_not_finite(self, run: DefaultRun) -> None:
        frame = run.frame
        run.write(frame.assign(activation_89=frame["activation_89"].where(frame.index != 6)))
        run.refuses(
            f"{run.data}, row 7, column activation_89 is missing; "
            "extract the activation of its image, or leave the row out"
        )
        run.write(frame.assign(activation_89=frame["activation_89"].where(frame.index != 6, np.inf)))
        run.refuses(
            f"{run.data}, row 7, column activation_89 is infinite; "
            "extract the activation of its image, or leave the row out"
        )

    def test_a_row_that_is_there_twice(self, run: DefaultRun) -> None:
        run.write(pd.concat([run.frame.iloc[:5], run.frame.iloc[[2]]]))
        run.refuses(f"{run.data}, rows 3 and 6 hold the same response twice; leave one of them out")

    def test_no_activations(self, run: DefaultRun) -> None:
        run.write(run.frame[[name for name in run.frame if not str(name).startswith("activation_")]])
        run.refuses(f"{run.data} has no column activation_0 or the like; join the units' activations")

    def test_a_unit_that_is_not_there(self, run: DefaultRun) -> None:
        run.map.write_text('{"90": "Trump"}')
        run.refuses(
            f"{run.data} has no column activation_90, which the neuron map needs for Trump; "
            "its units are 89, 297, 355, 363, 479, 513"
        )

    def test_a_concept_that_is_not_there(self, run: DefaultRun) -> None:
        run.map.write_text('{"89": "Obama"}')
        run.refuses(
            f"{run.data} does not show the concept Obama, which the neuron map names for unit 89; "
            "its concepts are arabic alphabet, australia, fire, puppies, sailboat, trump: "
            "leave others out of the map (activations choose --concept)"
        )

    def test_a_source_of_two_concepts(self, run: DefaultRun) -> None:
        run.write(run.frame.assign(source="the same"))
        run.refuses(
            "the source the same shows arabic alphabet and australia; a source is one picture of one concept"
        )

    def test_a_lacking_column(self, run: DefaultRun) -> None:
        run.write(run.frame.drop(columns="soft_correct"))
        status, out, err = run()
        assert (status, out) == (1, "")
        assert err.startswith(f"Error: {run.data} lacks the column soft_correct; a trial table needs ")

    def test_a_human_score_that_is_no_number(self, run: DefaultRun) -> None:
        first = run.frame["response_clean"].iloc[0]
        run.refuses(
            f"{run.data}, row 1, column response_clean: {first!r} is not a number; "
            "correct it or leave it empty",
            *("--human-score-col", "response_clean"),
        )

    def test_no_row_that_counts(self, run: DefaultRun) -> None:
        run.write(run.frame.assign(trial_category="practice"))
        status, out, err = run()
        assert (status, out, err.count("\n")) == (1, "", 1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    return finished_study(tmp_path_factory.mktemp("study"), participants=12)


@pytest.fixture(scope="module")
def store(study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("activations") / "store"
    extract(images_of(study.manifest), load_model(device="cpu"), None, "squash", ActivationStore(path))
    return path


@pytest.mark.model
class TestStudy:
    """A study: its stimuli, rated or not, the store's units as controls, and C on the manifest's images."""

    @pytest.fixture
    def of_study(self, run: DefaultRun, study: FinishedStudy) -> DefaultRun:
        run.monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
        run.map.write_text('{"5": "Apple", "100": "dog", "7": "fire"}')
        return run

    def score(self, run: DefaultRun, *options: Any) -> tuple[int, str, str]:
        return run.manage("score", "--study", "shapes", run.map, run.results, *options)

    def test_all_four_components(self, of_study: DefaultRun, study: FinishedStudy, store: Path) -> None:
        options = ("--store", store, "--manifest", study.manifest, "--device", "cpu", "--resamples", 50)
        status, out, err = self.score(of_study, *options)
        assert (status, err.count("Error")) == (0, 0)
        table = pd.read_csv(of_study.results)
        assert table["C"].between(0, 1).all()
        assert (table["n_C_images"] == 4).all()
        assert (table["n_C_controls"] == 100).all()
        assert (table["n_units"] == 512).all()
        assert (table["n_ctrl"] <= 511).all()
        assert table["weights"].str.startswith("interpscore-demo").all()
        assert (table["C_weights"] == table["weights"] + ", exact rank-one attention pool").all()
        assert f"Weights: {table['weights'][0]}. C: {table['C_weights'][0]}." in out
        assert of_study.controls.exists()

    def test_pictures_that_nobody_rated_count(self, of_study: DefaultRun, store: Path) -> None:
        self.score(of_study, "--store", store, "--quiet", "--resamples", 0)
        table = pd.read_csv(of_study.results)
        assert (table["n_sources"] == 4).all()
        assert (table["n_images"] == 12).all()

    def test_roles_come_from_the_study_and_options_override_them(
        self, of_study: DefaultRun, store: Path
    ) -> None:
        quiet = ("--store", store, "--quiet", "--resamples", 0, "--force")
        tables = []
        for options in ((), ("--recognizable-levels", 1), ("--clean-level", 3)):
            assert self.score(of_study, *quiet, *options) == (0, "", "")
            tables.append(pd.read_csv(of_study.results))
        assert tables[0]["S"].equals(tables[1]["S"])
        assert not tables[0]["R"].equals(tables[1]["R"])
        assert not tables[0]["S"].equals(tables[2]["S"])

    def test_clusters_keep_their_sources_only(
        self, of_study: DefaultRun, study: FinishedStudy, store: Path
    ) -> None:
        options = ("--store", store, "--manifest", study.manifest, "--device", "cpu", "--resamples", 0)
        status, out, _ = self.score(of_study, *options, "--cluster", "hand 1")
        table = pd.read_csv(of_study.results)
        assert status == 0
        assert (table["n_sources"] == 2).all()
        assert (table["n_C_images"] == 2).all()
        assert "Only sources of the cluster hand 1 are scored." in out

    def test_every_unit_for_every_concept(self, of_study: DefaultRun, store: Path) -> None:
        arguments = ("--study", "shapes", "--every-pair", of_study.results, "--store", store)
        status, out, _ = of_study.manage("score", *arguments, "--resamples", 10)
        assert status == 0
        assert "No null is drawn for more than 200 units: read p_S and q_S." in out
        assert len(pd.read_csv(of_study.results)) == 512 * 3

    def test_a_unit_that_the_layer_has_not(self, of_study: DefaultRun, store: Path) -> None:
        of_study.map.write_text('{"2048": "apple"}')
        message = "unit 2048 is not in the activation store, which has units 0 to 511; name another unit"
        assert self.score(of_study, "--store", store) == (1, "", f"Error: {message}\n")

    def test_a_concept_that_the_study_has_not(self, of_study: DefaultRun, store: Path) -> None:
        of_study.map.write_text('{"5": "boat"}')
        message = (
            "the study shapes does not show the concept boat, which the neuron map names for unit 5; "
            "its concepts are apple, dog, fire: leave others out of the map (activations choose --concept)"
        )
        assert self.score(of_study, "--store", store) == (1, "", f"Error: {message}\n")
