"""``study check``, ``create``, ``status`` and ``list``, as a researcher runs them."""

from __future__ import annotations

import json
import re
import shutil
import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy import func, select

from commands.db import db
from commands.study import study
from experiment_server.design.definition import Credit, Definition
from experiment_server.design.freeze import freeze
from experiment_server.migrations import schema
from experiment_server.models import Stimulus, Study, StudyCondition
from experiment_server.models.database import connect, reading
from experiment_server.services import studies
from experiment_server.settings import Settings
from stimuli.errors import UserError
from stimuli.files import sha256_of_bytes, sha256_of_file
from stimuli.manifest import read_manifest, write_manifest
from tests.functional.server_fixture import create_from, environment
from tests.functional.study_files import STUDY_TOML


@pytest.fixture
def file(small_study: Path, tmp_path: Path) -> Path:
    """A study file that a test may change, with stimuli of its own."""
    shutil.copytree(small_study.parent, tmp_path / "study")
    return tmp_path / "study" / "study.toml"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The embedded database."""
    return Settings.model_validate({"data_dir": tmp_path / "data", "secret_key": "k" * 40})


def manage(settings: Settings, *arguments: str) -> Result:
    """Run a command of ``study``; a UserError is raised here."""
    return CliRunner().invoke(study, list(arguments), env=environment(settings), catch_exceptions=False)


def refusal(file: Path, old: str, new: str) -> str:
    """What is said of the study file with one change; the file's path is left out."""
    assert old in STUDY_TOML
    file.write_text(STUDY_TOML.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        freeze(file)
    return str(caught.value).replace(f"the study file {file}: ", "")


def test_check_says_what_the_study_is_and_stores_nothing(settings: Settings, file: Path) -> None:
    result = manage(settings, "check", str(file))
    sha256 = freeze(file).sha256
    assert result.output == (
        f"{file} is in order: study small ({sha256[:8]}), 3 concepts in 3 conditions, 44 stimuli, "
        "8 trials for each of 20 participants.\n"
        "It can be rehearsed and not launched; it lacks [governance] with ethics_reference, data_controller, "
        "contact, retention and withdrawal; 4 catch trials (catch.trials is 1); the rule for those who fail "
        'them (exclusion.flags = ["catch"]).\n'
    )
    assert not settings.data_dir.exists()


def test_create_stores_all_rows_and_pictures(settings: Settings, file: Path) -> None:
    made = json.loads(manage(settings, "create", str(file), "--json").output)
    assert made["created"] is True
    with reading(connect(settings)) as connection:
        row = connection.execute(select(Study.name, Study.sha256, Study.definition, Study.status)).one()
        levels = connection.execute(
            select(StudyCondition.level, StudyCondition.severity_unit, StudyCondition.role)
        ).all()
        kinds = Counter(connection.execute(select(Stimulus.kind)).scalars())
        hashes = set(connection.execute(select(Stimulus.image_sha256)).scalars())
    assert (row.name, row.sha256, row.status) == ("small", made["sha256"], "closed")
    assert sha256_of_bytes(row.definition.encode()) == row.sha256
    assert [tuple(level) for level in levels] == [
        (1, "", "clean"),
        (2, "fraction of full scale", "invariant"),
        (3, "fraction", "invariant"),
    ]
    assert kinds == {"test": 36, "practice": 4, "catch": 4}
    copied = list(settings.images_dir.iterdir())
    assert {path.stem for path in copied} == hashes | set(Definition.parse(row.definition).masks)
    assert all(sha256_of_file(path) == path.stem for path in copied)
    assert stat.S_IMODE(copied[0].stat().st_mode) == 0o644


def test_the_definition_can_be_read_back(settings: Settings, file: Path) -> None:
    file.write_text(STUDY_TOML + '[lexicon]\nfile = "words.toml"\n')
    file.with_name("words.toml").write_text('[sailboat]\naccept = ["yacht"]\n')
    frozen = freeze(file)
    definition = Definition.parse(frozen.definition)
    assert definition.design.model_dump() == frozen.file.model_dump(exclude={"manifest", "lexicon"})
    assert definition.trials == {"practice": 1, "test": 6, "catch": 1}
    assert len(definition.masks) == 2
    assert definition.credits == (Credit("the tests", "https://example.org/pictures", "CC0-1.0"),)
    assert definition.judge("sailboat", "yacht").soft == 1.0
    assert definition.judge("umbrella", "yacht").soft == 0.0


def test_creating_the_same_study_again_does_nothing(settings: Settings, file: Path) -> None:
    manage(settings, "create", str(file))
    moved = file.parent.rename(file.parent.with_name("moved")) / file.name
    again = manage(settings, "create", str(moved))
    assert again.output == "small is there already, just as it is.\n"
    with reading(connect(settings)) as connection:
        assert connection.execute(select(func.count()).select_from(Stimulus)).scalar_one() == 44


def test_a_lexicon_for_a_concept_that_the_study_lacks(file: Path) -> None:
    file.write_text(STUDY_TOML + '[lexicon]\nfile = "words.toml"\n')
    lexicon = file.with_name("words.toml")
    lexicon.write_text('[sailbaot]\naccept = ["yacht"]\n')
    with pytest.raises(UserError) as caught:
        freeze(file)
    assert str(caught.value) == (
        f"the lexicon {lexicon} has the table 'sailbaot', which is no concept of the study; "
        "correct or remove it (the concepts are sailboat, raised hand, umbrella, teapot, rocket)"
    )


@pytest.mark.parametrize("change", ["file", "picture", "lexicon"])
def test_another_study_under_the_same_name_is_refused(settings: Settings, file: Path, change: str) -> None:
    file.write_text(STUDY_TOML + '[lexicon]\nfile = "words.toml"\n')
    lexicon = file.with_name("words.toml")
    lexicon.write_text('[sailboat]\naccept = ["yacht"]\n')
    manage(settings, "create", str(file))
    if change == "file":
        file.write_text(file.read_text().replace("exposure_ms = 500", "").replace("test = 6", "test = 5"))
    elif change == "lexicon":
        lexicon.write_text('[sailboat]\naccept = ["dinghy"]\n')
    else:
        (file.parent / "stimuli" / "masks" / "02.png").write_bytes(
            next((file.parent / "stimuli" / "images").iterdir()).read_bytes()
        )
    with pytest.raises(UserError) as caught:
        manage(settings, "create", str(file))
    assert str(caught.value) == (
        "there is another study called small, and a study never changes once it is created; "
        "give this one another name"
    )
    with reading(connect(settings)) as connection:
        assert connection.execute(select(func.count()).select_from(Study)).scalar_one() == 1


def test_nothing_is_half_created(settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(studies, "_stimulus_rows", fail)
    with pytest.raises(OSError, match="the disk is full"):
        create_from(settings, file)
    monkeypatch.undo()
    with reading(connect(settings)) as connection:
        assert connection.execute(select(func.count()).select_from(Study)).scalar_one() == 0
    assert create_from(settings, file) is True


MISTAKES = [
    (
        '"umbrella"]',
        '"lorry"]',
        "the concept 'lorry' is not in the manifest; it has raised hand, rocket, sailboat, teapot, umbrella",
    ),
    (
        "severity = 0.2",
        "severity = 0.3",
        "the manifest has no contrast-0.3 stimulus of 'sailboat'; "
        "build the stimuli with this condition, or leave it out of the study",
    ),
    (
        "test = 6",
        "test = 13\nper_concept = 5",
        "trials.test = 13 cannot be done with each picture shown at most once (CONCEPT needs 5 sources "
        "that are there in every condition, and has 4); lower it or add pictures",
    ),
    (
        'concepts = ["teapot"]\ntrials = 1',
        'concepts = ["teapot"]\ntrials = 5',
        "practice.trials = 5 cannot be done with each picture shown at most once (5 trials need 5 sources, "
        "and there are 4); lower it or add pictures",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[new[-20:] for _, new, _ in MISTAKES])
def test_a_study_that_its_stimuli_cannot_do_is_refused(file: Path, old: str, new: str, said: str) -> None:
    found = refusal(file, old, new)
    for concept in ("sailboat", "raised hand", "umbrella"):
        found = found.replace(f"({concept} needs", "(CONCEPT needs")
    assert found == said


def test_a_source_of_two_concepts_is_refused(file: Path) -> None:
    """A participant would see it twice, and know what to look for."""
    folder = file.parent / "stimuli"
    rows = read_manifest(folder)
    shared = next(row.source for row in rows if row.concept == "rocket")
    of_teapot = next(row.source for row in rows if row.concept == "teapot")
    changed = [replace(row, source=shared) if row.source == of_teapot else row for row in rows]
    write_manifest(folder, changed, force=True)
    with pytest.raises(UserError) as caught:
        freeze(file)
    first, second = (
        row.concept for row in sorted(changed, key=lambda row: row.stimulus) if row.source == shared
    )
    assert str(caught.value) == (
        f"the study file {file}: the source {shared} shows both {first!r} and {second!r}, and would be seen "
        "twice; leave out one of these concepts, or correct the manifest"
    )


def test_stimuli_that_are_not_there_are_said(file: Path) -> None:
    folder = file.parent / "stimuli"
    image = folder / read_manifest(folder)[0].image
    content = image.read_bytes()
    image.unlink()
    assert refusal(file, "seed", "seed") == f"the stimulus {image} is missing; build the stimuli again"
    Image.new("RGB", (48, 48)).save(image)
    assert refusal(file, "seed", "seed") == (
        f"the stimulus {image} is not the one that the manifest describes; build the stimuli again"
    )
    image.write_bytes(content)
    shutil.rmtree(folder / "masks")
    assert refusal(file, "seed", "seed") == (
        f"presentation.mask is 'pink_noise', and there are no masks in {folder / 'masks'}; "
        'build the stimuli again, or write mask = "none"'
    )
    file.write_text(STUDY_TOML + '[presentation]\nmask = "none"\n')
    assert freeze(file).masks == {}
    shutil.rmtree(folder)
    assert refusal(file, "seed", "seed") == (
        f"there is no manifest at {folder}; name a folder that `stimuli build` made"
    )


def test_status_counts_and_list_names(settings: Settings, file: Path) -> None:
    manage(settings, "create", str(file))
    assert json.loads(manage(settings, "list", "--json").output) == {"studies": ["small"]}
    assert manage(settings, "list").output == "small\n"
    status = json.loads(manage(settings, "status", "small", "--json").output)
    assert status == {
        "name": "small",
        "title": "What do you see?",
        "status": "draft",
        "sha256": freeze(file).sha256,
        "places": 20,
        "places_left": 20,
        "sessions": {"going_on": 0, "completed": 0, "no_consent": 0, "withdrawn": 0, "abandoned": 0},
        "responses": 0,
    }
    assert manage(settings, "status", "small").output == (
        "small is a draft: 20 of 20 places left; sessions: 0 going on, 0 completed, 0 no consent, "
        "0 withdrawn, 0 abandoned; 0 responses.\n"
    )
    assert manage(settings, "status", "small", "--quiet").output == ""
    with pytest.raises(UserError) as caught:
        manage(settings, "status", "large")
    assert str(caught.value) == "there is no study called 'large'; there are: small"


def test_the_database_is_set_up_by_its_command(settings: Settings) -> None:
    with pytest.raises(UserError, match="there is no study database at sqlite:"):
        manage(settings, "list")
    run = CliRunner()
    newest = schema.newest()
    for said in (
        f"The database is at revision {newest}.\n",
        f"The database is at revision {newest} already.\n",
    ):
        result = run.invoke(db, ["upgrade"], env=environment(settings), catch_exceptions=False)
        assert result.output == said
    assert manage(settings, "list").output == "There is no study yet.\n"


def test_a_folder_that_cannot_be_written_to_is_said(settings: Settings, file: Path) -> None:
    settings.data_dir.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"^cannot write to the folder .*/data \(.*\); choose another one"):
        manage(settings, "create", str(file))


def test_a_database_that_does_not_answer_is_said(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql+psycopg://me:secret@127.0.0.1:9/none"})
    with pytest.raises(UserError) as caught:
        manage(away, "list")
    assert str(caught.value).startswith(
        "the database postgresql+psycopg://me:***@127.0.0.1:9/none does not answer (connection failed: "
    )
    assert str(caught.value).endswith("); check that it runs and that you may use it")


def test_conditions_of_different_pictures_are_refused_unless_they_are_dreams(file: Path) -> None:
    folder = file.parent / "stimuli"
    rows = [
        replace(row, source=f"f{row.source[1:]}") if row.perturbation == "contrast" else row
        for row in read_manifest(folder)
    ]
    write_manifest(folder, rows, force=True)
    with pytest.raises(UserError) as caught:
        freeze(file)
    assert re.fullmatch(
        f"the study file {re.escape(str(file))}: no source is there both in [^ ]+ and in [^ ]+; build these "
        r"conditions of the same pictures \(only those with the role dream may have pictures of their own\)",
        str(caught.value),
    )
    at = STUDY_TOML.index("severity = 0.2")
    file.write_text(STUDY_TOML[:at] + STUDY_TOML[at:].replace('role = "invariant"', 'role = "dream"', 1))
    assert len(freeze(file).file.condition) == 3
