"""The dual ridge against scikit-learn's, and a probe's intervals and p against simulated truth, in short."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import Ridge

from scoring.alignment.probes import centred_by
from scoring.alignment.ridge import PENALTIES, Design, _inner_folds, out_of_fold
from scoring.statistics import Floats
from tests.reference.alignment import coverage_probes

STUDIES = 40


def design(cells: int, units: int) -> Design:
    rng = np.random.default_rng(units)
    source = np.repeat(np.arange(36), 2)
    return Design(
        rng.normal(size=(72, units)) * rng.gamma(1, size=units), source % cells, source, source // 4 % 3
    )


def fitted(
    given: Design, scores: Floats, training: Floats, test: Floats, units: Floats, place: int
) -> Floats:
    """What scikit-learn's ridge on cell-centred units foretells for a test."""
    cell = given.cell[training]
    about, wanted = centred_by(cell, units[training]), centred_by(cell, scores[training])
    scale = np.trace(about @ about.T) / training.sum() / units.shape[1]
    model = Ridge(alpha=PENALTIES[place] * scale * units.shape[1], fit_intercept=False, solver="svd")
    model.fit(about, wanted)
    means = np.array([units[training][cell == one].mean(axis=0) for one in range(given.cell.max() + 1)])
    return np.asarray(model.predict(units[test] - means[given.cell[test]]))


def slow(given: Design, scores: Floats) -> Floats:
    found = np.empty(scores.size)
    for fold in np.unique(given.fold):
        training, test = given.fold != fold, given.fold == fold
        spread = centred_by(given.cell[training], given.activation[training]).std(axis=0)
        units = given.activation / spread
        places = np.flatnonzero(training)
        error = np.zeros(len(PENALTIES))
        for inner in _inner_folds(given.source[training], given.cell[training]):
            learn, ask = np.zeros_like(training), np.zeros_like(training)
            learn[places[~inner]], ask[places[inner]] = True, True
            for place in range(len(PENALTIES)):
                foretold = fitted(given, scores, learn, ask, units, place)
                error[place] += (centred_by(given.cell[ask], scores[ask] - foretold) ** 2).sum()
        found[test] = fitted(given, scores, training, test, units, int(error.argmin()))
    return found


@pytest.mark.parametrize(("cells", "units"), [(4, 10), (4, 150), (2, 40)])
def test_foretold_scores_are_those_of_scikit_learn(cells: int, units: int) -> None:
    given = design(cells, units)
    rng = np.random.default_rng(1)
    scores = given.activation @ rng.normal(size=units) / units**0.5 + rng.normal(size=72)
    found = out_of_fold(given, scores[:, None]).scores[:, 0]
    # what is the same for all of a cell in a fold is not foretold
    block = given.cell * 3 + given.fold
    assert centred_by(block, found) == pytest.approx(centred_by(block, slow(given, scores)), abs=1e-8)


@pytest.mark.parametrize("signal", [0.0, 0.9])
def test_intervals_cover(signal: float) -> None:
    small = coverage_probes.Design(concepts=6, sources=8, conditions=1, units=12, signal=signal)
    probes = coverage_probes.studies(small, STUDIES, 1, draws=39)
    found = coverage_probes.summary(probes, "within", signal > 0)
    assert found["covered %"] / 100 >= binom.ppf(1e-4, STUDIES, 0.93) / STUDIES
    if signal:
        assert found["true"] > 0.3
        return
    assert found["true"] == pytest.approx(0, abs=4 * found["sd"] / STUDIES**0.5)
    assert found["p<=.05 %"] / 100 <= binom.ppf(1 - 1e-4, STUDIES, 0.06) / STUDIES


def test_intervals_half_as_wide_would_not_cover() -> None:
    small = coverage_probes.Design(concepts=6, sources=8, conditions=1, units=12, signal=0.9)
    values = [one.within for one in coverage_probes.studies(small, STUDIES, 1, draws=1)]
    true = np.mean([one.value for one in values])
    covered = sum(abs(one.value - true) <= (one.high - one.low) / 4 for one in values)
    assert covered < binom.ppf(1e-2, STUDIES, 0.93)
