"""Agreement against slower, plainer twins, and against known truth, in short.

``python -m tests.reference.alignment.coverage_agreement`` is the long form.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom, pearsonr

from scoring.alignment.error_consistency import (
    crossed_consistency,
    error_consistency,
    human_consistency,
    model_pairs,
    sparse_consistency,
)
from scoring.alignment.observations import Matrix
from scoring.alignment.split_half import attenuation, single_rater, spearman_brown, split_half
from scoring.cells import Cells
from scoring.reliability import reliability
from scoring.statistics import Floats
from tests.reference.alignment.coverage_agreement import answers, cases, matrix, pictures, summary

STUDIES = 50
#: fewest of the studies' intervals that cover if 92% of them do, but for one run in ten thousand
FEWEST = int(binom.ppf(1e-4, STUDIES, 0.92))


def study(observers: int, number: int, share: float = 1.0, seed: int = 0) -> Matrix:
    rng = np.random.default_rng(seed)
    shown = pictures(number, 4, rng)
    return matrix(answers(shown, observers, rng, share), shown)


def kappa(one: Floats, other: Floats, concept: np.ndarray | None) -> float:
    """Error consistency of two observers, stimulus by stimulus."""
    places = [s for s in range(one.size) if not np.isnan(one[s]) and not np.isnan(other[s])]
    groups = [0] * one.size if concept is None else concept.tolist()
    agreed, expected = 0.0, 0.0
    for s in places:
        mine = [t for t in places if groups[t] == groups[s]]
        p, q = np.mean([one[t] for t in mine]), np.mean([other[t] for t in mine])
        agreed += one[s] == other[s]
        expected += p * q + (1 - p) * (1 - q)
    return (agreed - expected) / (len(places) - expected)


@pytest.mark.parametrize("per_concept", [False, True])
@pytest.mark.parametrize("share", [1.0, 0.7])
def test_error_consistency_equals_the_slow_one(per_concept: bool, share: float) -> None:
    seen = study(5, 80, share)
    concept = seen.concept if per_concept else None
    found = error_consistency(seen.values, concept)
    for i, j in combinations(range(5), 2):
        assert found[i, j] == pytest.approx(kappa(seen.values[i], seen.values[j], concept), rel=1e-12)
        assert found[j, i] == found[i, j]


def sparse_kappa(seen: Matrix, drawn: list[int], per_concept: bool) -> float:
    """One kappa for all pairs of different observers among those drawn who saw the same stimulus."""
    agreed = expected = pairs = 0.0
    groups = seen.concept if per_concept else np.zeros(seen.stimuli.size, int)
    for group in np.unique(groups):
        columns = np.flatnonzero(groups == group)
        p = np.nanmean([seen.values[o, s] for o in drawn for s in columns])
        for s in columns:
            for place, i in enumerate(drawn):
                for j in drawn[place + 1 :]:
                    if i != j and not np.isnan(seen.values[[i, j], s]).any():
                        pairs += 1
                        agreed += seen.values[i, s] == seen.values[j, s]
                        expected += p**2 + (1 - p) ** 2
    return (agreed - expected) / (pairs - expected)


@pytest.mark.parametrize("per_concept", [False, True])
def test_one_kappa_for_all_equals_the_slow_one_in_every_draw(per_concept: bool) -> None:
    from scoring.alignment.error_consistency import _pooled

    seen = study(6, 40, 0.5)
    drawn = [[0, 1, 2, 3, 4, 5], [0, 0, 2, 3, 3, 3], [5, 1, 1, 2, 4, 4]]
    times = np.array([np.bincount(row, minlength=6) for row in drawn], dtype=np.float64)
    found = _pooled(seen.values, seen.concept if per_concept else None, times)
    assert found == pytest.approx([sparse_kappa(seen, row, per_concept) for row in drawn], rel=1e-12)
    assert sparse_consistency(seen, per_concept=per_concept).value == pytest.approx(found[0])


def test_draws_of_sources_equal_the_slow_ones() -> None:
    from scoring.alignment.error_consistency import _parts, _source_draws

    seen = study(4, 60, 0.8)
    # two conditions of each source
    seen = seen._replace(source=seen.source % 30, concept=(seen.source % 30) % 4)
    counts, freedom = _source_draws(seen, 5, 3)
    assert freedom == 30 - 4
    one, other = np.triu_indices(4, 1)
    for concept in (None, seen.concept):
        (part,) = _parts(seen, concept, (one, other))
        for row, times in zip(part.kappas(counts), counts, strict=True):
            places = np.repeat(np.arange(60), times[seen.source].astype(int))
            again = None if concept is None else concept[places]
            expected = [
                kappa(seen.values[i, places], seen.values[j, places], again)
                for i, j in zip(one, other, strict=True)
            ]
            assert row == pytest.approx(expected, rel=1e-9)


def test_reliability_equals_that_of_the_studys_images() -> None:
    seen = study(12, 48, 0.6)
    condition, source = seen.source % 3, seen.source // 3
    concept = source % 4
    seen = seen._replace(source=source, condition=condition, concept=concept)
    grid = np.full((3, 16), np.nan)
    recognition, responses, variance = grid.copy(), np.zeros((3, 16)), grid.copy()
    for s, (k, image) in enumerate(zip(condition, source, strict=True)):
        scores = seen.values[~np.isnan(seen.values[:, s]), s]
        recognition[k, image], responses[k, image] = scores.mean(), scores.size
        variance[k, image] = scores.var(ddof=1)
    names = tuple("abcd")
    cells = Cells(
        *(names, tuple(map(str, range(16))), ("x", "y", "z"), (0,), np.arange(16) % 4, np.zeros((3, 16, 1))),
        *(recognition, responses, variance),
    )
    assert attenuation(seen).value == pytest.approx(reliability(cells), rel=1e-12)


def test_split_half_equals_the_slow_one() -> None:
    seen = study(7, 60, 0.9)
    rng = np.random.default_rng(1)
    correlations = []
    for _ in range(100):
        halves = []
        for column in seen.values.T:
            scores = rng.permutation(column[~np.isnan(column)])
            cut = (scores.size + rng.integers(2)) // 2
            halves.append((scores[:cut].mean(), scores[cut:].mean()))
        correlations.append(pearsonr(*np.array(halves).T)[0])
    expected = spearman_brown(float(np.mean(correlations)), 2)
    assert split_half(seen, draws=300).value == pytest.approx(expected, abs=0.02)


def test_leaving_out_observers_equals_the_slow_way() -> None:
    seen = study(6, 60)
    found = single_rater(seen)
    left = [
        -np.log(1 - single_rater(seen._replace(values=np.delete(seen.values, o, axis=0))).value)
        for o in range(6)
    ]
    error = np.std(left) * np.sqrt(5)
    half = (np.log(1 - found.low) - np.log(1 - found.high)) / 2
    assert half == pytest.approx(2.570582 * error, rel=1e-5)


def test_a_large_study_finds_what_many_observers_show() -> None:
    shown = pictures(300, 8, np.random.default_rng(1))
    many = float(np.nanmean(error_consistency(answers(shown, 800, np.random.default_rng(2)))))
    seen = matrix(answers(shown, 60, np.random.default_rng(3)), shown)
    assert human_consistency(seen).value == pytest.approx(many, abs=0.02)


def test_observers_who_share_nothing_have_none() -> None:
    rng = np.random.default_rng(4)
    seen = study(30, 400)._replace(values=(rng.random((30, 400)) < 0.7).astype(np.float64))
    for found in (human_consistency(seen), sparse_consistency(seen), crossed_consistency(seen, draws=50)):
        assert found.value == pytest.approx(0, abs=0.01)
    assert model_pairs(seen._replace(values=seen.values[:2]), draws=50).iloc[0]["low"] < 0


@pytest.mark.parametrize(
    "name",
    [
        "kappa 0.4, 160 items",
        "kappa .7, 40 clusters",
        "share 0.1, a model, 80 sources",
    ],
)
def test_intervals_cover_the_truth(name: str) -> None:
    found = summary(cases()[name](STUDIES, 3))
    assert found["covered %"] >= 100 * FEWEST / STUDIES
    # four standard errors of a mean of so many estimates
    assert found["mean"] == pytest.approx(found["truth"], abs=4 * found["sd"] / np.sqrt(STUDIES) + 0.01)


@pytest.mark.parametrize("kind", ["human", "gap", "sparse", "rel within", "split", "crossed two_way"])
def test_intervals_for_other_observers_cover_the_truth(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.reference.alignment.coverage_agreement.MANY", 600)
    monkeypatch.setattr("tests.reference.alignment.coverage_agreement.MANY_PICTURES", 4000)
    found = summary(cases()[f"{kind}, 20 observers"](STUDIES, 3))
    assert found["covered %"] >= 100 * FEWEST / STUDIES
    assert found["width"] < 9 * found["sd"]
