"""The file that says what to build: TOML, read and checked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from stimuli.conditions import (
    DEFAULT_SIZE,
    LARGEST_ANGLE,
    LARGEST_SIZE,
    SMALLEST_ANGLE,
    SMALLEST_SIZE,
    Condition,
    ConditionsFile,
    Matching,
    concept_name,
)
from stimuli.errors import UserError
from stimuli.files import written_text
from stimuli.perturbations import CLEAN, PERTURBATIONS
from stimuli.visual_angle import pixels

#: no severity is larger; whole numbers without end can be written in TOML
LARGEST_NUMBER = 1e12
#: what a conditions file may say at its top
FILE_KEYS = ("size", "degrees", "clean_only", "linear_light", "legacy", "ladder_gate", "match", "condition")


def load_conditions(path: Path) -> ConditionsFile:
    """Read a conditions file (TOML): what is in ``docs/stimuli.md``, ``[[condition]]`` tables above all.

    A condition's ``severity`` is a number or a list of numbers; clean is always built and need not be
    named. Raises UserError naming the file, the key and what is allowed.
    """
    table = _read_toml(path)
    _refuse_unknown(path, table, "", FILE_KEYS)
    rows = table.get("condition", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path}: condition is not a list of tables; write each one under [[condition]]")
    size, angle = _size(path, table), _degrees(path, table)
    given = [
        condition
        for number, row in enumerate(rows, 1)
        for condition in _conditions(path, number, row, size, angle)
    ]
    read = ConditionsFile(
        size,
        _clean_only(path, table),
        _with_clean_first(path, given),
        angle,
        _switch(path, table, "linear_light", False),
        _switch(path, table, "legacy", False),
        _switch(path, table, "ladder_gate", True),
        _matching(path, table),
    )
    _refuse_contradictions(path, read)
    return read


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(written_text(path))
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


def _degrees(path: Path, table: dict[str, Any]) -> float | None:
    angle = table.get("degrees")
    if angle is None:
        return None
    if not _is_number(angle) or not SMALLEST_ANGLE <= angle <= LARGEST_ANGLE:
        raise UserError(
            f"{path}: degrees is {_short(angle)}; give the visual angle of a stimulus's side, "
            f"{SMALLEST_ANGLE:g} to {LARGEST_ANGLE:g}"
        )
    return float(angle)


def _switch(path: Path, table: dict[str, Any], key: str, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise UserError(f"{path}: {key} is {value!r}; write true or false")
    return value


def _matching(path: Path, table: dict[str, Any]) -> Matching | None:
    row = table.get("match")
    if row is None:
        return None
    if not isinstance(row, dict):
        raise UserError(f"{path}: match is {row!r}; write it as a table, [match]")
    _refuse_unknown(path, row, "match.", ("luminance", "contrast", "stage"))
    wanted = [_share(path, row, key, high) for key, high in (("luminance", 1.0), ("contrast", 0.5))]
    stage = row.get("stage", "source")
    if stage not in {"source", "stimulus"}:
        raise UserError(f"{path}: match.stage is {stage!r}; write source or stimulus, in quotes")
    if wanted == [None, None]:
        raise UserError(f"{path}: match says nothing to match; give luminance, contrast, or both")
    return Matching(wanted[0], wanted[1], stage)


def _share(path: Path, row: dict[str, Any], key: str, high: float) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 < value < high:
        raise UserError(
            f"{path}: match.{key} is {value!r}; give a fraction of full scale between 0 and {high:g}"
        )
    return float(value)


def _undone(name: str, matching: Matching | None) -> bool:
    """Whether matching stimuli takes back what a perturbation did."""
    if matching is None or matching.stage != "stimulus":
        return False
    by_contrast = name in {"contrast", "grey_contrast"} and matching.contrast is not None
    return by_contrast or (name == "brightness" and matching.luminance is not None)


def _refuse_contradictions(path: Path, read: ConditionsFile) -> None:
    for condition in read.conditions[1:]:
        known = PERTURBATIONS[condition.perturbation]
        if known.needs_model:
            raise UserError(
                f"{path}: {known.name} is made against a model; "
                "use `stimuli attack` or `stimuli dream` for it, and `stimuli merge`"
            )
        if _undone(known.name, read.matching):
            raise UserError(
                f"{path}: matching stimuli undoes {known.name}; "
                "leave it out, or match at the stage of the source"
            )
        if read.linear_light and not known.linear_light:
            raise UserError(
                f"{path}: {known.name} has no form in linear light; leave it out, or leave linear_light out"
            )
    if read.linear_light and read.legacy:
        raise UserError(
            f"{path}: what was published is not in linear light; leave linear_light or legacy out"
        )


def _conditions(
    path: Path, number: int, row: dict[str, Any], size: int, angle: float | None
) -> list[Condition]:
    where = f"condition {number}"
    _refuse_unknown(path, row, f"{where}.", ("perturbation", "severity", "severity_degrees"))
    name = row.get("perturbation")
    if not isinstance(name, str):
        raise UserError(
            f"{path}: {where} has no perturbation; name one of those that `stimuli list` shows, in quotes"
        )
    key = "severity_degrees" if "severity_degrees" in row else "severity"
    severities = row.get(key, 0.0 if name == CLEAN else None)
    values: list[Any] = severities if isinstance(severities, list) else [severities]
    if not values or not all(_is_number(value) for value in values):
        raise UserError(f"{path}: {where}.{key} is {_short(severities)}; give a number or a list of numbers")
    if key == "severity_degrees":
        values = _in_pixels(path, where, row, values, size, angle)
    try:
        return [Condition(name, value) for value in values]
    except UserError as error:
        raise UserError(f"{path}: {where}: {error}") from error


def _in_pixels(
    path: Path, where: str, row: dict[str, Any], values: list[Any], size: int, angle: float | None
) -> list[float]:
    """Severities given in degrees of visual angle, in pixels of the stimulus."""
    known = PERTURBATIONS.get(row["perturbation"])
    if "severity" in row:
        raise UserError(f"{path}: {where} has severity and severity_degrees; leave one of them out")
    if angle is None:
        raise UserError(
            f"{path}: {where}.severity_degrees needs the visual angle of a stimulus's side; "
            "give it as degrees at the top of the file"
        )
    if known is not None and known.unit != "px":
        raise UserError(f"{path}: {where}: severities of {known.name} are not in px; give severity")
    for value in values:
        if not 0 <= value <= angle:
            raise UserError(
                f"{path}: {where}.severity_degrees is {value:g}; "
                f"give angles from 0 to that of the stimulus's side, {angle:g}"
            )
    return [float(f"{pixels(value, size, angle):.6g}") for value in values]


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and abs(value) <= LARGEST_NUMBER


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _with_clean_first(path: Path, given: list[Condition]) -> tuple[Condition, ...]:
    degraded = [condition for condition in given if condition.perturbation != CLEAN]
    for condition in degraded:
        if degraded.count(condition) > 1:
            raise UserError(f"{path}: condition {condition.key} is there twice; remove one of them")
    return (Condition(CLEAN), *degraded)
