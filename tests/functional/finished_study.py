"""A finished study in a database: pictures, participants and answers, without a server.

The rows are written through the models. One participant consented and left, one refused, one goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import Engine
from sqlalchemy.orm import Session as OrmSession

from experiment_server import models
from experiment_server.design.freeze import canonical
from experiment_server.migrations.schema import upgrade
from experiment_server.models.database import connect
from experiment_server.settings import Settings
from stimuli.conditions import Condition
from stimuli.files import sha256_of_bytes
from stimuli.manifest import Stimulus, write_manifest

CONDITIONS = ("clean", "gaussian_blur-5", "gaussian_noise-0.38")
LEVELS = {
    "clean": (5, "clean"),
    "gaussian_blur-5": (1, "invariant"),
    "gaussian_noise-0.38": (3, "adversarial"),
}
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class FinishedStudy:
    """Where it all is, and the identifiers that must never leave."""

    settings: Settings
    engine: Engine
    manifest: Path
    name: str
    stimuli: list[Stimulus]
    secrets: list[str]


def finished_study(
    folder: Path,
    *,
    concepts: Sequence[str] = ("apple", "dog", "fire"),
    n_sources: int = 4,
    participants: int = 8,
    seed: int = 0,
    form: str = "free_text",
    flags: Sequence[str] = (),
) -> FinishedStudy:
    """Make a study of some concepts, each source shown once to each participant in one of its conditions.

    With ``form="alternatives"``, what was typed is replaced by the right alternative or by ``rocket``.
    ``flags`` are those that exclude; number 4 names no catch picture.
    """
    rng = np.random.default_rng(seed)
    settings = Settings(data_dir=folder / "data")
    settings.images_dir.mkdir(parents=True)
    manifest = folder / "stimuli"
    (manifest / "images").mkdir(parents=True)
    rows = [
        _stimulus(manifest, settings, concept, number, condition)
        for concept in (*concepts, "cat", "rocket")
        for number in range(n_sources)
        for condition in (CONDITIONS if concept in concepts else ("clean",))
    ]
    write_manifest(manifest, rows)
    engine = connect(settings)
    upgrade(engine)
    secrets = [hashlib.sha256(f"secret {n}".encode()).hexdigest()[:24] for n in range(3 * participants)]
    with OrmSession(engine) as session:
        study = _study(session, rows, definition(rows, concepts, form, flags))
        for number in range(participants):
            _participant(session, study, number, secrets[3 * number : 3 * number + 3], rng)
        if form == "alternatives":
            _choose(session, rng)
        session.commit()
    return FinishedStudy(settings, engine, manifest, "shapes", rows, secrets)


def _stimulus(manifest: Path, settings: Settings, concept: str, number: int, condition: str) -> Stimulus:
    pixels = picture(concept, number, Condition.parse(condition))
    name = hashlib.sha256(f"{concept}/{number}/{condition}".encode()).hexdigest()
    path = manifest / "images" / f"{name[:16]}.png"
    Image.fromarray(pixels).save(path)
    digest = sha256_of_bytes(path.read_bytes())
    (settings.images_dir / f"{digest}.png").write_bytes(path.read_bytes())
    source = hashlib.sha256(f"{concept}/{number}".encode()).hexdigest()
    shown = Condition.parse(condition)
    return Stimulus(
        stimulus=name[:16],
        image=f"images/{path.name}",
        image_sha256=digest,
        source=source[:12],
        source_sha256=source,
        source_path=f"{concept}/{number}.png",
        concept=concept,
        cluster=f"hand {number % 2}",
        perturbation=shown.perturbation,
        severity=shown.severity,
        severity_unit=shown.unit,
        condition=condition,
        replicate=0,
        seed=number,
        width=pixels.shape[1],
        height=pixels.shape[0],
        clipped_fraction=0.0,
        rms_contrast=0.2,
        mean_luminance=0.5,
        psnr_db=math.nan if condition == "clean" else 20.0,
        ssim=1.0,
        parameters="{}",
        versions="{}",
        licence="CC BY 4.0" if number % 2 else "MIT",
        credit=f"Artist {number % 2}",
        credit_url="https://example.org/artist",
    )


def picture(concept: str, number: int, condition: Condition) -> NDArray[np.uint8]:
    """A disk whose hue is the concept's and whose place is the source's; degraded in a plain way."""
    hue = int(hashlib.sha256(concept.encode()).hexdigest()[:6], 16)
    y, x = np.mgrid[:64, :64]
    inside = (x - 24 - 4 * number) ** 2 + (y - 32) ** 2 < 300
    colour = np.array([hue >> 16, hue >> 8 & 255, hue & 255])
    pixels = np.where(inside[..., None], colour, 128).astype(float)
    if condition.perturbation == "gaussian_noise":
        pixels += np.random.default_rng(number).normal(0, 255 * condition.severity, pixels.shape)
    elif condition.perturbation != "clean":
        pixels = 128 + (pixels - 128) / 3
    return np.asarray(np.clip(pixels, 0, 255), dtype=np.uint8)


def definition(
    rows: Sequence[Stimulus],
    concepts: Sequence[str],
    form: str = "free_text",
    flags: Sequence[str] = (),
) -> str:
    """The frozen definition, in the form of ``design.freeze``."""
    credits = sorted({(row.credit, row.credit_url, row.licence) for row in rows})
    return canonical(
        {
            "format_version": 1,
            "study": {
                "format_version": 1,
                "name": "shapes",
                "title": "Which shape is it?",
                "concepts": list(concepts),
                "places": 8,
                "seed": 7,
                "condition": [
                    {
                        "perturbation": Condition.parse(key).perturbation,
                        "severity": None if key == "clean" else Condition.parse(key).severity,
                        "level": LEVELS[key][0],
                        "role": LEVELS[key][1],
                    }
                    for key in CONDITIONS
                ],
                "response": {
                    "form": form,
                    "max_words": 3,
                    "alternatives": [],
                    "dont_know": True,
                    "confidence": 4,
                },
                "trials": {"test": 3 * len(concepts)},
                "practice": {"concepts": ["cat"], "trials": 1},
                "catch": {"concepts": ["rocket"], "trials": 1},
                "presentation": {
                    "fixation_ms": 300,
                    "exposure_ms": 500,
                    "mask": "pink_noise",
                    "mask_ms": 200,
                },
                "texts": {"consent": "Yes?", "instructions": "Look.", "debrief": "Thanks."},
                "completion_codes": {
                    "completed": "SECRETDONE",
                    "no_consent": "SECRETNO",
                    "withdrawn": "SECRETSTOP",
                },
                "session": {"minutes": 60},
                "language": "it",
                "calibration": {"card": True, "distance": True},
                "comprehension": {
                    "question": [{"text": "What will you do?", "options": ["name", "draw"], "answer": "name"}]
                },
                "instructed": [{"text": "Please type the word green.", "answer": "green"}],
                "questionnaire": {
                    "ask": ["device", "country"],
                    "question": [{"name": "remarks", "text": "Anything else?"}],
                },
                "exclusion": {"flags": list(flags)},
            },
            "stimuli": [],
            "masks": ["0" * 64],
            "lexicon": {"fire": {"accept": ["blaze"], "partial": ["smoke"]}},
            "credits": [
                {"credit": credit, "credit_url": url, "licence": licence} for credit, url, licence in credits
            ],
        }
    )


def _study(session: OrmSession, rows: Sequence[Stimulus], text: str) -> models.Study:
    concepts = json.loads(text)["study"]["concepts"]
    study = models.Study(
        name="shapes",
        title=json.loads(text)["study"]["title"],
        definition=text,
        sha256=sha256_of_bytes(text.encode()),
        seed=7,
        places=8,
        status="closed",
        created_at=BEGIN - timedelta(days=1),
        format_version=1,
    )
    session.add(study)
    session.flush()
    conditions = {key: _condition(study.id, key) for key in CONDITIONS}
    session.add_all(conditions.values())
    session.flush()
    session.add_all(_shown(study.id, row, conditions[row.condition].id, concepts) for row in rows)
    session.flush()
    return study


def _condition(study_id: int, key: str) -> models.StudyCondition:
    shown, (level, role) = Condition.parse(key), LEVELS[key]
    return models.StudyCondition(
        study_id=study_id,
        perturbation=shown.perturbation,
        severity=shown.severity,
        severity_unit=shown.unit,
        level=level,
        role=role,
    )


def _shown(study_id: int, row: Stimulus, condition_id: int, concepts: Sequence[str]) -> models.Stimulus:
    other = "practice" if row.concept == "cat" else "catch"
    return models.Stimulus(
        study_id=study_id,
        stimulus=row.stimulus,
        source=row.source,
        concept=row.concept,
        cluster=row.cluster,
        condition_id=condition_id,
        image_sha256=row.image_sha256,
        width=row.width,
        height=row.height,
        kind="test" if row.concept in concepts else other,
        assigned_count=1,
    )


def _participant(
    session: OrmSession,
    study: models.Study,
    number: int,
    secrets: Sequence[str],
    rng: np.random.Generator,
) -> None:
    """Number 0 leaves after five answers, 1 refuses, 2 goes on after three, the others complete."""
    begin = BEGIN + timedelta(minutes=20 * number)
    pseudonym = f"P-{number:08x}"
    participant = models.Participant(
        pseudonym=pseudonym, study_id=study.id, kind="prolific", created_at=begin
    )
    session.add(participant)
    session.flush()
    session.add(
        models.Identity(
            participant_id=participant.id,
            study_id=study.id,
            hmac=sha256_of_bytes(secrets[0].encode()),
            prolific_pid=secrets[0],
            prolific_study_id=secrets[1],
            prolific_session_id=secrets[2],
        )
    )
    outcome = {0: "withdrawn", 1: "no_consent", 2: None}.get(number, "completed")
    sitting = models.Session(
        id=f"sitting{number:025d}",
        participant_id=participant.id,
        study_id=study.id,
        token_sha256=sha256_of_bytes(pseudonym.encode()),
        phase="finished" if outcome else "trials",
        outcome=outcome,
        created_at=begin,
        consented_at=None if outcome == "no_consent" else begin + timedelta(seconds=30),
        last_seen_at=begin,
        finished_at=begin + timedelta(minutes=6 + number) if outcome else None,
        seed=number,
    )
    session.add(sitting)
    session.flush()
    if sitting.consented_at:
        answered = {0: 5, 2: 3}.get(number, 10**6)
        _trials(session, study, sitting, answered, secrets[0], rng)
    if outcome == "completed":
        session.add_all(_records(sitting, number, secrets[0]))


def _records(sitting: models.Session, number: int, pid: str) -> list[models.Record]:
    """What a participant was asked beside the trials. Number 3 types an ID; 4 fails the checks once."""
    device = "phone" if number % 2 else "computer"
    country = f"Italy {pid}" if number == 3 else None
    answers = {"device": device, "country": country, "remarks": " =1+1 "}
    found: list[tuple[str, str, dict[str, Any]]] = [
        ("warning", "", {"read_ms": 2100}),
        ("calibration", "", {"device_px_per_mm": 3.78, "distance_mm": None if number % 2 else 551.26}),
        ("comprehension", "1", {"answers": {"1": "name"}, "wrong": [], "passed": True}),
        ("instructed", "1", {"response": "banana" if number == 4 else "green", "rt_ms": 2500}),
        ("questionnaire", "", {"answers": answers}),
    ]
    if number == 4:
        failed = {"answers": {"1": "draw"}, "wrong": ["1"], "passed": False}
        found[2:3] = [("comprehension", "1", failed), ("comprehension", "2", found[2][2])]
    return [
        models.Record(
            session_id=sitting.id,
            record_uuid=f"{sitting.id}-{place:03d}",
            kind=kind,
            name=name,
            data=data,
            received_at=sitting.created_at,
        )
        for place, (kind, name, data) in enumerate(found)
    ]


def _trials(
    session: OrmSession,
    study: models.Study,
    sitting: models.Session,
    answered: int,
    pid: str,
    rng: np.random.Generator,
) -> None:
    shown = _allocated(session, study, rng)
    for index, stimulus in enumerate(shown):
        state = "responded" if index < answered else "abandoned" if sitting.outcome else "assigned"
        trial = models.Trial(
            public_id=f"{sitting.id[-4:]}{index:028d}",
            session_id=sitting.id,
            trial_index=index,
            kind=stimulus.kind,
            stimulus_id=stimulus.id,
            mask=0,
            state=state,
            presented_at=BEGIN if state == "responded" else None,
        )
        session.add(trial)
        session.flush()
        if state == "responded":
            session.add(_response(session, trial, sitting, stimulus, pid, rng))


def _allocated(session: OrmSession, study: models.Study, rng: np.random.Generator) -> list[models.Stimulus]:
    """One practice trial, each source of the concepts in one condition, one catch trial."""
    every = session.query(models.Stimulus).filter_by(study_id=study.id).order_by(models.Stimulus.id).all()
    kinds = {kind: [one for one in every if one.kind == kind] for kind in ("practice", "test", "catch")}
    sources = sorted({one.source for one in kinds["test"]})
    by_source = {source: [one for one in kinds["test"] if one.source == source] for source in sources}
    test = [by_source[source][rng.integers(len(by_source[source]))] for source in sources]
    return [kinds["practice"][0], *(test[at] for at in rng.permutation(len(test))), kinds["catch"][0]]


def _response(
    session: OrmSession,
    trial: models.Trial,
    sitting: models.Session,
    stimulus: models.Stimulus,
    pid: str,
    rng: np.random.Generator,
) -> models.Response:
    clean = session.get_one(models.StudyCondition, stimulus.condition_id).perturbation == "clean"
    text, dont_know = _answer(stimulus.concept, trial.trial_index, clean, pid, rng)
    number, index = int(sitting.id[-4:]), trial.trial_index
    if number == 4 and stimulus.kind == "catch":
        text = "banana"
    exposure = 500.1 if index % 3 else None
    onset = 9000.0 + 6000 * index
    return models.Response(
        trial_id=trial.id,
        session_id=sitting.id,
        response_uuid=f"{trial.public_id}0000",
        response=text,
        dont_know=dont_know,
        rt_ms=float(rng.integers(700, 4000)),
        rt_first_key_ms=None if dont_know else 650.0,
        exposure_measured_ms=533.4 if index == 4 else exposure,
        frame_interval_ms=8.333 if number % 2 else 16.667,
        dropped_frames=2 if index == 4 else 0,
        presented_again=False,
        onset_ms=onset if exposure else None,
        offset_ms=onset + exposure if exposure else None,
        exposure_frames=(64 if number % 2 else 32) if index == 4 else (60 if number % 2 else 30),
        timing_flags=("dropped long" if index == 4 else "") if exposure else None,
        confidence=None if dont_know else 1 + index % 4,
        received_at=sitting.created_at + timedelta(seconds=40 + 10 * trial.trial_index),
        client=_client(pid),
    )


def _choose(session: OrmSession, rng: np.random.Generator) -> None:
    """Let every answer but "don't know" be an alternative: right four times of five."""
    rows = session.query(models.Response, models.Stimulus)
    rows = rows.join(models.Trial, models.Trial.id == models.Response.trial_id)
    rows = rows.join(models.Stimulus, models.Stimulus.id == models.Trial.stimulus_id)
    for response, stimulus in rows.filter(~models.Response.dont_know).order_by(models.Response.id):
        response.response = stimulus.concept if rng.random() < 0.8 else "rocket"


def _client(pid: str) -> dict[str, Any]:
    """What a browser says; with the page's address, which carries the identifier, as a trap."""
    page = f"/s/shapes?PROLIFIC_PID={pid}"
    return {"agent": "interpscore simulate", "page": page, "picture_degrees": 8.04}


def _answer(concept: str, index: int, clean: bool, pid: str, rng: np.random.Generator) -> tuple[str, bool]:
    """What is typed: now and then a formula, an identifier, a word that pandas takes for missing."""
    odd = {2: ("=1+1", False), 3: (f"my id {pid.upper()}", False), 4: ("NA", False), 5: ("", True)}
    if index in odd and not clean:
        return odd[index]
    if rng.random() < (0.9 if clean else 0.5):
        return {"fire": "Blaze", "dog": "a dogg"}.get(concept, concept), False
    return "banana", False
