"""What the page does beside the trials, from a study's definition."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from experiment_server.api import schemas
from experiment_server.design.allocation import shuffled
from experiment_server.design.definition import Definition
from experiment_server.design.page_tables import Questionnaire

#: device pixels of a millimetre, and millimetres from eye to screen, that a measurement can give
PX_PER_MM = (0.5, 100.0)
DISTANCE_MM = (50.0, 5000.0)


def present_flow(definition: Definition, seed: int) -> schemas.Flow:
    """The flow of a session with a seed; no right answer is in it, not even by its place."""
    design = definition.design
    shown, wanted = design.presentation, design.calibration
    return schemas.Flow(
        flicker_warning=definition.warns,
        break_every=design.trials.break_every,
        practice_trials=design.practice.trials,
        practice_rounds=design.practice.rounds,
        practice_criterion=design.practice.criterion,
        calibration=schemas.CalibrationWanted(
            card=wanted.card,
            distance=wanted.distance,
            assumed_distance_mm=wanted.assumed_distance_mm,
            size_degrees=shown.size_degrees,
        ),
        comprehension=[
            schemas.Item(name=str(number), text=one.text, options=_in_any_order(one.options, seed, number))
            for number, one in enumerate(design.comprehension.question, start=1)
        ],
        comprehension_attempts=design.comprehension.attempts,
        instructed=[
            schemas.InstructedItem(name=name, text=one.text, before=before)
            for (name, before), one in zip(definition.instructed, design.instructed, strict=True)
        ],
        questionnaire=_items(design.questionnaire),
    )


def _in_any_order(options: Sequence[str], seed: int, number: int) -> list[str]:
    """The options of a question in an order of the session's own."""
    return shuffled(options, Random(f"comprehension:{seed}:{number}"))  # noqa: S311 - not secret


def _items(questionnaire: Questionnaire) -> list[schemas.Item]:
    built_in = [schemas.Item(name=name, text=None, options=None) for name in questionnaire.ask]
    own = [
        schemas.Item(name=one.name, text=one.text, options=list(one.options))
        for one in questionnaire.question
    ]
    return [*built_in, *own]


def present_calibration(data: dict[str, Any] | None) -> schemas.Calibrated | None:
    """What the calibration measured; None if it did not take place, or gave what no screen has."""
    scale = _within(PX_PER_MM, (data or {}).get("device_px_per_mm"))
    if scale is None:
        return None
    distance = _within(DISTANCE_MM, (data or {}).get("distance_mm"))
    return schemas.Calibrated(device_px_per_mm=scale, distance_mm=distance)


def _within(limits: tuple[float, float], value: object) -> float | None:
    """A number within limits; None for anything else that a browser may have sent."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if limits[0] <= value <= limits[1] else None
