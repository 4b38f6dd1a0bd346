"""``manage.py score`` from files and from a study to the results, and every refusal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

import manage
from commands.activations import images_of
from scoring.activations.demo_model import WEIGHTS_FILE
from scoring.activations.extract import extract
from scoring.activations.model import load_model
from scoring.activations.store import ActivationStore
from tests.functional.finished_study import FinishedStudy, finished_study
from tests.reference import published_score_twin as twin
from tests.reference.published_data import CONCEPTS, UNITS, published, write

NAMES = dict(zip((str(unit) for unit in UNITS), CONCEPTS, strict=True))
NEEDS = "a trial table needs level, image_basename, ground_truth, trial_category, soft_correct"


class Run:
    """A folder with made-up published data; calling it runs ``score`` on them."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.data, self.map, self.results = (folder / name for name in ("data.csv", "map.json", "out.csv"))
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.frame = published(31)
        write(self.frame, self.data)
        self.map.write_text(json.dumps(NAMES))

    def manage(self, *arguments: object) -> tuple[int, str, str]:
        """Run a command; returns the exit status, standard output and standard error."""
        self.monkeypatch.setattr(sys, "argv", ["manage.py", *(str(argument) for argument in arguments)])
        status = 0
        try:
            manage.main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        out = self.capsys.readouterr()
        return status, out.out, out.err

    def __call__(self, *options: object, reference: bool = True) -> tuple[int, str, str]:
        flag = ["--reference"] if reference else []
        return self.manage("score", self.data, self.map, self.results, *flag, *options)

    def table(self, *options: object) -> pd.DataFrame:
        """Score quietly and read the results."""
        assert self("--quiet", "--resamples", "0", "--force", *options) == (0, "", "")
        return pd.read_csv(self.results, keep_default_na=False, na_values=[""])

    def refuses(self, message: str, *options: object) -> None:
        """Check the whole message, and that nothing was written."""
        there = sorted(self.results.parent.iterdir())
        assert self(*options) == (1, "", f"Error: {message}\n")
        assert sorted(self.results.parent.iterdir()) == there


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, monkeypatch, capsys)


def test_the_results_equal_the_twin(run: Run) -> None:
    status, out, _ = run()
    assert status == 0
    table = pd.read_csv(run.results)
    columns = ["Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes", "SRH"]
    assert list(table.columns[:9]) == columns
    rows = run.frame.to_dict("records")
    for row in table.to_dict("records"):
        slow = twin.scores(rows, row["Neuron"], row["Concept"])  # type: ignore[arg-type]
        assert [row["S"], row["R"], row["H"]] == pytest.approx([slow.s, slow.r, slow.h], abs=1e-9)
    assert table["InterpScore"].isna().all()
    assert "Weights: unknown: activations were given in DATA." in out
    assert "Resampled: whole sources, 1000 draws for the intervals and for the nulls, seed 0." in out
    assert "PROLIFIC_PID was replaced by pseudonyms under a random key" in out


def test_no_prolific_id_in_the_results(run: Run) -> None:
    run("--quiet")
    text = run.results.read_text()
    assert not any(pid in text for pid in run.frame["PROLIFIC_PID"].unique())


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (("--clean-level", 2), {"S", "R", "H", "SRH"}),
        (("--threshold-percentile", 0.5), {"H", "SRH"}),
        (("--recognizable-levels", 1), {"R", "SRH"}),
        (("--recognizable-levels", 1, 2), set()),
        (("--recognizable-levels", "1,2"), set()),
        (("--recognizable-levels=2",), {"R", "SRH"}),
        (("--adversarial-level", 2, 3), {"R", "SRH"}),
        (("--adversarial-level", 3), set()),
        (("--human-score-col", "hard_correct"), {"R", "H", "SRH"}),
        (("--weights", 0.3, 0.3, 0.2, 0.2), {"SRH"}),
        (("--weights", ".3,.3,.2,.2"), {"SRH"}),
        (("--min-p-value", 0), {"H", "SRH", "Notes"}),
        (("--min-p-value", 1), set()),
    ],
)
def test_each_option_acts_on_what_it_should(run: Run, options: tuple[object, ...], changed: set[str]) -> None:
    before, after = run.table(), run.table(*options)
    names = ["S", "C", "R", "H", "InterpScore", "SRH", "Notes"]
    assert {name for name in names if not before[name].equals(after[name])} == changed


