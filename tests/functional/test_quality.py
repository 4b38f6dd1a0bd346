from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event, func, select

from commands.quality import PAY, about, quality, summary
from commands.simulate import simulate
from experiment_server.design.observer import Population
from experiment_server.design.quality import QUALITY_VERSION
from experiment_server.models import Exclusion, Identity, Participant, Record, Response, Session
from experiment_server.models.database import connect, reading, writing
from experiment_server.services import exclude
from experiment_server.services.quality import CatchPicture, assess_study
from experiment_server.services.studies import Catalogue
from experiment_server.settings import Settings
from experiment_server.simulate.client import ParticipantClient
from experiment_server.simulate.participant import prolific_identity
from experiment_server.simulate.pictures import StudyPictures
from experiment_server.simulate.run import Run
from tests.functional.server_fixture import (
    Clock,
    Here,
    RunningServer,
    create_study,
    environment,
    running_server,
    served_here,
)
from tests.functional.study_files import STUDY_TOML

RULES = '[exclusion]\nflags = ["catch", "machine_typed"]\n'
STUDY = (
    STUDY_TOML.replace('concepts = ["rocket"]\ntrials = 1', 'concepts = ["rocket"]\ntrials = 4')
    .replace(
        'concepts = ["teapot"]\ntrials = 1', 'concepts = ["teapot"]\ntrials = 2\ncriterion = 2\nrounds = 2'
    )
    .replace("test = 6", "test = 12\nper_concept = 4\nbreak_every = 6")
    .replace('form = "free_text"', 'form = "free_text"\nconfidence = 5')
) + (
    RULES
    + """
[calibration]
card = true
distance = true
[comprehension]
[[comprehension.question]]
text = "What do you type?"
options = ["A name", "A colour", "A number", "Nothing"]
answer = "A name"
[[instructed]]
text = "Please type the word green."
answer = "green"
[questionnaire]
ask = ["first_language", "device"]
[[questionnaire.question]]
name = "remarks"
text = "Anything else?"
"""
)
PARTICIPANTS, SEED = 9, 4
CARELESS = {"inattentive": 1, "clicker": 2, "paster": 3}


def manage(settings: Settings, *arguments: str, command: Any = quality) -> Result:
    return CliRunner().invoke(command, arguments, env=environment(settings))


