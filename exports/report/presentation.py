"""How exactly pictures were shown: what was asked for, what browsers measured, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from exports.report.sections import NOTHING_COUNTS, Missing
from exports.report.wording import counted, number
from exports.session_tables import QUESTION
from exports.studies import StudyRecord
from exports.trial_tables import NOTHING_WRONG

#: what a clock may add to an exposure, milliseconds: browsers round their times to as much
CLOCK_MS = 1.0

#: word of ``timing_flags`` -> what it says
TIMING = {
    "dropped": "Frames came late while the picture was shown",
    "long": "Shown half a frame or more too long",
    "short": "Shown half a frame or more too short",
    "late_onset": "The frame that should have shown the picture was late, or could not be verified",
    "late_offset": "The frame that should have removed the picture was late, or could not be verified",
    "hidden": "The page was out of sight",
}


def presentation(
    study: StudyRecord, trials: pd.DataFrame, sessions: pd.DataFrame
) -> dict[str, Any] | Missing:
    """Exposures, timing flags and refresh rates of the test and catch trials of those who are not excluded.

    ``sessions`` are those of ``session_table``.
    """
    kept = trials[~trials["trial_category"].eq("practice") & ~trials["excluded"].fillna(False).astype(bool)]
    if kept.empty:
        return Missing(NOTHING_COUNTS)
    asked = study.frozen.design.presentation.exposure_ms
    there = sessions[sessions["session"].isin(kept["session"])]
    return {
        "facts": _facts(kept, asked),
        "flags": _flags(kept),
        "refresh": _refresh(there),
        "devices": _devices(kept, there, asked),
    }


def _facts(trials: pd.DataFrame, asked: int) -> list[tuple[str, str]]:
    measured = trials["exposure_measured_ms"].dropna()
    facts = [("Requested exposure", f"{asked} ms" if asked else "until the response")]
    if asked:
        facts += [
            ("Measured exposure", f"{_spread(measured)}, in {counted(len(measured), 'trial')}"),
            ("Within one frame of it", f"{_within_a_frame(trials, asked)} of these"),
        ]
        if len(measured) < len(trials):
            facts.append(("Exposure not measured", counted(len(trials) - len(measured), "trial")))
    again = int(trials["presented_again"].fillna(False).sum())
    return [*facts, ("Picture shown again after a reload", counted(again, "trial"))]


def _spread(measured: pd.Series) -> str:
    if measured.empty:
        return "–"
    low, middle, high = _quantiles(measured)
    return f"median {middle:.0f} ms (5% {low:.0f}, 95% {high:.0f})"


def _quantiles(measured: pd.Series) -> tuple[float, ...]:
    return tuple(measured.astype(float).quantile([0.05, 0.5, 0.95]))


def _within_a_frame(trials: pd.DataFrame, asked: int) -> str:
    """Share of the trials with an exposure and a refresh rate that are off by one frame at most."""
    known = trials[["exposure_measured_ms", "refresh_hz"]].dropna().astype(float)
    off = (known["exposure_measured_ms"] - asked).abs()
    return percent((off <= 1000 / known["refresh_hz"] + CLOCK_MS).mean()) if len(known) else "–"


def percent(value: float) -> str:
    """Write a share in percent; one that is not whole never as 0% or 100%.

    >>> percent(0.9996), percent(1.0), percent(0.0004), percent(0.053)
    ('over 99.9%', '100%', 'under 0.1%', '5.3%')
    """
    if 0.999 < value < 1:
        return "over 99.9%"
    if 0 < value < 0.001:
        return "under 0.1%"
    return f"{value:.1%}".replace(".0%", "%")


def _flags(trials: pd.DataFrame) -> dict[str, Any]:
    measured = trials["timing_flags"].dropna()
    words = measured[measured.ne(NOTHING_WRONG)].str.split()
    names = [*TIMING, *sorted({word for found in words for word in found} - set(TIMING))]
    counts = {name: sum(name in found for found in words) for name in names}
    return {
        "n": counted(len(measured), "trial"),
        "any": percent(len(words) / len(measured)) if len(measured) else "–",
        "rows": [
            {"name": name, "meaning": TIMING.get(name, "an unknown word"), "trials": number(counts[name])}
            | {"share": percent(counts[name] / len(measured))}
            for name in names
            if len(measured)
        ],
    }


def _refresh(sessions: pd.DataFrame) -> list[tuple[str, str]]:
    """Sessions by the refresh rate of their display, to the hertz."""
    rates = sessions["refresh_hz"].dropna().astype(float).round().astype(int).value_counts().sort_index()
    unknown = int(sessions["refresh_hz"].isna().sum())
    rows = [(f"{rate} Hz", number(count)) for rate, count in rates.items()]
    return [*rows, ("not measured", number(unknown))] if unknown else rows


def _devices(trials: pd.DataFrame, sessions: pd.DataFrame, asked: int) -> list[Mapping[str, str]]:
    """The same by device, where the questionnaire asks for it; empty where it does not."""
    name = f"{QUESTION}device"
    if name not in sessions.columns:
        return []
    answered = sessions.assign(device=sessions[name].fillna("not said"))
    return [
        _device(str(device), trials[trials["session"].isin(own["session"])], len(own), asked)
        for device, own in answered.groupby("device", sort=True)
    ]


def _device(device: str, trials: pd.DataFrame, sessions: int, asked: int) -> Mapping[str, str]:
    measured = trials["exposure_measured_ms"].dropna()
    shown = asked > 0 and len(measured) > 0
    quantiles = _quantiles(measured) if shown else ()
    return {
        "device": device,
        "sessions": number(sessions),
        "trials": counted(len(trials), "trial"),
        "median": f"{quantiles[1]:.0f} ms" if shown else "–",
        "middle": f"{quantiles[0]:.0f}–{quantiles[2]:.0f}" if shown else "",
        "within": _within_a_frame(trials, asked) if asked else "–",
        "flagged": _flags(trials)["any"],
    }
