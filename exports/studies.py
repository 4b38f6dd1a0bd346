"""A study as the database has it: its frozen definition and its conditions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from experiment_server.design.definition import Definition
from experiment_server.models.study import Study
from experiment_server.models.study_condition import StudyCondition
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN

#: keys of the study file that do not leave: whoever has a code can claim a payment
WITHHELD = ("completion_codes",)


@dataclass(frozen=True)
class ConditionRecord:
    """One condition of a study. ``key`` is the manifest's, for example ``gaussian_noise-0.18``."""

    key: str
    perturbation: str
    severity: float
    severity_unit: str
    level: int
    role: str


@dataclass(frozen=True)
class StudyRecord:
    """A frozen study. ``definition`` is the parsed JSON that ``sha256`` is the hash of."""

    id: int
    name: str
    title: str
    definition: dict[str, Any]
    sha256: str
    seed: int
    places: int
    status: str
    created_at: datetime
    #: it was opened to be tried out: its responses are no data
    rehearsal: bool
    conditions: tuple[ConditionRecord, ...]

    @cached_property
    def frozen(self) -> Definition:
        """The definition as the server reads it, which judges answers."""
        return Definition.parse(json.dumps(self.definition))

    @property
    def file(self) -> dict[str, Any]:
        """The study file's keys, as they were frozen."""
        keys: dict[str, Any] = self.definition["study"]
        return keys

    @property
    def offered(self) -> int:
        """How many alternatives a trial offers; 0 where answers are typed."""
        return self.frozen.design.offered

    @property
    def adaptive(self) -> str:
        """The perturbation whose severities participants' own answers choose; empty where none are chosen."""
        table = self.file.get("adaptive") or {}
        return str(table.get("perturbation", ""))

    @property
    def roles(self) -> dict[int, str]:
        """Role of each level: clean, invariant, adversarial or dream."""
        return {condition.level: condition.role for condition in self.conditions}

    @property
    def public_definition(self) -> dict[str, Any]:
        """The definition without what must not leave."""
        study = {key: value for key, value in self.file.items() if key not in WITHHELD}
        return {**self.definition, "study": study}


_AS_STORED = ("id", "name", "title", "sha256", "seed", "places", "status", "created_at", "rehearsal")


def load_study(connection: Connection, name: str) -> StudyRecord:
    """Read one study. Raises UserError, with the names that exist, if there is none of that name."""
    row = connection.execute(select(Study.__table__).where(Study.name == name)).one_or_none()
    if row is None:
        names = connection.scalars(select(Study.name).order_by(Study.name)).all()
        there = f"there are {', '.join(names)}" if names else "the database has none"
        raise UserError(f"there is no study {name!r}: {there}; see `manage.py study create`")
    conditions = connection.execute(
        select(StudyCondition.__table__)
        .where(StudyCondition.study_id == row.id)
        .order_by(StudyCondition.level)
    ).all()
    return StudyRecord(
        **{key: row._mapping[key] for key in _AS_STORED},
        definition=json.loads(row.definition),
        conditions=tuple(_condition(condition._mapping) for condition in conditions),
    )


def condition_key(perturbation: str, severity: float) -> str:
    """Key of a condition, as the manifest writes it.

    >>> condition_key("gaussian_noise", 0.18)
    'gaussian_noise-0.18'
    """
    return CLEAN if perturbation == CLEAN else f"{perturbation}-{severity:g}"


def _condition(row: Any) -> ConditionRecord:
    values = {key: row[key] for key in ("perturbation", "severity", "severity_unit", "level", "role")}
    return ConditionRecord(condition_key(row["perturbation"], row["severity"]), **values)
