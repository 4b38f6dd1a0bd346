"""Adaptive trials: chosen once, by the answers, whoever asks; and thresholds that are found again."""

from __future__ import annotations

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, func, select, update

from commands.quality import quality
from commands.study import study
from experiment_server.design.adaptive import Posterior
from experiment_server.design.definition import Definition
from experiment_server.design.freeze import freeze
from experiment_server.design.observer import THRESHOLDS, Population
from experiment_server.models import Response, Session, Stimulus, Study, StudyCondition, Trial
from experiment_server.models.database import connect, reading, writing
from experiment_server.services import adapt
from experiment_server.settings import Settings
from experiment_server.simulate.pictures import load_pictures
from experiment_server.simulate.run import Run, simulate
from exports.stimulus_tables import study_stimuli
from exports.studies import load_study
from stimuli.errors import UserError
from tests.functional.adaptive_study import (
    ADAPTIVE,
    CONCEPTS,
    CONTRASTS,
    TEST,
    make_adaptive_study,
    study_toml,
)
from tests.functional.answering import answering, require_all, unlimited
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import (
    Clock,
    Here,
    Participant,
    create_from,
    environment,
    running_server,
    served_here,
)

#: practice, catch and test trials
TRIALS = TEST + 2


@pytest.fixture(scope="session")
def adaptive_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adaptive_study(tmp_path_factory.mktemp("adaptive"))


@pytest.fixture
def here(database_url: str, tmp_path: Path, clock: Clock, adaptive_study: Path) -> Iterator[Here]:
    settings = unlimited(tmp_path / "data", database_url)
    create_from(settings, adaptive_study)
    with served_here(settings, clock) as made:
        yield made


def someone(here: Here, name: str = "someone") -> Participant:
    made = here.participant(name, "adaptive")
    made.consent()
    return made


