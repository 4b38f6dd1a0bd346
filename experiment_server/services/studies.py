"""Studies: creating, finding, counting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select

from experiment_server.design.definition import Definition
from experiment_server.design.freeze import FrozenStudy
from experiment_server.design.study_file import StudyDesign
from experiment_server.errors import ApiError
from experiment_server.models import Response, Session, Stimulus, Study, StudyCondition
from experiment_server.models.session import OUTCOMES
from stimuli.errors import UserError
from stimuli.files import make_folder, replacing

#: what a study can be called: see design/study_file.py; nothing else is looked for
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
#: a place is taken by a session that goes on or was completed
TAKES_A_PLACE = or_(Session.outcome.is_(None), Session.outcome == "completed")


class Catalogue:
    """Definitions that this process has read already; a definition never changes."""

    def __init__(self) -> None:
        self._known: dict[int, Definition] = {}

    def definition(self, connection: Connection, study_id: int) -> Definition:
        """The frozen definition of a study."""
        if study_id not in self._known:
            text = connection.execute(select(Study.definition).where(Study.id == study_id)).scalar_one()
            self._known[study_id] = Definition.parse(text)
        return self._known[study_id]


def copy_images(images: Mapping[str, Path], folder: Path) -> None:
    """Copy pictures to ``<folder>/<sha256>.png``; one that is there already is left as it is."""
    make_folder(folder.parent, private=True)
    make_folder(folder)
    for sha256, source in images.items():
        target = folder / f"{sha256}.png"
        if not target.exists():
            with replacing(target, force=True) as path:
                path.write_bytes(source.read_bytes())


def create(connection: Connection, frozen: FrozenStudy, now: datetime) -> bool:
    """Store a frozen study; False if the same one is there already.

    Raises UserError if another study has its name.
    """
    file = frozen.file
    existing = connection.execute(
        select(Study.definition).where(Study.name == file.name)
    ).scalar_one_or_none()
    if existing is not None and same_study(existing, frozen.definition):
        return False
    if existing is not None:
        raise UserError(
            f"there is another study called {file.name}, and a study never changes once it is created; "
            "give this one another name"
        )
    study_id = _insert_study(connection, frozen, now)
    conditions = _insert_conditions(connection, frozen, study_id)
    connection.execute(insert(Stimulus), _stimulus_rows(frozen, study_id, conditions))
    return True


def same_study(one: str, other: str) -> bool:
    """Whether two definitions say the same, one perhaps without keys that a later version added."""
    return one == other or _filled_in(one) == _filled_in(other)


def _filled_in(definition: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(definition)
    design = StudyDesign.model_validate_json(json.dumps(document["study"]))
    return {**document, "study": design.model_dump(mode="json")}


def _insert_study(connection: Connection, frozen: FrozenStudy, now: datetime) -> int:
    file = frozen.file
    values = {
        "name": file.name,
        "title": file.title,
        "definition": frozen.definition,
        "sha256": frozen.sha256,
        "seed": file.seed,
        "places": file.places,
        "status": "closed",
        "created_at": now,
        "format_version": file.format_version,
    }
    return connection.execute(insert(Study).values(values).returning(Study.id)).scalar_one()


def _insert_conditions(connection: Connection, frozen: FrozenStudy, study_id: int) -> dict[str, int]:
    """Store the conditions; returns condition key -> id."""
    ids = {}
    for row in frozen.file.condition:
        values = {
            "study_id": study_id,
            "perturbation": row.perturbation,
            "severity": row.condition.severity,
            "severity_unit": row.condition.unit,
            "level": row.level,
            "role": row.role,
        }
        statement = insert(StudyCondition).values(values).returning(StudyCondition.id)
        ids[row.condition.key] = connection.execute(statement).scalar_one()
    return ids


def _stimulus_rows(
    frozen: FrozenStudy, study_id: int, conditions: Mapping[str, int]
) -> list[dict[str, object]]:
    return [
        {
            "study_id": study_id,
            "stimulus": one.row.stimulus,
            "source": one.row.source,
            "concept": one.row.concept,
            "cluster": one.row.cluster,
            "condition_id": conditions[one.row.condition],
            "image_sha256": one.row.image_sha256,
            "width": one.row.width,
            "height": one.row.height,
            "kind": one.kind,
            "assigned_count": 0,
        }
        for one in frozen.stimuli
    ]


@dataclass(frozen=True)
class StudyRow:
    """A study as the services know it."""

    id: int
    name: str
    title: str
    seed: int
    places: int
    #: "open" or "closed"
    status: str


def find(connection: Connection, name: str) -> StudyRow | None:
    """The study of this name; None if there is none, or if it is no name (NUL, for instance)."""
    if not NAME.fullmatch(name):
        return None
    columns = (Study.id, Study.name, Study.title, Study.seed, Study.places, Study.status)
    row = connection.execute(select(*columns).where(Study.name == name)).one_or_none()
    return None if row is None else StudyRow(*row)


def lock(connection: Connection, study_id: int) -> None:
    """Keep other arrivals and allocations of this study waiting until this transaction ends.

    Whoever locks both locks the study first and sessions after it. SQLite has one writer anyway.
    """
    connection.execute(select(Study.id).where(Study.id == study_id).with_for_update(key_share=True))


def lock_stimuli(connection: Connection, ids: Iterable[int]) -> None:
    """Lock the rows of some stimuli whose counts are to change, in the one order that everybody keeps to.

    A round of practice ends without a lock on the study, so that another participant may consent meanwhile.
    """
    rows = select(Stimulus.id).where(Stimulus.id.in_(ids)).order_by(Stimulus.id)
    connection.execute(rows.with_for_update(key_share=True)).all()


def no_such_study() -> ApiError:
    """There is no study of that name."""
    return ApiError(404, "no_such_study", "There is no such study; please check the link.")


def places_taken(connection: Connection, study_id: int) -> int:
    """Sessions that hold a place: going on, or completed."""
    statement = select(func.count()).select_from(Session).where(Session.study_id == study_id, TAKES_A_PLACE)
    return connection.execute(statement).scalar_one()


@dataclass(frozen=True)
class Status:
    """How far a study is. ``status``: draft, open, rehearsal (open to try it out) or closed."""

    name: str
    title: str
    status: str
    sha256: str
    places: int
    places_left: int
    #: sessions by outcome; "going_on" for those without one
    sessions: dict[str, int]
    responses: int


def status(connection: Connection, name: str) -> Status:
    """Count a study's sessions and responses. Raises UserError if there is no such study."""
    study = known(connection, name)
    left = max(0, study.places - places_taken(connection, study.id))
    return Status(
        *(study.name, study.title, _status_of(study), study.sha256, study.places),
        places_left=left,
        sessions=_sessions_by_outcome(connection, study.id),
        responses=_responses(connection, study.id),
    )


