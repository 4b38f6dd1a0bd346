"""What the researcher knows of a study's pictures: the hash of an image tells what it shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mode

from sqlalchemy import Connection, Engine, select

from experiment_server.design.definition import Definition
from experiment_server.models import Stimulus, Study, StudyCondition
from experiment_server.models.database import reading
from stimuli.conditions import Condition
from stimuli.errors import UserError


@dataclass(frozen=True)
class Picture:
    """What one image shows; ``width`` in pixels; ``easy``: a catch picture, which everybody names."""

    concept: str
    condition: Condition
    source: str
    width: int
    easy: bool = False


@dataclass(frozen=True)
class Checks:
    """The right answers to the questions about the instructions and to the instructed items, by name."""

    comprehension: Mapping[str, str] = field(default_factory=dict)
    instructed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyPictures:
    """All images of a study, by the SHA-256 of their bytes."""

    study: str
    by_sha256: Mapping[str, Picture]
    checks: Checks = Checks()

    @property
    def concepts(self) -> tuple[str, ...]:
        """The distinct concepts, in alphabetical order."""
        return tuple(sorted({picture.concept for picture in self.by_sha256.values()}))

    @property
    def width(self) -> int:
        """The pictures' width in pixels, the commonest one should they differ."""
        return mode(picture.width for picture in self.by_sha256.values())

    def see(self, image: bytes) -> Picture:
        """Recognise an image by its bytes. Raises UserError if it is none of the study's."""
        try:
            return self.by_sha256[hashlib.sha256(image).hexdigest()]
        except KeyError as error:
            raise UserError(
                f"the server showed a picture that study {self.study} in this database does not have; "
                "let serve and simulate use the same data directory and database"
            ) from error


def load_pictures(engine: Engine, study: str) -> StudyPictures:
    """Read a study's pictures from the database. Raises UserError if there is none, or a launched one."""
    with reading(engine) as connection:
        found = _pictures(connection, study)
        live = select(Study.id).where(Study.name == study, Study.launched_at.is_not(None), ~Study.rehearsal)
        is_live = connection.execute(live).first() is not None
        checks = _checks(connection, study) if found else Checks()
    if not found:
        raise UserError(f"there is no study {study} in the database; see python manage.py study list")
    if is_live:
        raise UserError(
            f"the study {study} is launched, and simulated answers would be among its data; create it under "
            "another name and rehearse that"
        )
    return StudyPictures(study, found, checks)


def _pictures(connection: Connection, study: str) -> dict[str, Picture]:
    columns = (
        *(Stimulus.image_sha256, Stimulus.concept, Stimulus.source, Stimulus.width, Stimulus.kind),
        *(StudyCondition.perturbation, StudyCondition.severity),
    )
    query = (
        select(*columns)
        .join(StudyCondition, Stimulus.condition_id == StudyCondition.id)
        .join(Study, Stimulus.study_id == Study.id)
        .where(Study.name == study)
    )
    return {
        sha256: Picture(concept, Condition(perturbation, severity), source, width, kind == "catch")
        for sha256, concept, source, width, kind, perturbation, severity in connection.execute(query)
    }


def _checks(connection: Connection, study: str) -> Checks:
    text = connection.execute(select(Study.definition).where(Study.name == study)).scalar_one()
    definition = Definition.parse(text)
    items = enumerate(definition.design.instructed, start=1)
    return Checks(definition.comprehension, {str(number): item.answer for number, item in items})
