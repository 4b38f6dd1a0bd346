"""What ``study threshold`` tells: a line about the study, and one for each participant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from experiment_server.design.adaptive import Estimate
from experiment_server.services.adapt import SessionThreshold, Thresholds
from exports.attendance import SIMULATED


def rows(found: Thresholds) -> dict[str, Any]:
    """All that is known, for JSON. A number that is null has a ``reason`` beside it."""
    return {
        "name": found.name,
        "perturbation": found.perturbation,
        "unit": found.unit,
        "target": found.target,
        "rehearsal": found.rehearsal,
        "sessions": [_row(found, one) for one in found.sessions],
    }


def _row(found: Thresholds, one: SessionThreshold) -> dict[str, Any]:
    return {
        "participant": one.pseudonym,
        "answers": one.answers,
        "excluded": one.excluded,
        "simulated": one.agent == SIMULATED,
        "threshold": one.threshold.severity,
        **_interval(found, one.threshold),
        "at_target": {
            "severity": one.at_target.severity,
            **_interval(found, one.at_target),
            "reached": one.at_target.reached,
        },
    }


def _interval(found: Thresholds, one: Estimate) -> dict[str, Any]:
    return {"low": one.low, "high": one.high, "log_sd": one.log_sd, "reason": _reason(found, one)}


def _reason(found: Thresholds, one: Estimate) -> str | None:
    """Why something is null; None if nothing is."""
    if None not in (one.severity, one.low, one.high):
        return None
    if one.reached < 0.5:
        return f"that there is such a severity has the probability {one.reached:.2f}"
    smallest, largest = found.ends
    return (
        f"the probability is {one.below:.2f} that it is {smallest:g} or less, and {one.above:.2f} that it is "
        f"{largest:g} or more, where nothing was shown"
    )


def lines(found: Thresholds) -> str:
    """The same, to be read."""
    if not found.sessions:
        return "There is no answer yet."
    return "\n".join([_heading(found), *(_line(found, one) for one in found.sessions)])


def _heading(found: Thresholds) -> str:
    n = len(found.sessions)
    simulated = sum(one.agent == SIMULATED for one in found.sessions)
    parts = [
        f"{found.name}: thresholds of {found.perturbation} ({found.unit})",
        f"{n} participant{'' if n == 1 else 's'}",
        *([f"{simulated} of them simulated"] if simulated else []),
        *(["a rehearsal: no data"] if found.rehearsal else []),
    ]
    return f"{', '.join(parts)}. In brackets the 95% credible interval."


def _line(found: Thresholds, one: SessionThreshold) -> str:
    return ", ".join(_parts(found, one))


def _parts(found: Thresholds, one: SessionThreshold) -> Iterator[str]:
    yield f"{one.pseudonym}: {one.answers} answers"
    yield f"threshold {_told(found, one.threshold)}"
    there = f"there is one with probability {one.at_target.reached:.2f}"
    yield f"{found.target:.4g} right at {_told(found, one.at_target)} ({there})"
    if one.excluded:
        yield "excluded"


def _told(found: Thresholds, one: Estimate) -> str:
    smallest, largest = found.ends
    if one.severity is not None:
        low = f"below {smallest:g}" if one.low is None else f"{one.low:.3g}"
        high = f"above {largest:g}" if one.high is None else f"{one.high:.3g}"
        return f"{one.severity:.3g} ({low} to {high})"
    if one.reached < 0.5:
        return "hardly any severity"
    if one.low is None and one.high is None:
        return "a severity that is not known yet"
    if one.low is None:
        return f"below {one.high:.3g}"
    return f"above {one.low:.3g}"
