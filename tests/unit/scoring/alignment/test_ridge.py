from __future__ import annotations

import numpy as np
import pytest

from scoring.alignment.ridge import PENALTIES, Design, out_of_fold


def design(cells: int = 3, stimuli: int = 60, units: int = 8) -> Design:
    rng = np.random.default_rng(0)
    source = np.arange(stimuli) // 2
    return Design(rng.normal(size=(stimuli, units)), source % cells, source, source // cells % 4)


def test_each_column_is_foretold_as_if_alone() -> None:
    given = design()
    scores = np.random.default_rng(1).normal(size=(60, 3)) + given.activation[:, :3]
    together = out_of_fold(given, scores).scores
    for column in range(3):
        alone = out_of_fold(given, scores[:, [column]]).scores[:, 0]
        assert alone == pytest.approx(together[:, column], abs=1e-12)


def test_a_fold_s_own_scores_never_count_for_it() -> None:
    given = design()
    scores = np.random.default_rng(1).normal(size=(60, 1))
    changed = np.where(given.fold[:, None] == 2, 100.0, scores)
    first, second = (out_of_fold(given, one).scores[given.fold == 2] for one in (scores, changed))
    assert first == pytest.approx(second, abs=1e-12)


def test_what_is_exactly_linear_is_foretold_and_noise_is_shrunk() -> None:
    given = design()
    linear = given.activation @ np.arange(1.0, 9)
    found = out_of_fold(given, linear[:, None])
    assert np.corrcoef(found.scores[:, 0], linear)[0, 1] > 0.99
    assert set(found.penalties) == {PENALTIES[0]}
    noise = np.random.default_rng(3).normal(size=(60, 1))
    assert out_of_fold(given, noise).scores.std() < 0.5


def test_one_cell_has_its_mean_foretold_too() -> None:
    given = design(cells=1)
    scores = np.full((60, 1), 3.0) + 0.01 * given.activation[:, :1]
    assert out_of_fold(given, scores).scores.mean() == pytest.approx(3, abs=0.01)
