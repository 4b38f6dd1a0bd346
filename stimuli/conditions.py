"""What is to be made: conditions (a perturbation at a severity), and the file that names them.

Only the standard library is imported here, because the server needs this vocabulary and none of the
image code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, PERTURBATIONS

#: shortest and longest side of a stimulus, in pixels
SMALLEST_SIZE, LARGEST_SIZE = 32, 2048
DEFAULT_SIZE = 288


@dataclass(frozen=True, order=True)
class Condition:
    """A perturbation at one severity; ``clean`` is a condition too, with severity 0.

    Raises UserError for an unknown perturbation, for a severity outside its range, and for one with
    more than six significant digits, which ``key`` could not tell apart from its neighbour.
    """

    perturbation: str
    severity: float = 0.0

    def __post_init__(self) -> None:
        known = PERTURBATIONS.get(self.perturbation)
        if known is None:
            raise UserError(
                f"{self.perturbation!r} is not a perturbation; choose one of {', '.join(PERTURBATIONS)}"
            )
        object.__setattr__(self, "severity", float(self.severity))
        known.refuse(self.severity)
        if float(f"{self.severity:g}") != self.severity:
            raise UserError(
                f"severity {self.severity!r} of {known.name} has too many digits; write six significant ones"
            )

    @property
    def unit(self) -> str:
        """Unit of the severity; empty for clean."""
        return PERTURBATIONS[self.perturbation].unit

    @property
    def key(self) -> str:
        """Name of the condition in tables: ``clean`` or, for example, ``gaussian_noise-0.18``."""
        return CLEAN if self.perturbation == CLEAN else f"{self.perturbation}-{self.severity:g}"

    @classmethod
    def parse(cls, key: str) -> Condition:
        """Read a condition back from its key. Raises UserError if it is not one."""
        name, dash, severity = key.partition("-")
        if name == CLEAN and not dash:
            return cls(CLEAN)
        try:
            condition = cls(name, float(severity))
        except ValueError as error:
            raise UserError(
                f"{key!r} is not a condition; write clean or perturbation-severity, as gaussian_noise-0.18"
            ) from error
        return condition


@dataclass(frozen=True)
class ConditionsFile:
    """What to build: the side of a stimulus in pixels, the conditions, the concepts kept clean.

    ``conditions`` always begins with clean and holds no condition twice.
    """

    size: int = DEFAULT_SIZE
    clean_only: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = (Condition(CLEAN),)

    def of_concept(self, concept: str) -> tuple[Condition, ...]:
        """Conditions in which a concept is rendered."""
        return self.conditions[:1] if concept in self.clean_only else self.conditions


#: what ``stimuli build`` makes when no file is given: four families, a middle and a strong severity
DEFAULT_CONDITIONS = ConditionsFile(
    conditions=(
        Condition(CLEAN),
        Condition("gaussian_noise", 0.18),
        Condition("gaussian_noise", 0.38),
        Condition("gaussian_blur", 3.0),
        Condition("gaussian_blur", 6.0),
        Condition("contrast", 0.2),
        Condition("contrast", 0.05),
        Condition("pixelate", 0.25),
        Condition("pixelate", 0.1),
    )
)


def concept_name(folder: str) -> str:
    """Concept that a folder name stands for: lower case, underscores are spaces."""
    return folder.replace("_", " ").strip().lower()


def load_conditions(path: Path) -> ConditionsFile:
    """Read a conditions file (TOML): ``size``, ``clean_only`` and ``[[condition]]`` tables.

    A condition's ``severity`` is a number or a list of numbers; clean is always built and need not be
    named. Raises UserError naming the file, the key and what is allowed.
    """
    table = _read_toml(path)
    _refuse_unknown(path, table, "", ("size", "clean_only", "condition"))
    rows = table.get("condition", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path}: condition is not a list of tables; write each one under [[condition]]")
    given = [condition for number, row in enumerate(rows, 1) for condition in _conditions(path, number, row)]
    return ConditionsFile(_size(path, table), _clean_only(path, table), _with_clean_first(path, given))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"cannot read the conditions file {path} ({error.strerror}); check the name"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a TOML file ({error}); correct it there") from error


def _refuse_unknown(path: Path, table: dict[str, Any], where: str, allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            raise UserError(f"{path}: unknown key {where}{key}; allowed are {', '.join(allowed)}")


def _size(path: Path, table: dict[str, Any]) -> int:
    size = table.get("size", DEFAULT_SIZE)
    if type(size) is not int or not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        raise UserError(
            f"{path}: size is {size!r}; give the side of a stimulus, "
            f"a whole number of pixels from {SMALLEST_SIZE} to {LARGEST_SIZE}"
        )
    return size


def _clean_only(path: Path, table: dict[str, Any]) -> tuple[str, ...]:
    concepts = table.get("clean_only", [])
    if not isinstance(concepts, list) or not all(isinstance(concept, str) for concept in concepts):
        raise UserError(f'{path}: clean_only is not a list of concepts; write for example ["cat", "rocket"]')
    return tuple(dict.fromkeys(concept_name(concept) for concept in concepts))


def _conditions(path: Path, number: int, row: dict[str, Any]) -> list[Condition]:
    where = f"condition {number}"
    _refuse_unknown(path, row, f"{where}.", ("perturbation", "severity"))
    name = row.get("perturbation")
    if not isinstance(name, str):
        raise UserError(
            f"{path}: {where} has no perturbation; name one of {', '.join(PERTURBATIONS)} in quotes"
        )
    severities = row.get("severity", 0.0 if name == CLEAN else None)
    values: list[Any] = severities if isinstance(severities, list) else [severities]
    if not values or any(type(value) not in {int, float} for value in values):
        raise UserError(f"{path}: {where}.severity is {severities!r}; give a number or a list of numbers")
    try:
        return [Condition(name, value) for value in values]
    except UserError as error:
        raise UserError(f"{path}: {where}: {error}") from error


def _with_clean_first(path: Path, given: list[Condition]) -> tuple[Condition, ...]:
    degraded = [condition for condition in given if condition.perturbation != CLEAN]
    for condition in degraded:
        if degraded.count(condition) > 1:
            raise UserError(f"{path}: condition {condition.key} is there twice; remove one of them")
    return (Condition(CLEAN), *degraded)