def test_levels_may_stand_before_the_paths(run: Run) -> None:
    paths = (run.data, run.map, run.results)
    assert run.manage("score", "--reference", "--quiet", "--recognizable-levels", 1, 2, *paths) == (0, "", "")
    assert run.results.exists()


def test_weights_give_the_stated_mean(run: Run) -> None:
    row = run.table("--weights", 1, 0, 2, 1).iloc[0]
    assert row["InterpScore"] == pytest.approx((row["S"] + 2 * row["R"] + row["H"]) / 4)


def test_json_has_null_and_a_reason(run: Run) -> None:
    status, out, _ = run("--json", "--resamples", 20)
    printed = json.loads(out)
    assert status == 0
    assert printed["results"] == str(run.results)
    assert printed["pairs"][0]["C"] is None
    assert printed["pairs"][0]["Notes"].startswith("C: not measured")
    assert 0 <= printed["pairs"][0]["S_low"] <= printed["pairs"][0]["S"]


def test_a_key_file_makes_the_pseudonyms(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef")
    assert "pseudonyms under the key file" in run("--key-file", key)[1]


def test_sources_that_are_not_known_are_said(run: Run) -> None:
    names = {name: f"{place}.png" for place, name in enumerate(run.frame["image_basename"].unique())}
    write(run.frame.assign(image_basename=run.frame["image_basename"].map(names)), run.data)
    images = len(names) - 1
    assert f"{images} images have no source in the table, so each is taken as its own source." in run()[1]
    notes = pd.read_csv(run.results)["Notes"]
    assert notes.str.contains(f"sources: {images} images have none and count as their own").all()


def test_excluded_rows_are_left_out_and_counted(run: Run) -> None:
    write(run.frame.assign(excluded=run.frame.index < 5), run.data)
    assert "5 rows are marked as excluded and left out." in run()[1]


def test_results_are_not_overwritten(run: Run) -> None:
    run.results.write_text("mine")
    run.refuses(f"{run.results} exists already; name another output, or add --force to replace it")
    assert run.results.read_text() == "mine"
    assert run("--quiet", "--force")[0] == 0
    assert run.results.read_text().startswith("Neuron,Concept,")


def test_a_lacking_column(run: Run) -> None:
    write(run.frame.drop(columns="soft_correct"), run.data)
    run.refuses(f"{run.data} lacks the column soft_correct; {NEEDS} (see docs/trial-table.md)")


def test_a_neuron_that_is_not_there(run: Run) -> None:
    run.map.write_text('{"90": "Trump"}')
    run.refuses(
        f"{run.data} has no column activation_90, which the neuron map needs for Trump; "
        "its units are 89, 297, 355, 363, 479, 513"
    )


def test_a_concept_that_is_not_there(run: Run) -> None:
    run.map.write_text('{"89": "Obama"}')
    run.refuses(
        f"{run.data} does not show the concept Obama, which the neuron map names for unit 89; "
        "its concepts are arabic alphabet, australia, fire, puppies, sailboat, trump: "
        "leave others out of the map (activations choose --concept)"
    )


def test_a_concept_that_a_spreadsheet_would_run_is_escaped(run: Run) -> None:
    plain = run.table()
    run.map.write_text(
        json.dumps({unit: "=fire" if name == "fire" else name for unit, name in NAMES.items()})
    )
    truth = run.frame["ground_truth"].mask(run.frame["ground_truth"].str.lower() == "fire", "=fire")
    write(run.frame.assign(ground_truth=truth), run.data)
    table = run.table()
    assert "'=fire" in set(table["Concept"])
    assert list(table["Neuron"]) == list(plain["Neuron"])
    assert np.allclose(table["S"], plain["S"])


def test_an_activation_that_is_missing(run: Run) -> None:
    write(run.frame.assign(activation_89=run.frame["activation_89"].where(run.frame.index != 6)), run.data)
    run.refuses(
        f"{run.data}, row 7, column activation_89 is missing; "
        "extract the activation of its image, or leave the row out"
    )


def test_a_row_that_is_there_twice(run: Run) -> None:
    write(pd.concat([run.frame.iloc[:5], run.frame.iloc[[2]]]), run.data)
    run.refuses(f"{run.data}, rows 3 and 6 hold the same response twice; leave one of them out")


def test_a_score_out_of_range(run: Run) -> None:
    scores = run.frame["soft_correct"].astype(float).where(run.frame.index != 3, 2.0)
    write(run.frame.assign(soft_correct=scores), run.data)
    run.refuses(
        f"{run.data}, row 4, column soft_correct: 2.0 is not between 0 and 1; "
        "a score of correctness lies there"
    )


@pytest.mark.parametrize("value", ["inf", "1e300", "2.5"])
def test_a_level_that_is_no_whole_number(run: Run, value: str) -> None:
    levels = run.frame["level"].astype(object).where(run.frame.index != 3, value)
    write(run.frame.assign(level=levels), run.data)
    run.refuses(f"{run.data}, row 4, column level: '{value}' is not a whole number; correct it")


def test_a_column_of_text_is_no_score(run: Run) -> None:
    first = run.frame["response_clean"].iloc[0]
    run.refuses(
        f"{run.data}, row 1, column response_clean: {first!r} is not a number; correct it or leave it empty",
        *("--human-score-col", "response_clean"),
    )


def test_weights_that_give_no_mean(run: Run) -> None:
    rule = "give S C R H weights of at least 0 that are not all 0"
    run.refuses(f"the weights 0 0 0 0 give no mean; {rule}", "--weights", 0, 0, 0, 0)
    run.refuses(f"the weights 1 -1 1 1 give no mean; {rule}", "--weights", 1, -1, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--store", "s"), "--store goes with --study, since DATA brings its own activations; leave it out"),
        (("--cluster", "c"), "--cluster needs the manifest that names the clusters; add --manifest"),
        (
            ("--model", "demo"),
            "a model needs the images to measure C on; add --manifest, or leave the model out",
        ),
        (("--layer", "x"), "--layer is for the model that C is measured on; add --manifest and --model"),
        (("--device", "cpu"), "--device is for the model that C is measured on; add --manifest and --model"),
    ],
)
def test_options_that_do_not_fit(run: Run, options: tuple[str, ...], message: str) -> None:
    run.refuses(message, *options)