def printed(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def served(settings: Settings, tmp_path: Path) -> Iterator[RunningServer]:
    create_study(settings, tmp_path / "study", STUDY)
    with running_server(settings) as server:
        yield server


@pytest.fixture
def taken(settings: Settings, served: RunningServer) -> dict[str, Any]:
    """The summary of a simulation in which everybody finishes."""
    options = [f"--{kind}s" if kind != "inattentive" else "--inattentive" for kind in CARELESS]
    careless = [text for pair in zip(options, map(str, CARELESS.values()), strict=True) for text in pair]
    return printed(
        manage(
            settings,
            *("small", "--url", served.url, "--participants", str(PARTICIPANTS), "--dropout", "0"),
            *("--seed", str(SEED), "--json", *careless),
            command=simulate,
        )
    )


def kinds_by_pseudonym(engine: Engine) -> dict[str, str]:
    """The kind of each simulated participant, by the pseudonym that the server gave it."""
    run = Run("", StudyPictures("small", {}), Population(), PARTICIPANTS, SEED, careless=CARELESS)
    pids = {
        prolific_identity("small", SEED, number)["prolific_pid"]: run.kinds.get(number, "attentive")
        for number in range(PARTICIPANTS)
    }
    statement = select(Participant.pseudonym, Identity.prolific_pid).join(Identity)
    with reading(engine) as connection:
        return {pseudonym: pids[pid] for pseudonym, pid in connection.execute(statement)}


def test_simulated_participants_are_told_apart_and_paid_alike(
    settings: Settings, served: RunningServer, taken: dict[str, Any]
) -> None:
    engine = connect(settings)
    kinds = kinds_by_pseudonym(engine)
    assert taken["kinds"] == {"attentive": 3, **CARELESS}
    shown = printed(manage(settings, "show", "small", "--json"))
    raised = {
        one["participant"]: {flag["name"] for flag in one["flags"] if flag["raised"]}
        for one in shown["sessions"]
    }
    assert {one["outcome"] for one in shown["sessions"]} == {"completed"}
    for pseudonym, kind in kinds.items():
        assert (kind != "clicker") or "catch" in raised[pseudonym]
        assert (kind == "paster") == bool({"pasted", "machine_typed"} & raised[pseudonym])
        assert kind != "attentive" or not raised[pseudonym] - {"catch", "comprehension", "practice"}

    first = printed(manage(settings, "apply", "small", "--json"))
    again = printed(manage(settings, "apply", "small", "--json"))
    wanted = {name: flags & {"catch", "machine_typed"} for name, flags in raised.items()}
    assert first == {
        "study": "small",
        "rules": ["catch", "machine_typed"],
        "new": sum(map(len, wanted.values())),
        "excluded": sum(map(bool, wanted.values())),
    }
    assert again == {**first, "new": 0}
    shown = printed(manage(settings, "show", "small", "--json"))
    assert {one["participant"]: set(one["excluded_by"]) for one in shown["sessions"]} == wanted
    require_paid(served, kinds)
    require_records(engine, taken)
    engine.dispose()


def require_paid(served: RunningServer, kinds: dict[str, str]) -> None:
    """Everybody who finished has the code of those who finished, excluded or not."""
    assert len(kinds) == PARTICIPANTS
    for number in range(PARTICIPANTS):
        client = ParticipantClient(served.url, "small", prolific_identity("small", SEED, number))
        with client.http:
            assert client.arrive()["completion"]["code"] == "DONE1"


def require_records(engine: Engine, taken: dict[str, Any]) -> None:
    """Everything beside the trials is recorded, and practice ends when its criterion is met."""
    with reading(engine) as connection:
        counts = dict(connection.execute(select(Record.kind, func.count()).group_by(Record.kind)).all())
        skipped = connection.execute(select(Session.skipped)).scalars().all()
        responses = connection.execute(select(func.count()).select_from(Response)).scalar_one()
        clients = connection.execute(select(Response.client, Response.confidence, Response.dont_know)).all()
    assert {**counts, "comprehension": 0} == {
        **dict.fromkeys(("warning", "calibration", "instructed", "questionnaire"), PARTICIPANTS),
        "break": 2 * PARTICIPANTS,
        "comprehension": 0,
    }
    assert PARTICIPANTS <= counts["comprehension"] <= 2 * PARTICIPANTS
    assert set(skipped) == {0, 2}
    assert responses == taken["responses"] == 20 * PARTICIPANTS - sum(skipped)
    assert {client["agent"] for client, *_ in clients} == {"interpscore simulate"}
    assert all((sure is None) == dont_know for _, sure, dont_know in clients)


@pytest.fixture
def here_with_rules(settings: Settings, clock: Clock, tmp_path: Path) -> Iterator[Here]:
    create_study(settings, tmp_path / "study", STUDY_TOML + RULES)
    with served_here(settings, clock) as made:
        yield made


def apply(here: Here) -> int:
    with writing(here.engine) as connection:
        return exclude.apply_rules(connection, Catalogue(), 1, here.clock())


def test_the_rules_judge_sessions_that_are_over(here_with_rules: Here) -> None:
    """One that answered its last trial is over, whether or not it fetches the code."""
    here = here_with_rules
    someone = here.participant()
    someone.consent()
    assert apply(here) == 0
    someone.answer(someone.trials()[0])
    assert apply(here) == 0
    someone.answer_all("something")
    assert (apply(here), apply(here)) == (1, 0)
    finished = someone.post("/session/finish").json
    assert apply(here) == 0
    with reading(here.engine) as connection:
        (rows,) = exclude.excluded(connection, 1).values()
    (row,) = rows
    assert (row.rule, row.version, row.decided_by, row.decided_at) == (
        *("catch", QUALITY_VERSION, "study file"),
        here.clock(),
    )
    assert row.evidence == {"right": 0, "of": 1, "needed": 1}
    assert someone.get("/session").json["completion"] == finished["completion"]
    assert finished["completion"]["code"] == "DONE1"


def test_the_rules_judge_who_withdrew_after_the_last_answer(here_with_rules: Here) -> None:
    someone = here_with_rules.participant()
    someone.consent()
    someone.answer_all("something")
    someone.post("/session/withdraw")
    assert apply(here_with_rules) == 1


def test_a_study_without_rules_excludes_nobody(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    someone.answer_all("something")
    someone.post("/session/finish")
    assert apply(here) == 0
    with reading(here.engine) as connection:
        assert exclude.excluded(connection, 1) == {}
        (one,) = assess_study(connection, Catalogue(), 1)
    assert [flag.name for flag in one.raised] == ["catch", "too_fast", "repeated"]
    assert one.excluded_by == ()


def test_the_number_of_queries_does_not_grow_with_the_sessions(here: Here) -> None:
    counts = []
    for number in range(2):
        someone = here.participant(f"person {number}")
        someone.consent()
        someone.answer_all("something")
        statements: list[str] = []

        def note(*arguments: Any, to: list[str] = statements) -> None:
            to.append(arguments[2])

        event.listen(here.engine, "before_cursor_execute", note)
        with reading(here.engine) as connection:
            assert len(assess_study(connection, Catalogue(), 1)) == number + 1
        event.remove(here.engine, "before_cursor_execute", note)
        counts.append(len([one for one in statements if one.startswith("SELECT")]))
    assert counts[0] == counts[1] <= 6


def test_a_withdrawn_session_whose_answers_were_deleted_is_not_there(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    for trial in someone.trials(3):
        someone.answer(trial)
    someone.post("/session/withdraw", {"delete_answers": True})
    with reading(here.engine) as connection:
        assert assess_study(connection, Catalogue(), 1) == []


def test_excluding_by_hand(settings: Settings, here: Here) -> None:
    here.participant()
    with reading(here.engine) as connection:
        pseudonym = connection.execute(select(Participant.pseudonym)).scalar_one()
    arguments = ("exclude", "small", pseudonym, "--reason", " a child took part ", "--by", "ada")
    done, again = manage(settings, *arguments), manage(settings, *arguments)
    assert done.stdout == f"{pseudonym} is excluded from the analysis of small. {PAY}\n"
    assert again.stdout == f"{pseudonym} is excluded already. {PAY}\n"
    columns = (Exclusion.rule, Exclusion.version, Exclusion.evidence, Exclusion.decided_by)
    with reading(here.engine) as connection:
        rows = connection.execute(select(*columns)).all()
    assert [tuple(row) for row in rows] == [
        ("manual", QUALITY_VERSION, {"reason": "a child took part"}, "ada"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "other"), "there is no study called 'other'; there are: small"),
        (("apply", "other"), "there is no study called 'other'; there are: small"),
        (
            ("exclude", "small", "P-00000000", "--reason", "x"),
            "the study small has no participant 'P-00000000'; python manage.py quality show small lists them",
        ),
        (
            ("exclude", "small", "P-00000000", "--reason", " "),
            "an exclusion needs a reason that others can judge; give one",
        ),
    ],
)
def test_mistakes(settings: Settings, here: Here, arguments: tuple[str, ...], message: str) -> None:
    assert str(manage(settings, *arguments).exception) == message


def test_the_sentences_and_a_catch_picture_that_few_name(settings: Settings, here: Here) -> None:
    assert manage(settings, "show", "small").stdout == "There is no session with an answer yet.\n"
    for number in range(12):
        someone = here.participant(f"person {number}")
        someone.consent()
        for trial in someone.trials(8):
            someone.answer(trial, f"word {number} {trial['index']}", rt_ms=2000)
    words = " ".join(manage(settings, "show", "small").stdout.split())
    assert "catch pictures: 0 of 1 right, 1 needed" in words
    assert f"12 sessions, 12 with a flag, 0 excluded. {PAY} Flags: catch 12." in words
    assert words.count("Catch picture rocket (") == 4
    assert "named by 0 of 3." in words
    assert manage(settings, "show", "small", "--quiet").stdout == ""


@pytest.mark.parametrize(("named", "everybody"), [(8, False), (9, True)])
def test_what_everybody_names(named: int, everybody: bool) -> None:
    ten, few = CatchPicture("a", "rocket", named, 10), CatchPicture("b", "rocket", 0, 9)
    shown = summary("small", [], [few, ten])["catch_pictures"]
    assert [one["everybody"] for one in shown] == [None, everybody]
    said = f"Catch picture rocket (a): named by {named} of 10"
    worse = f"{said}: fewer than 90%, so it is none that everybody names."
    assert about(ten) == (f"{said}." if everybody else worse)