def dealt(engine: Engine) -> list[Any]:
    """All test trials in their order, with what they show and how they were answered."""
    columns = (
        *(
            Trial.session_id,
            Trial.id,
            Trial.trial_index,
            Trial.state,
            Trial.chosen_at,
            Trial.public_id,
            Trial.stimulus_id,
        ),
        *(Stimulus.source, Stimulus.concept, Stimulus.image_sha256),
        *(StudyCondition.perturbation, StudyCondition.severity, Response.response),
    )
    statement = (
        select(*columns)
        .join_from(Trial, Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .outerjoin(Response, Response.trial_id == Trial.id)
        .where(Trial.kind == "test")
        .order_by(Trial.session_id, Trial.trial_index)
    )
    with reading(engine) as connection:
        return list(connection.execute(statement))


def adaptive_trials(engine: Engine) -> list[Any]:
    return [row for row in dealt(engine) if row.perturbation == "contrast"]


def answer_right(here: Here, person: Participant, trial: dict[str, Any], limit: float) -> None:
    """See pictures down to a contrast; choose another word below it."""
    row = next((one for one in dealt(here.engine) if one.public_id == trial["trial"]), None)
    words = trial["alternatives"]
    right = words[0] if row is None else row.concept
    seen = row is None or row.severity >= limit or row.perturbation == "clean"
    wrong = next(word for word in words if word != right)
    assert person.post(f"/trials/{trial['trial']}/presented").status_code == 204
    assert person.answer(trial, right if seen else wrong).status_code == 200


def go_through(here: Here, person: Participant, limit: float = 0.05, ask: int = 10) -> int:
    """Answer all that is left; returns how many trials."""
    count = 0
    while trials := person.trials(ask):
        for trial in trials:
            answer_right(here, person, trial, limit)
            count += 1
    return count


@pytest.mark.parametrize("ask", [1, 3, 10])
def test_a_session_has_all_its_trials_each_source_once_and_the_invariants_hold(here: Here, ask: int) -> None:
    person = someone(here)
    assert go_through(here, person, ask=ask) == TRIALS
    assert person.post("/session/finish").status_code == 200
    trials = dealt(here.engine)
    assert len(trials) == TEST
    assert len({one.source for one in trials}) == TEST
    assert max(Counter(one.concept for one in trials).values()) <= 5
    adaptive = adaptive_trials(here.engine)
    counts = Counter(one.concept for one in adaptive)
    assert len(adaptive) == ADAPTIVE
    assert set(counts) == set(CONCEPTS)
    assert max(counts.values()) - min(counts.values()) <= 1
    check_invariants(here.engine)


def test_what_is_chosen_depends_on_the_answers_only_and_not_on_how_many_are_asked_for(here: Here) -> None:
    """Four participants would be dealt different trials; so one session is replayed from its rows."""
    person = someone(here)
    for ask in (1, 3, 10, 2):
        for trial in person.trials(ask)[:7]:
            answer_right(here, person, trial, 0.05)
    go_through(here, person)
    trials = adaptive_trials(here.engine)
    assert [one.severity for one in trials] == replayed(here, trials)
    assert len({one.severity for one in trials}) > 3
    assert {one.chosen_at is None for one in trials} == {False}
    assert all(one.chosen_at is None for one in dealt(here.engine) if one.perturbation == "clean")


def replayed(here: Here, trials: list[Any]) -> list[float]:
    """The severities that a session's answers choose, from nothing but its rows."""
    with reading(here.engine) as connection:
        definition = Definition.parse(connection.execute(select(Study.definition)).scalar_one())
        seed = connection.execute(select(Session.seed).where(Session.id == trials[0].session_id)).scalar_one()
    answers = [(one.severity, one.response == one.concept) for one in trials]
    return [
        Posterior.of(definition.grid, answers[: max(0, number - adapt.LAG)]).next_severity(
            f"severity:{seed}:{number}"
        )
        for number in range(len(trials))
    ]


def test_a_reload_another_tab_and_a_retry_show_the_same_pictures(here: Here) -> None:
    person = someone(here)
    for _ in range(12):
        answer_right(here, person, person.trials(1)[0], 0.05)
    first = person.trials(3)
    assert person.trials(10)[: len(first)] == first
    again = here.participant("someone", "adaptive")
    assert again.trials(3) == first
    here.clock.forward(5)
    assert again.trials(1) == first[:1]
    assert again.post(f"/trials/{first[0]['trial']}/presented").status_code == 204
    after = again.trials(3)
    assert [one["image"] for one in after] == [one["image"] for one in first]
    check_invariants(here.engine)


def test_the_page_gets_two_trials_ahead_and_no_more(here: Here) -> None:
    """Adaptive trials wait for the answer to the third before them; others end the wait of none."""
    person, lengths = someone(here), []
    while trials := person.trials(10):
        adaptive = {one.public_id for one in adaptive_trials(here.engine)}
        offered = sum(one["trial"] in adaptive for one in trials)
        assert offered <= adapt.LAG + 1
        lengths.append(offered)
        answer_right(here, person, trials[0], 0.05)
    assert Counter(lengths).most_common(1)[0][0] == adapt.LAG + 1
    assert lengths[-1] <= 1


def test_many_requests_at_once_choose_once(here: Here) -> None:
    person = someone(here)
    for _ in range(10):
        answer_right(here, person, person.trials(1)[0], 0.05)
    barrier = threading.Barrier(6)

    def ask(_: int) -> str:
        barrier.wait()
        return json.dumps(person.trials(10))

    with ThreadPoolExecutor(6) as pool:
        replies = set(pool.map(ask, range(6)))
    assert len(replies) == 1
    check_invariants(here.engine)


def test_participants_at_two_servers_never_wait_for_one_another(database_url: str, tmp_path: Path) -> None:
    """Stimuli are locked in one order, however many of them are chosen at once: nothing is refused."""
    settings = unlimited(tmp_path / "data", database_url)
    create_from(settings, make_adaptive_study(tmp_path / "study", study_toml("free_text", places=1000)))
    with (
        running_server(settings) as one,
        running_server(settings) as other,
        answering(one.url, other.url, participants=8, study="adaptive") as group,
    ):
        group.go_on(250)
    assert set(group.statuses) <= {200, 201, 204}
    require_all(settings, group)


def test_what_was_chosen_stays_even_if_the_answers_would_now_choose_otherwise(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version may judge or choose otherwise, while a browser holds the picture."""
    person = someone(here)
    for _ in range(8):
        answer_right(here, person, person.trials(1)[0], 0.05)
    offered = person.trials(3)
    monkeypatch.setattr(adapt, "severity_of", lambda *_: CONTRASTS[-1])
    assert person.trials(3) == offered
    check_invariants(here.engine)


def test_who_leaves_gives_back_what_was_chosen_and_what_was_not(here: Here) -> None:
    for number, name in enumerate(("withdrawn", "deleted", "vanished")):
        person = someone(here, name)
        for _ in range(5 + number):
            answer_right(here, person, person.trials(10)[0], 0.05)
        person.trials(10)
        if name != "vanished":
            person.post("/session/withdraw", {"delete_answers": name == "deleted"})
        check_invariants(here.engine)
    here.clock.forward(60 * 24)
    someone(here, "another")
    check_invariants(here.engine)
    with reading(here.engine) as connection:
        counted = connection.execute(select(func.sum(Stimulus.assigned_count))).scalar_one()
    assert counted == 5 + 7 + TRIALS


def test_severities_are_forgotten_with_the_answers_that_chose_them(here: Here) -> None:
    for name, limit in (("one", 0.05), ("other", 0.5)):
        person = someone(here, name)
        for _ in range(15):
            answer_right(here, person, person.trials(3)[0], limit)
        assert person.post("/session/withdraw", {"delete_answers": True}).status_code == 200
    trials = [one for one in dealt(here.engine) if one.perturbation == "contrast"]
    assert len(trials) == 2 * ADAPTIVE
    assert {one.chosen_at for one in trials} == {None}
    firsts = {row.source: row.id for row in reversed(of_contrast(here.engine))}
    middle = {row.id for row in of_contrast(here.engine) if row.severity == CONTRASTS[4]}
    assert all(one.stimulus_id in (firsts[one.source], *middle) for one in trials)
    check_invariants(here.engine)


def of_contrast(engine: Engine) -> list[Any]:
    """The adaptive trials' stimuli, in the order of the manifest."""
    columns = Stimulus.id, Stimulus.source, StudyCondition.severity
    statement = select(*columns).join(StudyCondition).where(StudyCondition.perturbation == "contrast")
    with reading(engine) as connection:
        return list(connection.execute(statement.order_by(Stimulus.stimulus)))


def test_nothing_of_the_severity_or_the_judgement_reaches_the_participant(here: Here) -> None:
    person = someone(here)
    trial = person.trials(1)[0]
    keys = {"trial", "index", "practice", "image", "mask", "fixation_ms", "exposure_ms", "mask_ms", "width"}
    assert set(trial) == keys | {"height", "alternatives", "already_presented"}
    go_through(here, person)
    sent = b"".join(person.received)
    assert b"contrast" not in sent
    assert b"severity" not in sent
    for one in dealt(here.engine):
        assert one.image_sha256.encode() not in sent


def test_thresholds_are_told_in_lines(here: Here, tmp_path: Path, database_url: str) -> None:
    environment_of = environment(unlimited(tmp_path / "data", database_url))
    nothing = CliRunner(env=environment_of).invoke(study, ["threshold", "adaptive"])
    assert nothing.output == "There is no answer yet.\n"
    go_through(here, someone(here))
    told = CliRunner(env=environment_of).invoke(study, ["threshold", "adaptive"])
    number = r"[0-9.]+"
    span = rf"{number} \({number} to {number}\)"
    heading = r"adaptive: thresholds of contrast \(fraction\), 1 participant(, a rehearsal: no data)?\. "
    heading += r"In brackets the 95% credible interval\.\n"
    line = rf"P-\w{{8}}: 30 answers, threshold {span}, 0\.75 right at {span} "
    line += r"\(there is one with probability 1\.00\)\n"
    assert re.fullmatch(heading + line, told.output), told.output
    with reading(here.engine) as connection:
        [found] = adapt.thresholds(connection, "adaptive").sessions
    assert found.threshold.low is not None
    assert found.threshold.high is not None
    assert found.threshold.low < 0.05 < found.threshold.high
    assert quality_exclude(environment_of, found.pseudonym) == 0
    told = CliRunner(env=environment_of).invoke(study, ["threshold", "adaptive"])
    assert told.output.endswith("probability 1.00), excluded\n")


def quality_exclude(environment_of: dict[str, str], pseudonym: str) -> int:
    arguments = ["exclude", "adaptive", pseudonym, "--reason", "a test"]
    return CliRunner(env=environment_of).invoke(quality, arguments).exit_code


@pytest.mark.parametrize(("limit", "told"), [(0.0, r"below 0\.0\d+"), (9.0, r"above 0\.\d+")])
def test_who_is_always_right_or_wrong_has_no_threshold_and_it_is_said_why(
    here: Here, tmp_path: Path, database_url: str, limit: float, told: str
) -> None:
    go_through(here, someone(here), limit)
    command = CliRunner(env=environment(unlimited(tmp_path / "data", database_url)))
    line = command.invoke(study, ["threshold", "adaptive"]).output.splitlines()[1]
    assert re.match(rf"P-\w{{8}}: 30 answers, threshold {told}, 0\.75 right at ", line), line
    found = json.loads(command.invoke(study, ["threshold", "adaptive", "--json"]).output)
    assert (found["perturbation"], found["unit"], found["target"]) == ("contrast", "fraction", 0.75)
    [row] = found["sessions"]
    assert (row["threshold"], row["log_sd"], row["excluded"]) == (None, None, False)
    assert (row["low"] is None, row["high"] is None) == (limit == 0, limit == 9)
    assert re.match(r"the probability is \d\.\d\d that it is 0.015 or less, and ", row["reason"])
    assert "reached" not in row
    assert row["at_target"]["reached"] == pytest.approx(1)


def test_what_only_stands_in_counts_as_shown_neither_in_the_export_nor_in_a_choice(here: Here) -> None:
    person = someone(here)
    for _ in range(6):
        answer_right(here, person, person.trials(3)[0], 0.05)
    with reading(here.engine) as connection:
        table = study_stimuli(connection, load_study(connection, "adaptive"))
    contrast = table[(table["perturbation"] == "contrast") & (table["shown"] > 0)]
    chosen = [one for one in adaptive_trials(here.engine) if one.chosen_at is not None]
    assert 0 < len(chosen) < ADAPTIVE
    assert contrast["shown"].sum() == len(chosen)
    assert table["shown"].min() == 0


def test_a_trial_that_was_shown_keeps_its_picture_whatever_chose_it(here: Here) -> None:
    """Only an assigned trial is chosen for; the invariants name one that was shown without."""
    person = someone(here)
    for _ in range(8):
        answer_right(here, person, person.trials(3)[0], 0.05)
    [first, *_] = [one for one in adaptive_trials(here.engine) if one.state == "responded"]
    with writing(here.engine) as connection:
        connection.execute(update(Trial).where(Trial.id == first.id).values(chosen_at=None))
    person.trials(10)
    after = next(one for one in adaptive_trials(here.engine) if one.id == first.id)
    assert (after.stimulus_id, after.chosen_at) == (first.stimulus_id, None)
    with pytest.raises(AssertionError, match="was shown, and its severity not chosen"):
        check_invariants(here.engine)


def test_a_study_that_is_not_adaptive_has_nothing_chosen(
    settings: Settings, clock: Clock, small_study: Path
) -> None:
    create_from(settings, small_study)
    with served_here(settings, clock) as here:
        person = here.participant()
        person.consent()
        person.answer_all()
        assert {one.chosen_at for one in dealt(here.engine)} == {None}
        with reading(here.engine) as connection, pytest.raises(UserError) as caught:
            adapt.thresholds(connection, "small")
    assert str(caught.value) == "the study small has no [adaptive] trials, and so no thresholds"


def test_what_is_chosen_from_is_frozen_with_the_study(adaptive_study: Path) -> None:
    first = freeze(adaptive_study).sha256
    text = adaptive_study.read_text()
    changes = [("trials = 30", "trials = 29"), ('aim = "function"', 'aim = "threshold"')]
    hashes = {first}
    for old, new in changes:
        changed = adaptive_study.with_name("changed.toml")
        changed.write_text(text.replace(old, new))
        hashes.add(freeze(changed).sha256)
    assert len(hashes) == 3
    assert [row.condition.severity for row in freeze(adaptive_study).file.adaptive_conditions] == list(
        CONTRASTS
    )


#: no differences between people and pictures: everybody has the threshold that the observer says
EQUALS = Population(
    ability_sd=0.0,
    concept_sd=0.0,
    concept_by_perturbation_sd=0.0,
    source_sd=0.0,
    dropout=0.0,
    foreign_speakers=0.0,
)


def test_simulated_observers_of_a_known_threshold_are_found_again(tmp_path: Path) -> None:
    """20 participants, 30 adaptive trials each: their SD is about 0.3 in ln severity, and the bias 0.06."""
    settings = unlimited(tmp_path / "data", f"sqlite:///{tmp_path / 'test.sqlite3'}")
    create_from(settings, make_adaptive_study(tmp_path / "study"))
    engine = connect(settings)
    with running_server(settings) as server:
        run = Run(server.url, load_pictures(engine, "adaptive"), EQUALS, 20, seed=4)
        assert [visit.outcome for visit in simulate(run)] == ["finished"] * 20
    check_invariants(engine)
    known = THRESHOLDS["contrast"]
    true = known.severity * (EQUALS.clean_odds / (1 + EQUALS.clean_odds)) ** (1 / known.slope)
    shown = CliRunner(env=environment(settings)).invoke(study, ["threshold", "adaptive", "--json"])
    found = json.loads(shown.stdout)["sessions"]
    assert [one["answers"] for one in found] == [ADAPTIVE] * 20
    assert all(one["simulated"] for one in found)
    assert sum((one["low"] or 0) <= true <= (one["high"] or 1) for one in found) >= 17
    assert fmean(math.log(one["threshold"] / true) for one in found) == pytest.approx(
        0, abs=0.06 + 3 * 0.3 / math.sqrt(20)
    )
    near = [abs(math.log(one.severity / true)) < 1 for one in adaptive_trials(engine)]
    uniform = [abs(math.log(one / true)) < 1 for one in CONTRASTS]
    assert fmean(near) > fmean(uniform) * 1.1
    engine.dispose()
