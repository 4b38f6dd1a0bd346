"""The controls of a scoring: what units get that should get nothing, beside the labelled ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from scoring.effects import Drawn, Scoring
from scoring.metrics.sample import Sample
from scoring.neuron_map import Pair
from scoring.statistics import Floats, Integers, central_interval

CONSTANT, SHUFFLED, MISMATCHED, BEST = "constant", "shuffled", "mismatched", "best of all units, shuffled"

#: what is said of all concepts together
ALL = "all"

#: the columns of the controls' table: the control's E with the central 95% of its draws or units (``n`` of
#: them), the labelled unit's E on the same components, and the share of the control at or above it
COLUMNS = ("Concept", "Neuron", "Control", "E", "E_low", "E_high", "n", "labelled_E", "at_or_above", "reason")


def controls(
    scoring: Scoring,
    units: Integers,
    concepts: Integers,
    names: Sequence[Pair],
    drawn: Mapping[int, Drawn],
    best: Floats,
) -> pd.DataFrame:
    """Score the controls of the labelled pairs (unit's place, concept's number); columns ``COLUMNS``.

    A constant unit goes through the same metrics. Shuffled units, and the best of as many of them as there
    are units, come from the draws in which sources exchange activations, on the components that noise can
    have. Mismatched are the labelled units of other concepts, on all components.
    """
    rows = []
    for unit, concept, pair in zip(units, concepts, names, strict=True):
        noise = float(scoring.observed.noise[concept, unit])
        whole = float(scoring.observed.composite[concept, unit])
        others = np.array(
            [other for other, its in zip(units, concepts, strict=True) if its != concept], np.intp
        )
        rows += [
            _constant(scoring, int(concept), whole),
            _from_draws(SHUFFLED, _null(drawn, int(unit), int(concept)), noise),
            _from_draws(BEST, best[:, concept], noise),
            _from_units(scoring.observed.composite[concept, others], whole),
        ]
        for row in rows[-4:]:
            row |= {"Concept": pair.concept, "Neuron": pair.channel}
    rows += list(_overall(scoring, units, concepts, drawn))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _null(drawn: Mapping[int, Drawn], unit: int, concept: int) -> Floats:
    found = drawn.get(unit)
    return found.null["E"][concept] if found and "E" in found.null else np.empty(0)


def _constant(scoring: Scoring, concept: int, labelled: float) -> dict[str, object]:
    sample = scoring.sampler.units(np.arange(1))
    flat = np.where(np.isnan(sample.activation), np.nan, 1.0)
    constant = Sample(
        flat, sample.times, sample.recognition, sample.concept, sample.concepts, sample.reliability
    )
    found = scoring.computed(constant)
    reasons = {one.reason(concept) for symbol, one in found.items() if symbol in scoring.noise_weights}
    value = scoring.composite_of({symbol: one.value for symbol, one in found.items()})[concept, 0]
    return _row(CONSTANT, float(value), np.nan, np.nan, 1, labelled, np.nan, " ".join(sorted(reasons - {""})))


def _from_draws(control: str, draws: Floats, labelled: float) -> dict[str, object]:
    there = draws[np.isfinite(draws)]
    if not there.size:
        return _row(control, np.nan, np.nan, np.nan, 0, labelled, np.nan, "not_drawn")
    ends = central_interval(there)
    share = np.nan if np.isnan(labelled) else float((there >= labelled).mean())
    return _row(control, float(there.mean()), ends.low, ends.high, there.size, labelled, share, "")


def _from_units(values: Floats, labelled: float) -> dict[str, object]:
    there = values[~np.isnan(values)]
    if not there.size:
        reason = (
            "labelled_units_of_other_concepts_have_no_E"
            if values.size
            else "no_labelled_unit_of_another_concept"
        )
        return _row(MISMATCHED, np.nan, np.nan, np.nan, 0, labelled, np.nan, reason)
    share = np.nan if np.isnan(labelled) else float((there >= labelled).mean())
    return _row(
        MISMATCHED,
        float(there.mean()),
        float(there.min()),
        float(there.max()),
        there.size,
        labelled,
        share,
        "",
    )


def _overall(
    scoring: Scoring, units: Integers, concepts: Integers, drawn: Mapping[int, Drawn]
) -> Iterator[dict[str, object]]:
    """The mean of all mismatched pairs, with its bootstrap interval over sources."""
    pairs = [(u, c) for u, own in zip(units, concepts, strict=True) for c in np.unique(concepts) if c != own]
    values = np.array([scoring.observed.composite[c, u] for u, c in pairs])
    labelled = np.array([scoring.observed.composite[c, u] for u, c in zip(units, concepts, strict=True)])
    if np.isnan(values).all() or np.isnan(labelled).all():
        return
    low = high = np.nan
    if all("E" in drawn[int(u)].draws for u, _ in pairs):
        draws = np.array([drawn[int(u)].draws["E"][c] for u, c in pairs])
        ends = central_interval(np.nanmean(draws, axis=0))
        low, high = ends.low, ends.high
    row = _row(
        MISMATCHED, float(np.nanmean(values)), low, high, len(pairs), float(np.nanmean(labelled)), np.nan, ""
    )
    yield row | {"Concept": ALL, "Neuron": ""}


def _row(
    control: str,
    value: float,
    low: float,
    high: float,
    n: int,
    labelled: float,
    at_or_above: float,
    reason: str,
) -> dict[str, object]:
    return {
        "Control": control,
        "E": value,
        "E_low": low,
        "E_high": high,
        "n": n,
        "labelled_E": labelled,
        "at_or_above": at_or_above,
        "reason": reason,
    }