def test_a_bad_key_file(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    run.refuses(
        f"cannot read the key file {key} (No such file or directory); check the path", "--key-file", key
    )
    key.write_text("short")
    run.refuses(f"the key in {key} is too short; give it at least 16 random characters", "--key-file", key)


def test_results_of_another_form(run: Run) -> None:
    run.results = run.results.with_suffix(".parquet")
    run.refuses("the results are written as CSV; name out.parquet with the ending .csv")


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.csv",),
        ("a.csv", "b.json", "c.csv", "--recognizable-levels", "low"),
        ("a.csv", "b.json", "c.csv", "--weights", "1", "2"),
        ("a.csv", "b.json", "c.csv", "--threshold-percentile", "95"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run.manage("score", "--reference", *arguments)[0] == 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    return finished_study(tmp_path_factory.mktemp("study"), participants=12)


@pytest.fixture(scope="module")
def store(study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("activations") / "store"
    loaded = load_model(device="cpu")
    extract(images_of(study.manifest), loaded, None, "squash", ActivationStore(path))
    return path


class TestStudy:
    """Scoring a study: rows from the database, activations from a store, C from the manifest's images."""

    pytestmark = pytest.mark.model

    @pytest.fixture
    def of_study(self, run: Run, study: FinishedStudy) -> Run:
        run.monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
        run.map.write_text('{"5": "Apple", "100": "dog", "7": "fire"}')
        return run

    def score(self, run: Run, *options: object) -> tuple[int, str, str]:
        return run.manage("score", "--study", "shapes", run.map, run.results, "--reference", *options)

    def test_all_four_components(self, of_study: Run, study: FinishedStudy, store: Path) -> None:
        options = ("--store", store, "--manifest", study.manifest, "--device", "cpu")
        status, out, err = self.score(of_study, *options)
        assert (status, err.count("Error")) == (0, 0)
        table = pd.read_csv(of_study.results)
        mean = table[["S", "C", "R", "H"]].mean(axis=1)
        assert np.allclose(table["InterpScore"], mean)
        assert (table["n_C_images"] == 4).all()
        assert table["C"].between(0, 1, inclusive="neither").all()
        assert (table["weights"] == table["C_weights"]).all()
        assert table["weights"].str.startswith("interpscore-demo").all()
        assert f"Weights: {table['weights'][0]}." in out

    def test_roles_come_from_the_study_and_options_override_them(self, of_study: Run, store: Path) -> None:
        quiet = ("--store", store, "--quiet", "--resamples", 0, "--force")
        tables = []
        for options in (
            (),
            ("--recognizable-levels", 1),
            ("--adversarial-level", 3, 1),
            ("--clean-level", 3),
        ):
            assert self.score(of_study, *quiet, *options) == (0, "", "")
            tables.append(pd.read_csv(of_study.results))
        assert tables[0]["R"].equals(tables[1]["R"])
        assert not tables[0]["R"].equals(tables[2]["R"])
        assert not tables[0]["S"].equals(tables[3]["S"])

    def test_clusters_keep_their_sources_only(self, of_study: Run, study: FinishedStudy, store: Path) -> None:
        options = ("--store", store, "--manifest", study.manifest, "--device", "cpu")
        status, out, _ = self.score(of_study, *options, "--cluster", "hand 1")
        table = pd.read_csv(of_study.results)
        assert status == 0
        assert (table["n_sources"] == 2).all()
        assert (table["n_C_images"] == 2).all()
        assert "Only sources of the cluster hand 1 are scored." in out

    def test_an_unknown_cluster(self, of_study: Run, study: FinishedStudy, store: Path) -> None:
        options = ("--store", store, "--manifest", study.manifest, "--device", "cpu")
        message = "Error: the manifest has no cluster mine; it has hand 0, hand 1\n"
        assert self.score(of_study, *options, "--cluster", "mine") == (1, "", message)

    def test_other_weights_than_the_stores(
        self, of_study: Run, study: FinishedStudy, store: Path, tmp_path: Path
    ) -> None:
        with safe_open(WEIGHTS_FILE, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        tensors["visual.conv1.weight"] *= 2
        save_file(tensors, tmp_path / "other.safetensors", metadata=metadata)
        options = (
            "--store",
            store,
            "--manifest",
            study.manifest,
            "--checkpoint",
            tmp_path / "other.safetensors",
        )
        status, out, err = self.score(of_study, *options)
        assert (status, out) == (1, "")
        assert err.startswith(f"Error: the store {store} holds no activations of weights_hash ")
        assert not of_study.results.exists()

    def test_a_unit_that_the_layer_has_not(self, of_study: Run, store: Path) -> None:
        of_study.map.write_text('{"2048": "apple"}')
        message = "unit 2048 is not in the activation store, which has units 0 to 511; name another unit"
        assert self.score(of_study, "--store", store) == (1, "", f"Error: {message}\n")

    def test_an_unknown_study(self, of_study: Run, store: Path) -> None:
        arguments = (
            "score",
            "--study",
            "none",
            of_study.map,
            of_study.results,
            "--reference",
            "--store",
            store,
        )
        message = "Error: there is no study 'none': there are shapes; see `manage.py study create`\n"
        assert of_study.manage(*arguments) == (1, "", message)

    def test_without_a_database(
        self, of_study: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(tmp_path / "nothing"))
        monkeypatch.setenv("INTERPSCORE_DATABASE_URL", f"sqlite:///{tmp_path / 'nothing.sqlite3'}")
        message = (
            f"Error: there is no study database at sqlite:///{tmp_path / 'nothing.sqlite3'}; "
            "name the right one with INTERPSCORE_DATA_DIR or INTERPSCORE_DATABASE_URL, or make it with: "
            "python manage.py study create FILE\n"
        )
        assert self.score(of_study, "--store", store) == (1, "", message)
        assert not (tmp_path / "nothing.sqlite3").exists()

    def test_a_key_file_is_for_data(self, of_study: Run, store: Path) -> None:
        message = "Error: --key-file is for the PROLIFIC_PID of DATA; leave it out with --study\n"
        assert self.score(of_study, "--store", store, "--key-file", "key") == (1, "", message)

    def test_without_a_store(self, of_study: Run) -> None:
        message = "Error: score --study needs the units' activations; add --store\n"
        assert self.score(of_study) == (1, "", message)
