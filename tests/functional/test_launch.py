"""Drafts, rehearsals, launches: who may take part when, and what a launch asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from commands.simulate import simulate
from commands.study import study
from experiment_server.design.definition import Definition
from experiment_server.design.freeze import canonical, freeze
from experiment_server.models import Study
from experiment_server.models.database import connect, writing
from experiment_server.services import studies
from experiment_server.settings import Settings
from stimuli.errors import UserError
from tests.functional.server_fixture import Clock, ask, create_from, environment, pid, served_here
from tests.functional.study_files import STUDY_TOML, make_study
from tests.functional.test_page_items import ITEMS

GOVERNANCE = "[governance]" + ITEMS.partition("[governance]")[2]
LAUNCHABLE = STUDY_TOML.replace('["rocket"]\ntrials = 1', '["rocket"]\ntrials = 4').replace(
    "[texts]", f'[exclusion]\nflags = ["catch"]\n{GOVERNANCE}\n[texts]'
)


def manage(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(study, [*arguments], env=environment(settings), catch_exceptions=False)


def create(settings: Settings, folder: Path, text: str) -> None:
    manage(settings, "create", str(make_study(folder, text)))


def arrive(settings: Settings, clock: Clock, name: str = "someone") -> tuple[int, str | None]:
    """Status of an arrival, and the code of its refusal."""
    with served_here(settings, clock) as here:
        reply = ask(here.app, "POST", "/studies/small/sessions", json={"prolific_pid": pid(name)})
        return reply.status_code, reply.json.get("error", {}).get("code")


def refusal(settings: Settings, *arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        manage(settings, *arguments)
    return str(caught.value)


def test_a_draft_takes_nobody(settings: Settings, clock: Clock, tmp_path: Path) -> None:
    create(settings, tmp_path / "study", LAUNCHABLE)
    assert arrive(settings, clock) == (409, "study_not_open")
    assert manage(settings, "launch", "small").output == "small is open at /s/small.\n"
    assert arrive(settings, clock) == (201, None)
    assert manage(settings, "launch", "small").output == "small is open already.\n"
    assert manage(settings, "status", "small").output.startswith("small is open: 19 of 20")


def test_a_closed_study_takes_nobody_new_and_can_be_opened_again(
    settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    create(settings, tmp_path / "study", LAUNCHABLE)
    manage(settings, "launch", "small")
    assert arrive(settings, clock) == (201, None)
    assert manage(settings, "close", "small").output == "small takes nobody else.\n"
    assert manage(settings, "close", "small").output == "small is closed and takes nobody.\n"
    assert arrive(settings, clock, "another") == (409, "study_closed")
    assert arrive(settings, clock) == (200, None)
    assert manage(settings, "status", "small").output.startswith("small is closed: ")
    manage(settings, "launch", "small")
    assert arrive(settings, clock, "another") == (201, None)


def test_a_launch_names_all_that_is_missing(settings: Settings, clock: Clock, tmp_path: Path) -> None:
    create(settings, tmp_path / "study", STUDY_TOML)
    assert refusal(settings, "launch", "small") == (
        "the study small cannot be launched: it lacks [governance] with ethics_reference, data_controller, "
        "contact, retention and withdrawal; 4 catch trials (catch.trials is 1); the rule for those who fail "
        'them (exclusion.flags = ["catch"]); complete the study file, create it under another name, or try '
        "this one out with: study rehearse small"
    )
    assert arrive(settings, clock) == (409, "study_not_open")


def test_a_rehearsal_asks_for_nothing_and_is_never_launched(
    settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    create(settings, tmp_path / "study", LAUNCHABLE)
    assert manage(settings, "rehearse", "small").output == "small is open as a rehearsal at /s/small.\n"
    assert arrive(settings, clock) == (201, None)
    assert manage(settings, "status", "small").output.startswith("small is open as a rehearsal: ")
    assert refusal(settings, "launch", "small") == (
        "the study small was rehearsed and has participants; to launch it, create it under another name"
    )


def test_a_launched_study_is_not_rehearsed(settings: Settings, clock: Clock, tmp_path: Path) -> None:
    create(settings, tmp_path / "study", LAUNCHABLE)
    manage(settings, "launch", "small")
    arrive(settings, clock)
    assert refusal(settings, "rehearse", "small") == (
        "the study small was launched and has participants; to rehearse it, create it under another name"
    )


@pytest.mark.parametrize("command", ["launch", "rehearse", "close"])
def test_a_study_that_there_is_not(settings: Settings, tmp_path: Path, command: str) -> None:
    create(settings, tmp_path / "study", STUDY_TOML)
    assert refusal(settings, command, "large") == "there is no study called 'large'; there are: small"


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ('contact = "somebody@example.org"', 'contact = " "', "a text for governance.contact"),
        (
            'form = "free_text"',
            'form = "alternatives"\nchoices = 2',
            "catch trials that guessing fails: it passes in 69% of sessions; raise quality.catch_right, "
            "catch.trials or response.choices",
        ),
        ('flags = ["catch"]', "flags = []", 'the rule for those who fail them (exclusion.flags = ["catch"])'),
    ],
)
def test_a_launch_asks_for_texts_and_rules_that_mean_something(
    settings: Settings, tmp_path: Path, old: str, new: str, missing: str
) -> None:
    assert old in LAUNCHABLE
    create(settings, tmp_path / "study", LAUNCHABLE.replace(old, new))
    assert f"it lacks {missing}; complete" in refusal(settings, "launch", "small")


def test_a_study_of_an_earlier_version_goes_on_as_it_was(settings: Settings, tmp_path: Path) -> None:
    """Its definition lacks the keys that came later; nothing is warned of, excluded or asked anew."""
    path = make_study(tmp_path / "study", STUDY_TOML)
    frozen = freeze(path)
    document = json.loads(frozen.definition)
    study_keys = document["study"]
    for key in ("language", "calibration", "comprehension", "instructed", "questionnaire", "quality"):
        del study_keys[key]
    del study_keys["exclusion"], study_keys["governance"], study_keys["presentation"]["flicker_warning"]
    old = canonical(document)
    definition = Definition.parse(old)
    assert (definition.warns, definition.design.exclusion.flags) == (False, ())
    assert studies.same_study(old, frozen.definition)
    create_from(settings, path)
    engine = connect(settings)
    with writing(engine) as connection:
        connection.execute(update(Study).values(definition=old, status="closed", rehearsal=False))
    engine.dispose()
    assert manage(settings, "create", str(path)).output == "small is there already, just as it is.\n"
    assert manage(settings, "launch", "small").output == "small is open at /s/small.\n"


def test_a_launched_study_is_not_simulated(settings: Settings, tmp_path: Path) -> None:
    create(settings, tmp_path / "study", LAUNCHABLE)
    manage(settings, "launch", "small")
    arguments = ["small", "--participants", "1", "--url", "http://127.0.0.1:9"]
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(simulate, arguments, env=environment(settings), catch_exceptions=False)
    assert str(caught.value) == (
        "the study small is launched, and simulated answers would be among its data; create it under another "
        "name and rehearse that"
    )


def test_closing_a_draft_says_what_it_is(settings: Settings, tmp_path: Path) -> None:
    create(settings, tmp_path / "study", STUDY_TOML)
    assert manage(settings, "close", "small").output == "small is a draft and takes nobody.\n"