def known(connection: Connection, name: str) -> Row[Any]:
    """A study's row. Raises UserError, listing those that there are, if there is no such study."""
    study = connection.execute(select(Study.__table__).where(Study.name == name)).one_or_none()
    if study is None:
        there = ", ".join(connection.execute(select(Study.name).order_by(Study.name)).scalars())
        raise UserError(f"there is no study called {name!r}; there are: {there or 'none'}")
    return study


def _status_of(study: Row[Any]) -> str:
    if study.status == "open":
        return "rehearsal" if study.rehearsal else "open"
    return "draft" if study.launched_at is None else "closed"


def _sessions_by_outcome(connection: Connection, study_id: int) -> dict[str, int]:
    statement = select(Session.outcome, func.count()).where(Session.study_id == study_id)
    counts = dict(connection.execute(statement.group_by(Session.outcome)).all())
    return {"going_on": counts.get(None, 0), **{outcome: counts.get(outcome, 0) for outcome in OUTCOMES}}


def _responses(connection: Connection, study_id: int) -> int:
    statement = select(func.count(Response.id)).join(Session).where(Session.study_id == study_id)
    return connection.execute(statement).scalar_one()


def statuses(connection: Connection) -> dict[str, str]:
    """Every study's status (see ``Status``) by its name, the oldest first."""
    found = connection.execute(select(Study.__table__).order_by(Study.id))
    return {study.name: _status_of(study) for study in found}


def names(connection: Connection) -> list[str]:
    """All studies' names, the oldest first."""
    return list(connection.execute(select(Study.name).order_by(Study.id)).scalars())
