from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from commands.export import export
from experiment_server import models
from experiment_server.design.definition import Definition
from exports.activations import Activations, add_activations
from exports.datasets import export_study
from exports.spreadsheets import unescape_formulas
from exports.trial_tables import image_hashes, study_roles, study_trials
from scoring.trial_table import COLUMNS, NAMES, read_trials
from stimuli.errors import UserError
from stimuli.manifest import COLUMNS as MANIFEST_COLUMNS
from tests.functional.finished_study import FinishedStudy, finished_study

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    return finished_study(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def dataset(study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "dataset"
    export_study(study.engine, study.name, out, now=NOW, manifest=study.manifest)
    return out


class Store:
    """Three units whose activation is read off the hash of the image."""

    def read(
        self,
        image_sha256s: Sequence[str],
        layer: str | None = None,
        preprocess: str | None = None,
        weights_hash: str | None = None,
    ) -> NDArray[np.float32]:
        return np.array([[int(sha[at], 16) for at in range(3)] for sha in image_sha256s], dtype=np.float32)


def test_trial_table_has_the_contracts_columns_and_one_row_per_answer(study: FinishedStudy) -> None:
    trials = study_trials(study.engine, study.name)
    assert tuple(trials.columns) == NAMES
    assert {name: str(trials[name].dtype) for name in NAMES} == {
        column.name: column.dtype for column in COLUMNS
    }
    # 8 came: one refused; of 14 trials one answered 5, one 3, five all
    assert len(trials) == 5 + 3 + 5 * 14
    assert set(trials["trial_category"]) == {"practice", "experiment", "catch"}
    assert trials["participant"].nunique() == 7
    assert trials["session"].str.startswith("P-").all()
    assert not trials["excluded"].any()
    assert trials["exclusion_rule"].isna().all()


def test_answers_are_judged_with_the_studys_own_lexicon(study: FinishedStudy) -> None:
    trials = study_trials(study.engine, study.name)
    blaze = trials[trials["response"] == "Blaze"]
    assert len(blaze)
    assert set(blaze["soft_correct"]) == {1.0}
    assert not blaze["hard_correct"].any()
    assert set(blaze["response_clean"]) == {"blaze"}
    nothing = trials[trials["response"].isna()]
    assert len(nothing)
    assert set(nothing["soft_correct"]) == {0.0}


def answer_all(study: FinishedStudy, response: str, *, dont_know: bool = False) -> None:
    """Let every participant have answered the same to everything."""
    with OrmSession(study.engine) as session:
        session.execute(update(models.Response).values(response=response, dont_know=dont_know))
        session.commit()


def live_definition(study: FinishedStudy) -> Definition:
    with study.engine.connect() as connection:
        return Definition.parse(connection.scalars(select(models.Study.definition)).one())


def test_answers_are_judged_as_the_server_judges_them(tmp_path: Path) -> None:
    study = finished_study(tmp_path, concepts=("cat flap", "dog", "fire"), participants=4)
    answer_all(study, "cat")
    trials = study_trials(study.engine, study.name)
    live = live_definition(study)
    assert trials["soft_correct"].tolist() == [live.judge(one, "cat").soft for one in trials["concept"]]
    # "cat" is the concept of the practice trials, so that it is no part of this one's name
    assert set(trials.loc[trials["concept"] == "cat flap", "soft_correct"]) == {0.0}
    assert set(trials.loc[trials["concept"] == "cat", "soft_correct"]) == {1.0}


def test_chosen_answers_count_by_equality_alone(tmp_path: Path) -> None:
    concepts = ("mandolin", "mandarin", "large red fire engine")
    study = finished_study(tmp_path, concepts=concepts, participants=4, form="alternatives")
    for answer in concepts:
        answer_all(study, answer)
        trials = study_trials(study.engine, study.name)
        right = trials["concept"] == answer
        assert trials["hard_correct"].tolist() == right.tolist()
        assert trials["soft_correct"].tolist() == right.astype(float).tolist()


def test_dont_know_has_no_response_and_no_credit(tmp_path: Path) -> None:
    study = finished_study(tmp_path, participants=4)
    answer_all(study, "apple", dont_know=True)
    trials = study_trials(study.engine, study.name)
    assert trials["response"].isna().all()
    assert trials["response_clean"].isna().all()
    assert not trials["hard_correct"].any()
    assert set(trials["soft_correct"]) == {0.0}


def test_readme_and_codebook_say_how_dont_know_appears(dataset: Path) -> None:
    for name in ("README.md", "codebook.md"):
        text = " ".join((dataset / name).read_text(encoding="utf-8").split())
        assert (
            "An answer “don't know” is a row: `response` and `response_clean` are empty, `hard_correct` is "
            "false and `soft_correct` 0."
        ) in text


def test_a_word_in_the_place_of_a_prolific_id_stays_an_answer(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    first = models.Identity.prolific_pid == study.secrets[0]
    with OrmSession(study.engine) as session:
        session.execute(update(models.Identity).where(first).values(prolific_pid="banana"))
        given = {"prolific_session_id": "experiment", "prolific_study_id": "shapes"}
        session.execute(update(models.Identity).values(**given))
        session.commit()
    trials = study_trials(study.engine, study.name)
    assert "banana" in set(trials["response"])
    assert "my id [removed]" in set(trials["response"])
    summary = export_study(study.engine, study.name, tmp_path / "out", now=NOW)
    assert summary["counts"]["trials"] == len(trials)


def test_roles_are_those_of_the_study(study: FinishedStudy) -> None:
    assert study_roles(study.engine, study.name) == {1: "invariant", 3: "adversarial", 5: "clean"}


def test_an_unknown_study_is_named_with_those_there_are(study: FinishedStudy) -> None:
    with pytest.raises(UserError) as error:
        study_trials(study.engine, "other")
    assert str(error.value) == "there is no study 'other': there are shapes; see `manage.py study create`"


def test_activations_are_joined_by_image(study: FinishedStudy) -> None:
    trials = study_trials(study.engine, study.name)
    hashes = image_hashes(study.engine, study.name)
    joined = add_activations(trials, Store(), None, None, [2, 0], hashes)
    assert list(joined.columns) == [*NAMES, "activation_0", "activation_2"]
    expected = [int(hashes[stimulus][2], 16) for stimulus in trials["stimulus"]]
    assert joined["activation_2"].tolist() == expected
    with pytest.raises(UserError) as error:
        add_activations(trials, Store(), None, None, [3], hashes)
    assert str(error.value) == (
        "unit 3 is not in the activation store, which has units 0 to 2; name another unit"
    )


def test_no_identifier_leaves(study: FinishedStudy, dataset: Path) -> None:
    assert len(study.secrets) == 24
    codes = ["SECRETDONE", "SECRETNO", "SECRETSTOP"]
    sittings = [f"sitting{number:025d}" for number in range(8)]
    for path in sorted(dataset.rglob("*")):
        content = path.read_bytes().lower()
        for secret in [*study.secrets, *codes, *sittings]:
            assert secret.lower().encode() not in content, path.name
    cells = pd.read_parquet(dataset / "trials.parquet").astype("string").to_csv().lower()
    assert not [secret for secret in study.secrets if secret in cells]
    assert "my id [removed]" in cells


def test_both_formats_open_in_pandas_and_are_equal(dataset: Path) -> None:
    csv = read_trials(dataset / "trials.csv")
    parquet = read_trials(dataset / "trials.parquet")
    assert "=1+1" in set(parquet["response"])
    assert "'=1+1" in set(csv["response"])
    assert "NA" in set(csv["response"])
    csv["response"] = unescape_formulas(csv["response"])
    pd.testing.assert_frame_equal(csv, parquet)
    plain = pd.read_csv(dataset / "trials.csv", keep_default_na=False, na_values=[""])
    assert len(plain) == len(parquet)
    assert plain["soft_correct"].tolist() == parquet["soft_correct"].tolist()


def test_stimuli_carry_measures_and_credits_and_no_path(dataset: Path, study: FinishedStudy) -> None:
    stimuli = pd.read_csv(dataset / "stimuli.csv")
    assert len(stimuli) == len(study.stimuli)
    assert set(stimuli["credit"]) == {"Artist 0", "Artist 1"}
    assert not {"source_path", "image"} & set(stimuli.columns)
    assert {"licence", "credit_url", "psnr_db", "seed", "role", "kind"} <= set(stimuli.columns)
    assert set(MANIFEST_COLUMNS) - set(stimuli.columns) == {"source_path", "image", "format_version"}


def test_codebook_describes_every_column(dataset: Path) -> None:
    codebook = json.loads((dataset / "codebook.json").read_text(encoding="utf-8"))
    trials = {column["name"]: column for column in codebook["tables"]["trials"]}
    assert tuple(trials) == NAMES
    assert trials["level"]["levels"] == [1, 3, 5]
    assert trials["rt_ms"]["unit"] == "ms"
    assert trials["soft_correct"]["range"] == [0, 1]
    assert trials["response"]["levels"] is None
    assert trials["exposure_measured_ms"]["n_missing"] > 0
    text = (dataset / "codebook.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in NAMES)


def test_summary_counts_and_checksums(dataset: Path) -> None:
    summary = json.loads((dataset / "export.json").read_text(encoding="utf-8"))
    assert summary["format_version"] == 1
    assert summary["exported_at"] == "2026-03-05T12:00:00Z"
    assert summary["activations"] is None
    assert summary["activations_reason"] == "no activation store was given"
    assert summary["counts"] == {
        "participants": 8,
        "participants_with_trials": 7,
        "simulated_participants": 7,
        "sessions_by_outcome": {"completed": 5, "going_on": 1, "no_consent": 1, "withdrawn": 1},
        "trials": 78,
        "trials_by_category": {"catch": 5, "experiment": 66, "practice": 7},
        "unanswered": {"abandoned": 9, "assigned": 11},
    }
    for name, file in summary["files"].items():
        content = (dataset / name).read_bytes()
        assert file == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert {path.name for path in dataset.iterdir()} == {*summary["files"], "export.json"}


def test_the_definition_leaves_without_completion_codes(dataset: Path, study: FinishedStudy) -> None:
    frozen = json.loads((dataset / "study.json").read_text(encoding="utf-8"))
    assert frozen["withheld"] == ["study.completion_codes"]
    assert "completion_codes" not in frozen["definition"]["study"]
    assert frozen["definition"]["study"]["concepts"] == ["apple", "dog", "fire"]


def test_units_and_their_weights_are_named(study: FinishedStudy, tmp_path: Path) -> None:
    given = Activations(Store(), (1,), "visual.layer4.5.act3", "squash", "ab12", "a model for tests")
    summary = export_study(study.engine, study.name, tmp_path / "out", now=NOW, activations=given)
    assert summary["activations"] == {
        "weights": "a model for tests",
        "weights_hash": "ab12",
        "layer": "visual.layer4.5.act3",
        "preprocess": "squash",
        "units": [1],
    }
    assert read_trials(tmp_path / "out" / "trials.csv").attrs.get("channels") is None


def test_nothing_is_replaced_without_force_and_only_an_export_with_it(
    study: FinishedStudy, tmp_path: Path
) -> None:
    out = tmp_path / "dataset"
    out.mkdir()
    export_study(study.engine, study.name, out, now=NOW, formats=["csv"])
    assert not (out / "trials.parquet").exists()
    with pytest.raises(UserError) as error:
        export_study(study.engine, study.name, out, now=NOW)
    assert str(error.value) == f"{out} is not empty; name another folder, or add --force to replace an export"
    export_study(study.engine, study.name, out, now=NOW, force=True)
    assert (out / "trials.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("irreplaceable", encoding="utf-8")
    with pytest.raises(UserError) as error:
        export_study(study.engine, study.name, tmp_path / "mine", now=NOW, force=True)
    assert str(error.value) == (
        f"{tmp_path / 'mine'} holds something other than an export, which --force spares; name another folder"
    )
    assert (tmp_path / "mine" / "thesis.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "mine"]


def test_an_identifier_in_the_title_stops_the_export(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    with OrmSession(study.engine) as session:
        session.execute(update(models.Study).values(title=f"Study of {study.secrets[0]}"))
        session.commit()
    with pytest.raises(UserError) as error:
        export_study(study.engine, study.name, tmp_path / "out", now=NOW)
    assert str(error.value) == (
        "README.md would contain a participant's identifier, so nothing was written; look for it in the "
        "study's title, texts and file names"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_a_foreign_manifest_is_refused(study: FinishedStudy, tmp_path: Path) -> None:
    other = finished_study(tmp_path / "other", concepts=("horse", "key", "cup"), participants=3)
    with pytest.raises(UserError) as error:
        export_study(study.engine, study.name, tmp_path / "out", now=NOW, manifest=other.manifest)
    assert "lacks the stimulus" in str(error.value)
    assert str(error.value).endswith(
        "of the study 'shapes'; give the manifest that the study was created from"
    )


def test_command(study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    out = tmp_path / "dataset"
    done = CliRunner().invoke(export, ["shapes", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output == f"78 trials of 7 participants are in {out}\n"
    done = CliRunner().invoke(export, ["shapes", "--out", str(out), "--force", "--json"])
    assert json.loads(done.output)["counts"]["trials"] == 78


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "3"], "units are named but no store of activations; add --store"),
        (
            ["--store", "s.zarr"],
            "--store is given but no unit; name units with --unit or --neuron-map",
        ),
    ],
)
def test_command_wants_units_and_a_store_together(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(export, ["shapes", "--out", str(tmp_path / "out"), *arguments])
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == message
