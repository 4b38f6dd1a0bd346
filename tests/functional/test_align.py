"""``manage.py align`` on each form of data, with models and layers; its output and its refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from commands.align_inputs import SIMULATED
from commands.align_tables import UNKNOWN_KIND
from commands.score_inputs import REHEARSAL
from manage import cli
from scoring.activations.store import ActivationStore, Series
from scoring.trial_table import read_trials
from stimuli.errors import UserError
from tests.functional.finished_study import FinishedStudy, finished_study
from tests.functional.forced_choice_study import CONCEPTS, Files, trial_table, write
from tests.reference.published_data import published

CATEGORIES = ["boat", "cat", "dog", "oven"]
COLUMNS = ["subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename"]
SERIES = Series(
    "ab" * 32, "visual.layer4.0.act3", "squash", "tiny (made up)", "float32", 8, (0, 0, 0), (1, 1, 1)
)


def align(*arguments: object) -> str:
    done = CliRunner().invoke(
        cli, ["align", *(str(word) for word in arguments), "--resamples", "100"], standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.stdout


def error(out: Path, *arguments: object) -> str:
    """The message, nothing having been written."""
    with pytest.raises(UserError) as caught:
        align(*arguments, "--out", out)
    assert not out.exists()
    return str(caught.value)


def summary_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """Six people and a model, 24 pictures a category; right answers are more common for low numbers."""
    rng = np.random.default_rng(0)
    rows = []
    for observer in (*(f"subject-{number:02d}" for number in range(1, 7)), "resnet50"):
        for trial, (category, picture) in enumerate((one, at) for one in CATEGORIES for at in range(24)):
            right = rng.random() < 0.95 - 0.02 * picture
            answer = category if right else str(rng.choice(CATEGORIES))
            name = f"{trial:04d}_edg_s01_0_{category}_00_{category}{picture}.png"
            rows.append((observer, 1, trial, 0.5, answer, category, 0, name))
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture(scope="module")
def benchmark_folder(answers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "edge"
    folder.mkdir()
    for name, own in answers.groupby("subj"):
        own.to_csv(folder / f"edge_{name}_session_1.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write(tmp_path_factory.mktemp("trials"), trial_table(people=10, sources=5))


def test_a_benchmark_folder_gives_accuracy_and_error_consistency(
    benchmark_folder: Path, answers: pd.DataFrame, tmp_path: Path
) -> None:
    align(benchmark_folder, "--out", tmp_path / "out", "--quiet")
    found = summary_of(tmp_path / "out")
    answers = answers.assign(right=answers["object_response"].eq(answers["category"]))
    people = answers[answers["subj"].str.startswith("subject")]
    means = people.groupby("subj")["right"].mean()
    assert found["human_accuracy"] == pytest.approx(means.mean())
    wide = people.assign(picture=people["imagename"].str.split("_").str[-1])
    table = wide.pivot(index="picture", columns="subj", values="right")
    kappas = []
    for one, other in combinations(table.columns, 2):
        first, second = table[one].mean(), table[other].mean()
        expected = first * second + (1 - first) * (1 - second)
        kappas.append(((table[one] == table[other]).mean() - expected) / (1 - expected))
    assert found["error_consistency"] == pytest.approx(np.mean(kappas))
    assert (found["n_observers"], found["n_models"], found["n_stimuli"]) == (6, 1, 96)
    assert (found["alternatives"], found["origin"]) == (4, "edge")
    assert found["models"][0]["model"] == "resnet50"
    assert found["weights"] == {"resnet50": "unknown: decisions were given in DATA"}
    assert len(found["files"]) == 7


def test_a_named_observer_is_a_model(benchmark_folder: Path, tmp_path: Path) -> None:
    align(benchmark_folder, "--out", tmp_path / "out", "--model", "subject-06", "--quiet")
    assert (summary_of(tmp_path / "out")["n_observers"], summary_of(tmp_path / "out")["n_models"]) == (5, 2)


def test_severities_of_others_lead_where_they_are_said_to(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = []
    for person in range(1, 7):
        for trial, (category, picture, noise) in enumerate(
            (category, picture, noise)
            for noise in (0.05, 0.1, 0.2, 0.35, 0.6, 0.9)
            for category in CATEGORIES
            for picture in range(8)
        ):
            right = rng.random() < 0.25 + 0.72 / (1 + (noise / 0.3) ** 3)
            answer = category if right else str(rng.choice([one for one in CATEGORIES if one != category]))
            name = f"{trial:04d}_noi_s01_{noise}_{category}_00_{category}{picture}.png"
            rows.append((f"subject-{person:02d}", 1, trial, 0.5, answer, category, noise, name))
    folder = tmp_path / "uniform"
    folder.mkdir()
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "all.csv", index=False)
    align(folder, "--out", tmp_path / "without", "--quiet")
    assert set(pd.read_csv(tmp_path / "without" / "psychometric.csv")["reason"]) == {"direction_not_known"}
    align(folder, "--out", tmp_path / "with", "--quiet", "--harder", "larger")
    row = pd.read_csv(tmp_path / "with" / "psychometric.csv").iloc[0]
    assert row["alpha_low"] < 0.3 < row["alpha_high"]
    assert row["guess"] == 0.25
    assert (tmp_path / "with" / "figures" / "psychometric_uniform.svg").exists()


def test_a_trial_table_with_units_and_decisions(files: Files, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = align(files.table, "--out", out, "--neuron-map", files.neuron_map, "--choices", files.choices)
    assert "Accuracy of people" in said
    assert f"Written: {out}" in said
    found = summary_of(out)
    assert sorted(found["weights"]) == ["8 units of the table", "labelled units", "net"]
    shifts = pd.read_csv(out / "shifts.csv")
    assert sorted(shifts["model"]) == ["labelled units", "net"]
    assert "unit_slope" in found
    assert (out / "layers.csv").exists()
    assert UNKNOWN_KIND in found["notes"]
    assert found["command"] == (
        "python manage.py align trials.csv --out alignment --neuron-map map.json --choices choices.csv "
        "--resamples 100"
    )
    assert str(tmp_path) not in (out / "report.html").read_text(encoding="utf-8")


def test_json_is_one_object_with_the_summary(files: Files, tmp_path: Path) -> None:
    said = json.loads(align(files.table, "--out", tmp_path / "out", "--json"))
    assert said == {"out": str(tmp_path / "out"), **summary_of(tmp_path / "out")}


def test_nothing_is_replaced_without_force(benchmark_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    align(benchmark_folder, "--out", out, "--quiet")
    before = (out / "report.html").read_bytes()
    with pytest.raises(UserError) as caught:
        align(benchmark_folder, "--out", out)
    assert str(caught.value) == (
        f"{out} is not empty; name another folder, or add --force to replace an alignment"
    )
    align(benchmark_folder, "--out", out, "--force", "--quiet")
    assert (out / "report.html").read_bytes() == before


def test_people_who_typed_are_not_compared_in_thresholds(files: Files, tmp_path: Path) -> None:
    table = tmp_path / "typed.csv"
    trial_table(people=10, sources=5, typed=True).to_csv(table, index=False)
    align(table, "--out", tmp_path / "out", "--neuron-map", files.neuron_map, "--quiet")
    shifts = pd.read_csv(tmp_path / "out" / "shifts.csv")
    assert shifts["shift"].isna().all()
    assert set(shifts["reason"]) == {"people_typed"}


def test_the_published_form(tmp_path: Path) -> None:
    table = tmp_path / "published.csv"
    published(1).to_csv(table, index=False)
    align(table, "--out", tmp_path / "out", "--quiet")
    found = summary_of(tmp_path / "out")
    accuracy = pd.read_csv(tmp_path / "out" / "accuracy.csv")
    assert sorted(accuracy["condition"].dropna().unique()) == ["clean", "level 1", "level 2", "level 3"]
    assert any("show dreams" in note for note in found["notes"])
    assert UNKNOWN_KIND not in found["notes"]
    assert any("PROLIFIC_PID was replaced" in note for note in found["notes"])
    ids = set(published(1)["PROLIFIC_PID"])
    written = (tmp_path / "out" / "error_consistency.csv").read_text(encoding="utf-8")
    assert not any(str(one) in written for one in ids)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    return finished_study(tmp_path_factory.mktemp("study"), n_sources=6, participants=6)


@pytest.fixture(scope="module")
def store(study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("activations") / "store"
    hashes = [stimulus.image_sha256 for stimulus in study.stimuli]
    values = np.random.default_rng(0).random((len(hashes), 6)).astype(np.float32)
    made = ActivationStore(path)
    made.create()
    with made.writing():
        made.reserve(SERIES, hashes, 6)
        made.write(SERIES, hashes, values)
    return path


def test_a_study_and_its_dataset_say_the_same(
    study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    CliRunner().invoke(cli, ["export", study.name, "--out", str(tmp_path / "data")], standalone_mode=False)
    align(study.name, "--out", tmp_path / "one", "--quiet")
    align(tmp_path / "data", "--out", tmp_path / "two", "--quiet")
    one, two = summary_of(tmp_path / "one"), summary_of(tmp_path / "two")
    assert one["human_accuracy"] is not None
    for key in ("human_accuracy", "split_half", "reliability", "n_observers", "n_stimuli", "origin"):
        assert one[key] == two[key], key
    assert set(two["files"]) == {"trials.parquet"}
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in study.secrets)


def test_a_study_that_offers_words_is_a_forced_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offering = finished_study(tmp_path / "study", participants=5, form="alternatives")
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(offering.settings.data_dir))
    align(offering.name, "--out", tmp_path / "out", "--quiet")
    found = summary_of(tmp_path / "out")
    assert found["alternatives"] == 5
    assert found["human_accuracy_null"] == pytest.approx(1 / 5)


def test_layers_of_a_store_are_found_by_the_images_of_a_study(
    study: FinishedStudy, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    units = tmp_path / "map.json"
    units.write_text('{"1": "apple", "3": "dog", "5": "fire"}')
    out = tmp_path / "out"
    align(study.name, "--out", out, "--store", store, "--neuron-map", units, "--quiet")
    layers, found = pd.read_csv(out / "layers.csv"), summary_of(out)
    assert set(layers["layer"]) == {"tiny visual.layer4.0.act3 squash"}
    assert set(layers["reason"]) == {"too_few_concepts"}
    assert found["weights"] == dict.fromkeys(
        ["labelled units", "tiny visual.layer4.0.act3 squash"], "tiny (made up), visual.layer4.0.act3, squash"
    )
    units.write_text('{"6": "apple", "3": "dog"}')
    assert error(tmp_path / "other", study.name, "--store", store, "--neuron-map", units) == (
        f"unit 6 is not in visual.layer4.0.act3 of {store}, which has units 0 to 5; name another unit, or "
        "another --layer"
    )


def test_a_store_needs_to_know_the_images(files: Files, store: Path, tmp_path: Path) -> None:
    assert error(tmp_path / "out", files.table, "--store", store) == (
        "DATA does not say which image the picture apple_0_0 is, by which a store finds activations; "
        "give the --manifest of the stimuli"
    )


def test_data_that_are_nowhere(tmp_path: Path) -> None:
    absent = tmp_path / "none.csv"
    assert error(tmp_path / "out", absent) == (
        f"{absent} does not exist; name a folder, a trial table or a study"
    )


def test_data_that_are_no_study_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("INTERPSCORE_DATABASE_URL", raising=False)
    assert error(tmp_path / "out", "nosuch") == (
        "'nosuch' is no file or folder of data here, and there is no study database at "
        f"sqlite:///{tmp_path / 'empty' / 'interpscore.sqlite3'}; name the right one with "
        "INTERPSCORE_DATA_DIR or INTERPSCORE_DATABASE_URL, or make it with: "
        "python manage.py study create FILE"
    )


def test_answers_are_no_trial_table(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("concept,response,hard_correct,soft_correct\nfire,fire,True,1\n", encoding="utf-8")
    assert error(tmp_path / "out", path) == (
        f"{path} is a table of answers, which does not say which picture each is about; give a trial table "
        "(see docs/trial-table.md)"
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset in both forms, of a rehearsal with simulated participants."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    table = trial_table(people=6, sources=4, typed=True)
    table.to_csv(folder / "trials.csv", index=False)
    read_trials(folder / "trials.csv").to_parquet(folder / "trials.parquet")
    counts = {"simulated_participants": 6, "participants_with_trials": 6}
    summary = {"study": "mine", "rehearsal": True, "counts": counts}
    (folder / "export.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def judged_again(table: Path, out: Path) -> pd.DataFrame:
    """The table with a judge who knows nothing of the first concept."""
    frame = pd.read_csv(table)
    wrong = frame["concept"].eq(CONCEPTS[0])
    frame = frame.assign(
        hard_correct=frame["hard_correct"] & ~wrong, soft_correct=frame["soft_correct"].mask(wrong, 0)
    )
    frame.to_csv(out, index=False)
    return frame


def test_a_table_judged_again_takes_the_dataset_s_place(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    again = judged_again(dataset / "trials.csv", tmp_path / "again.csv")
    align(dataset, "--trials", tmp_path / "again.csv", "--out", out, "--quiet")
    found = summary_of(out)
    means = again["soft_correct"].groupby(again["participant"]).mean()
    assert found["human_accuracy"] == pytest.approx(means.mean(), abs=1e-9)
    assert (found["origin"], list(found["files"])) == ("mine", ["again.csv"])
    assert found["notes"][:2] == [REHEARSAL, SIMULATED]
    assert "align dataset --out alignment --trials again.csv" in found["command"]


def test_two_judgements_in_one_dataset_are_refused(dataset: Path, tmp_path: Path) -> None:
    table, other = dataset / "trials.csv", dataset / "trials.parquet"
    judged_again(table, table)
    assert error(tmp_path / "out", dataset) == (
        f"{other} and {table} hold different judgements, so that one of them is old; say which one counts: "
        f"--trials {other} or --trials {table}"
    )
    align(dataset, "--trials", table, "--out", tmp_path / "out", "--quiet")
    assert list(summary_of(tmp_path / "out")["files"]) == ["trials.csv"]


def test_the_order_of_rows_and_how_numbers_are_written_are_no_other_judgement(
    dataset: Path, tmp_path: Path
) -> None:
    table = dataset / "trials.csv"
    rows = pd.read_csv(table).sort_values("stimulus").astype({"hard_correct": int, "soft_correct": int})
    rows.to_csv(table, index=False)
    align(dataset, "--out", tmp_path / "out", "--quiet")
    assert list(summary_of(tmp_path / "out")["files"]) == ["trials.parquet"]


def test_a_table_of_other_trials_is_refused_and_a_part_is_told(dataset: Path, tmp_path: Path) -> None:
    table, path = pd.read_csv(dataset / "trials.csv"), tmp_path / "again.csv"
    table.assign(trial_index=table["trial_index"] + 1).to_csv(path, index=False)
    last = int(table["trial_index"].argmax()) + 1
    assert error(tmp_path / "out", dataset, "--trials", path) == (
        f"{path}, row {last} is of no trial of {dataset / 'trials.parquet'}; "
        "give a table that was made from it"
    )
    table.iloc[1:].to_csv(path, index=False)
    (dataset / "export.json").unlink()
    align(dataset, "--trials", path, "--out", tmp_path / "out", "--quiet")
    assert summary_of(tmp_path / "out")["notes"][:2] == [
        UNKNOWN_KIND,
        f"again.csv lacks 1 of the {len(table)} rows of trials.parquet.",
    ]


def test_a_table_in_place_of_no_dataset_s(files: Files, tmp_path: Path) -> None:
    assert error(tmp_path / "out", files.table, "--trials", files.table) == (
        f"--trials is a table in place of a dataset's, and {files.table} is no folder of an exported "
        "dataset; name the one that the table was made from"
    )


def test_where_severities_lead_has_no_effect_without_severities(
    benchmark_folder: Path, tmp_path: Path
) -> None:
    assert error(tmp_path / "out", benchmark_folder, "--harder", "larger") == (
        "--harder is about severities, of which DATA has none or one for each perturbation; leave it out"
    )


def test_models_are_named_in_benchmark_folders_only(files: Files, tmp_path: Path) -> None:
    assert error(tmp_path / "out", files.table, "--model", "net") == (
        "--model names observers of model-vs-human files; DATA is not a folder of these"
    )


def test_a_map_of_a_concept_that_is_not_shown(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"0": "boat", "1": "dog"}')
    assert error(tmp_path / "out", files.table, "--neuron-map", path) == (
        f"{path} names a unit for boat, which the data do not show; their concepts are {', '.join(CONCEPTS)}"
    )


def test_a_map_of_units_without_activations(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"99": "dog", "1": "key"}')
    assert error(tmp_path / "out", files.table, "--neuron-map", path) == (
        f"trials.csv has no column activation_99, which {path} needs; give --store"
    )


def test_a_decision_about_another_picture(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "choices.csv"
    path.write_text("observer,stimulus,chosen\nnet,elsewhere,dog\n")
    assert error(tmp_path / "out", files.table, "--choices", path) == (
        f"{path}, row 1: 'elsewhere' is no stimulus of the data; correct it or leave the row out"
    )


def test_where_severities_lead_is_asked_for_others_only(files: Files, tmp_path: Path) -> None:
    assert error(tmp_path / "out", files.table, "--harder", "larger") == (
        "--harder is for perturbations of others; it is known where those of DATA lead"
    )


def test_a_map_of_one_concept(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"3": "dog", "4": "Dog"}')
    assert error(tmp_path / "out", files.table, "--neuron-map", path) == (
        f"{path} names units for dog alone; units decide between concepts, so name a unit for another one too"
    )


def test_a_layer_is_named_where_there_is_a_choice(files: Files, tmp_path: Path) -> None:
    told = "--layer names the layer of --store that units are of, but {}; leave it out"
    assert error(tmp_path / "out", files.table, "--neuron-map", files.neuron_map, "--layer", "x") == (
        told.format("the units of --neuron-map are columns of DATA")
    )
    assert error(tmp_path / "out", files.table, "--layer", "x") == told.format("there is no --neuron-map")


def test_a_picture_has_the_one_activation_that_its_rows_have(files: Files, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole", tmp_path / "trials.csv"
    align(files.table, "--out", whole, "--neuron-map", files.neuron_map, "--quiet")
    table = pd.read_csv(files.table)
    row = int(table.index[table["stimulus"].duplicated()][0])
    value, picture = float(table["activation_2"].iloc[row]), str(table["stimulus"].iloc[row])
    table.loc[row, "activation_2"] = np.nan
    table.to_csv(path, index=False)
    align(path, "--out", tmp_path / "out", "--neuron-map", files.neuron_map, "--quiet")
    for name in ("models.csv", "layers.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes()
    table.loc[row, "activation_2"] = value + 100
    table.to_csv(path, index=False)
    assert error(tmp_path / "other", path, "--neuron-map", files.neuron_map) == (
        f"trials.csv has different numbers in the column activation_2 for the picture {picture}, {value:g} "
        f"and {value + 100:g}; extract its activations again, or leave the column out"
    )


def test_an_activation_that_is_missing_leaves_its_column_out(files: Files, tmp_path: Path) -> None:
    path, table = tmp_path / "trials.csv", pd.read_csv(files.table)
    table.loc[table["stimulus"].eq(table["stimulus"].min()), "activation_2"] = np.nan
    table.to_csv(path, index=False)
    align(path, "--out", tmp_path / "out", "--quiet")
    found = summary_of(tmp_path / "out")
    assert list(found["weights"]) == ["7 units of the table"]
    assert "Columns that lack activations of some pictures are left out: activation_2." in found["notes"]
    assert error(tmp_path / "other", path, "--neuron-map", files.neuron_map) == (
        f"trials.csv has no number in the column activation_2 for the picture {table['stimulus'].min()}; "
        "extract its activations, or leave the column out"
    )


def test_a_layer_that_lacks_a_picture_is_left_out(
    study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    hashes = [stimulus.image_sha256 for stimulus in study.stimuli]
    values = np.random.default_rng(0).random((len(hashes), 6)).astype(np.float32)
    made = ActivationStore(tmp_path / "store")
    made.create()
    with made.writing():
        for name, images in (("whole", hashes), ("part", hashes[1:])):
            series = replace(SERIES, layer=name)
            made.reserve(series, images, 6)
            made.write(series, images, values[: len(images)])
    align(study.name, "--out", tmp_path / "out", "--store", tmp_path / "store", "--quiet")
    found = summary_of(tmp_path / "out")
    assert list(found["weights"]) == ["tiny whole squash"]
    (note,) = [note for note in found["notes"] if "The layer" in note]
    assert note == (
        "The layer tiny part squash is left out, since it lacks activations of 1 of the "
        f"{found['n_stimuli']} pictures."
    )


def test_more_words_than_are_shown(benchmark_folder: Path, files: Files, tmp_path: Path) -> None:
    align(benchmark_folder, "--out", tmp_path / "out", "--alternatives", "16", "--quiet")
    found = summary_of(tmp_path / "out")
    assert (found["alternatives"], found["human_accuracy_null"]) == (16, 1 / 16)
    assert "--alternatives 16" in found["command"]
    assert error(tmp_path / "other", files.table, "--alternatives", "8") == (
        "--alternatives is for model-vs-human files; a trial table has a column alternatives"
    )
