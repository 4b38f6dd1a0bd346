from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session as OrmSession

from commands.export import export
from commands.score_inputs import rows_of_study
from experiment_server import models
from experiment_server.design.definition import Definition
from experiment_server.design.quality import QUALITY_VERSION
from experiment_server.models.database import writing
from experiment_server.services.exclude import by_hand
from exports.activations import Activations, add_activations
from exports.datasets import export_study
from exports.spreadsheets import unescape_formulas
from exports.trial_tables import EXPORTED, image_hashes, study_roles, study_trials
from scoring.counted_rows import counted_rows
from scoring.trial_table import COLUMNS, OPTIONAL, read_trials
from stimuli.errors import UserError
from stimuli.manifest import COLUMNS as MANIFEST_COLUMNS
from tests.functional.adaptive_study import ADAPTIVE
from tests.functional.answered_adaptive_study import LIMITS, AnsweredStudy, answered_adaptive_study
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
    assert tuple(trials.columns) == EXPORTED
    assert {name: str(trials[name].dtype) for name in EXPORTED} == {
        column.name: column.dtype for column in (*COLUMNS, *OPTIONAL)
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


def test_a_trial_says_what_it_offered_and_in_which_order(tmp_path: Path) -> None:
    study = finished_study(tmp_path, participants=4, form="alternatives")
    live = live_definition(study)
    trials = study_trials(study.engine, study.name)
    offered = [json.loads(words) for words in trials["alternatives"]]
    every = [set(live.offered(concept)) for concept in trials["concept"]]
    assert [set(words) for words in offered] == every
    with OrmSession(study.engine) as session:
        seeds = {one.id: one.seed for one in session.query(models.Session)}
    expected = {
        tuple(live.alternatives(seed, index, concept) or ())
        for seed in seeds.values()
        for index, concept in zip(trials["trial_index"], trials["concept"], strict=True)
    }
    assert {tuple(words) for words in offered} <= expected
    assert len({tuple(words) for words in offered}) > 1


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


def test_a_disguised_identifier_does_not_leave_and_stops_no_export(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    own = study.secrets[9]
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in own)
    disguised = [wide, *(own[:9] + sign + own[9:] for sign in ("'", "\u00ad", "\u200b", "\u0301", " "))]
    # the judge leaves articles out, so that the words would be the identifier
    disguised += [own.replace("d", "\u1e11"), f"{own[:9]} the {own[9:]}"]
    with OrmSession(study.engine) as session:
        trials = {trial.id: trial.trial_index for trial in session.scalars(select(models.Trial))}
        for response in session.scalars(select(models.Response)):
            response.response = f"I am {disguised[trials[response.trial_id] % 8]}"
            response.dont_know = False
        for record in session.scalars(select(models.Record).where(models.Record.kind == "questionnaire")):
            record.data = {
                "answers": {"device": disguised[3], "country": f"x{wide}y", "remarks": disguised[2]}
            }
        session.commit()
    export_study(study.engine, study.name, tmp_path / "out", now=NOW)
    table = read_trials(tmp_path / "out" / "trials.csv")
    assert set(table["response"]) == {"I am [removed]", "[removed]"}
    assert set(table["response_clean"]) == {"i,am,removed", "removed"}
    assert set(table.loc[table["trial_index"] == 7, "response"]) == {"[removed]"}
    row = session_row(tmp_path / "out", "P-00000003-1")
    assert [row[f"q_{name}"] for name in ("device", "country", "remarks")] == [
        "[removed]",
        "x[removed]y",
        "[removed]",
    ]


def test_exclusions_are_named_with_their_reason_and_who_decided(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=5, flags=("catch",))
    reason = f"{study.secrets[0]} wrote that a child took part"
    with writing(study.engine) as connection:
        by_hand(connection, study.name, "P-00000001", reason, "ada", NOW)
    export_study(study.engine, study.name, tmp_path / "out", now=NOW + timedelta(days=1))
    rows = pd.read_csv(tmp_path / "out" / "exclusions.csv", dtype=str).set_index("participant")
    assert rows.loc["P-00000001"].to_dict() == {
        **{"rule": "manual", "version": QUALITY_VERSION},
        **{"decided_by": "ada", "decided_at": "2026-03-05T12:00:00Z"},
        "evidence": '{"reason": "[removed] wrote that a child took part"}',
    }
    assert rows.loc["P-00000004", "decided_by"] == "study file"
    assert json.loads(str(rows.loc["P-00000004", "evidence"])) == {"right": 0, "of": 1, "needed": 1}
    codebook = json.loads((tmp_path / "out" / "codebook.json").read_text(encoding="utf-8"))
    described = codebook["tables"]["exclusions.csv"]
    assert [column["name"] for column in described] == ["participant", *rows.columns]
    assert "`exclusions.csv` one row for each" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_practice_that_was_not_needed_is_not_unanswered(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    practice = select(models.Trial.id).where(models.Trial.kind == "practice")
    with OrmSession(study.engine) as session:
        going_on, *_ = session.scalars(select(models.Session).where(models.Session.outcome.is_(None)))
        dropped = practice.where(models.Trial.session_id == going_on.id)
        session.execute(delete(models.Response).where(models.Response.trial_id.in_(dropped)))
        session.commit()
        summary = export_study(study.engine, study.name, tmp_path / "before", now=NOW)
        assert summary["counts"]["unanswered"] == {"abandoned": 9, "assigned": 11, "responded": 1}
        going_on.skipped = 1
        session.commit()
    summary = export_study(study.engine, study.name, tmp_path / "out", now=NOW)
    assert summary["counts"]["unanswered"] == {"abandoned": 9, "assigned": 11}


def one_trial(trials: pd.DataFrame, session: str, index: int) -> dict[str, Any]:
    rows = trials[(trials["session"] == session) & (trials["trial_index"] == index)]
    return {str(name): value for name, value in rows.iloc[0].items()}


def test_what_the_browser_measured_is_beside_each_answer(study: FinishedStudy) -> None:
    trials = study_trials(study.engine, study.name)
    trial = one_trial(trials, "P-00000003-1", 4)
    assert trial["refresh_hz"] == 120.005
    assert (trial["exposure_frames"], trial["dropped_frames"]) == (64, 2)
    assert trial["timing_flags"] == "dropped long"
    assert trial["offset_ms"] == trial["onset_ms"] + 500.1
    assert trial["confidence"] == 1
    # nothing wrong is told from not measured, in a CSV too
    assert one_trial(trials, "P-00000003-1", 5)["timing_flags"] == "none"
    assert one_trial(trials, "P-00000003-1", 6)["timing_flags"] is pd.NA
    assert trials.loc[trials["response"].isna(), "confidence"].isna().all()


def test_repetitions_of_a_concept_are_counted_in_the_order_of_the_answers(study: FinishedStudy) -> None:
    trials = study_trials(study.engine, study.name)
    assert trials.loc[trials["trial_category"] == "practice", "concept_repetition"].isna().all()
    main = trials[trials["trial_category"] != "practice"].sort_values("trial_index")
    counted = main.groupby(["session", "concept"])["concept_repetition"].agg(list)
    assert [sorted(one) for one in counted] == [list(range(1, len(one) + 1)) for one in counted]
    assert all(one == sorted(one) for one in counted)
    assert main["concept_repetition"].max() == 4


@pytest.fixture(scope="module")
def adaptive(tmp_path_factory: pytest.TempPathFactory) -> AnsweredStudy:
    return answered_adaptive_study(tmp_path_factory.mktemp("adaptive"))


def test_trials_whose_severity_was_chosen_are_marked(adaptive: AnsweredStudy, tmp_path: Path) -> None:
    export_study(adaptive.engine, adaptive.name, tmp_path / "dataset", now=NOW)
    from_csv = pd.read_csv(tmp_path / "dataset/trials.csv", keep_default_na=False, na_values=[""])
    for trials in (pd.read_parquet(tmp_path / "dataset/trials.parquet"), from_csv):
        marked = trials[trials.adaptive]
        assert len(marked) == ADAPTIVE * len(LIMITS)
        assert set(marked.trial_category) == {"experiment"}
        assert set(marked.perturbation) == {"contrast"}
        assert set(trials[~trials.adaptive].perturbation) == {"clean"}
    assert read_trials(tmp_path / "dataset/trials.csv")["adaptive"].dtype == "boolean"


def test_the_readme_leaves_adaptive_trials_out(
    adaptive: AnsweredStudy, dataset: Path, tmp_path: Path
) -> None:
    export_study(adaptive.engine, adaptive.name, tmp_path / "dataset", now=NOW)
    warned = (tmp_path / "dataset/README.md").read_text(encoding="utf-8")
    assert "the severity of `contrast` was chosen by the participant's own earlier answers" in warned
    example = re.search(r"^    constant = .*\n    accuracy = .*$", warned, re.MULTILINE)
    assert example is not None
    names = {"trials": pd.read_parquet(tmp_path / "dataset/trials.parquet")}
    exec(textwrap.dedent(example.group()), names)
    assert names["accuracy"].to_dict() == {"clean": 1.0}
    ordinary = (dataset / "README.md").read_text(encoding="utf-8")
    assert "adaptive" not in ordinary
    assert 'accuracy = trials[trials.trial_category == "experiment"].groupby' in ordinary


def test_no_trial_of_an_ordinary_study_is_adaptive(study: FinishedStudy) -> None:
    assert study_trials(study.engine, study.name)["adaptive"].eq(False).all()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    """Number 4 fails the catch trial and the instructed item; number 3 happens to miss the former."""
    return finished_study(tmp_path_factory.mktemp("strict"), flags=("catch", "instructed"))


@pytest.fixture(scope="module")
def strict_dataset(strict: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "strict"
    export_study(strict.engine, strict.name, out, now=NOW)
    return out


def test_frozen_rules_are_recorded_before_anything_leaves(
    strict: FinishedStudy, strict_dataset: Path
) -> None:
    trials = read_trials(strict_dataset / "trials.csv")
    excluded = trials[trials["excluded"].fillna(False)]
    assert excluded.groupby("participant")["exclusion_rule"].unique().map(list).to_dict() == {
        "P-00000003": ["catch-1"],
        "P-00000004": ["catch-1; instructed-1"],
    }
    assert not set(counted_rows(trials, "it")["participant"]) & set(excluded["participant"])
    with strict.engine.connect() as connection:
        on_record = connection.execute(select(models.Exclusion.rule, models.Exclusion.decided_at)).all()
    assert sorted(on_record) == [("catch", NOW), ("catch", NOW), ("instructed", NOW)]


def test_exclusions_are_counted(strict_dataset: Path) -> None:
    summary = json.loads((strict_dataset / "export.json").read_text(encoding="utf-8"))
    assert summary["counts"]["excluded_sessions"] == 2
    assert summary["counts"]["excluded_sessions_by_rule"] == {"catch-1": 2, "instructed-1": 1}
    text = (strict_dataset / "README.md").read_text(encoding="utf-8")
    assert "Here 2 sessions are excluded (catch-1: 2, instructed-1: 1)." in text
    assert "no exclusion touched anybody's pay" in text


def test_what_was_recorded_first_stands(strict: FinishedStudy, strict_dataset: Path, tmp_path: Path) -> None:
    later = NOW + timedelta(days=3)
    export_study(strict.engine, strict.name, tmp_path / "again", now=later)
    with strict.engine.connect() as connection:
        assert set(connection.scalars(select(models.Exclusion.decided_at))) == {NOW}
    for name in ("trials.csv", "sessions.csv", "codebook.md"):
        assert (tmp_path / "again" / name).read_bytes() == (strict_dataset / name).read_bytes()


def session_row(dataset: Path, session: str) -> dict[str, Any]:
    rows = pd.read_csv(dataset / "sessions.csv").to_dict("records")
    return {str(name): value for row in rows if row["session"] == session for name, value in row.items()}


def test_sessions_have_a_row_each(strict_dataset: Path) -> None:
    sessions = pd.read_csv(strict_dataset / "sessions.csv", index_col="session")
    trials = read_trials(strict_dataset / "trials.csv")
    assert sessions["answered"].to_dict() == trials.groupby("session").size().to_dict()
    assert sessions["outcome"].tolist() == ["withdrawn", "going_on", *["completed"] * 5]
    row = session_row(strict_dataset, "P-00000004-1")
    expected = {
        **{"language": "it", "minutes": 9.5, "practice_rounds": 1, "simulated": True},
        **{"comprehension_passed": True, "comprehension_attempts": 2},
        **{"device_px_per_mm": 3.78, "distance_mm": 551.3, "picture_degrees": 8.04, "refresh_hz": 59.999},
        # timing was measured in trials 1, 2, 4, 5, 7, 8, 10, 11 and 13, and one of them went wrong
        "timing_flagged": 0.1111,
        **{"flag_catch": True, "flag_instructed": True, "instructed_1": False},
        **{"excluded": True, "exclusion_rule": "catch-1; instructed-1"},
    }
    assert {name: row[name] for name in expected} == expected
    assert json.loads(row["evidence_catch"]) == {"right": 0, "of": 1, "needed": 1}
    other = session_row(strict_dataset, "P-00000005-1")
    assert (other["flag_catch"], other["excluded"]) == (False, False)


def test_not_said_is_told_from_not_asked(strict_dataset: Path) -> None:
    given = session_row(strict_dataset, "P-00000005-1")
    assert given["questionnaire"] is True
    assert pd.isna(given["q_country"])
    assert given["q_device"] == "phone"
    assert given["q_remarks"] == "'=1+1"
    left = session_row(strict_dataset, "P-00000000-1")
    assert left["questionnaire"] is False
    assert pd.isna(left["q_device"])


def test_an_identifier_in_the_questionnaire_does_not_leave(
    strict: FinishedStudy, strict_dataset: Path
) -> None:
    text = (strict_dataset / "sessions.csv").read_text(encoding="utf-8")
    assert "Italy [removed]" in text
    assert not [secret for secret in strict.secrets if secret in text.lower()]


def test_when_somebody_took_part_does_not_leave(strict_dataset: Path) -> None:
    for name in ("sessions.csv", "trials.csv"):
        assert "2026-" not in (strict_dataset / name).read_text(encoding="utf-8")


def test_a_rehearsal_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", participants=4)
    with OrmSession(study.engine) as session:
        session.execute(update(models.Study).values(rehearsal=True))
        session.commit()
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(study.settings.data_dir))
    out = tmp_path / "out"
    done = CliRunner().invoke(export, ["shapes", "--out", str(out)])
    assert done.output.endswith("; no session is excluded; it was a rehearsal: no data\n")
    assert json.loads((out / "export.json").read_text(encoding="utf-8"))["rehearsal"] is True
    assert rows_of_study("shapes").notes == ("The study was open as a rehearsal: its responses are no data.",)
    assert "**The study was open as a rehearsal: these are no data.**" in (out / "README.md").read_text(
        encoding="utf-8"
    )


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
    assert list(joined.columns) == [*EXPORTED, "activation_0", "activation_2"]
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
    assert tuple(trials) == EXPORTED
    assert trials["level"]["levels"] == [1, 3, 5]
    assert trials["rt_ms"]["unit"] == "ms"
    assert trials["soft_correct"]["range"] == [0, 1]
    assert trials["response"]["levels"] is None
    assert trials["exposure_measured_ms"]["n_missing"] > 0
    text = (dataset / "codebook.md").read_text(encoding="utf-8")
    sessions = pd.read_csv(dataset / "sessions.csv")
    assert all(f"| `{name}` |" in text for name in (*EXPORTED, *sessions.columns))
    described = {column["name"]: column for column in codebook["tables"]["sessions.csv"]}
    assert list(described) == list(sessions.columns)
    assert described["distance_mm"]["unit"] == "mm"
    assert described["q_country"]["levels"] is None
    assert described["evidence_repeated"]["levels"] is None
    assert described["flag_catch"]["levels"] == [False, True]


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
        "sessions_with_trials": 7,
        "excluded_sessions": 0,
        "excluded_sessions_by_rule": {},
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
    assert done.output == f"78 trials of 7 participants are in {out}; no session is excluded\n"
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
