"""What holds for S, R and H whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scoring.published.human_consistency import human_consistency
from scoring.published.registry import METRICS
from scoring.published.robustness import robustness
from scoring.published.sample import Sample
from scoring.published.selectivity import selectivity
from scoring.statistics import counted_quantile

VALUES = st.floats(-100, 100).map(lambda value: round(value, 2))
FROM_TRIALS = [metric for metric in METRICS.values() if metric.from_trials]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Up to 30 images with some responses each."""
    n = draw(st.integers(2, 30))
    rows = draw(arrays(np.float64, n, elements=st.integers(1, 5).map(float)))
    share = draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 0.5, 1.0])))
    level = draw(arrays(np.intp, n, elements=st.integers(1, 5)))
    return Sample(
        activation=draw(arrays(np.float64, (1, n), elements=VALUES)),
        times=np.ones((1, n)),
        target=draw(arrays(np.bool_, n)),
        clean=level == 5,
        invariant=np.isin(level, (1, 2)),
        adversarial=level == 3,
        rows=rows,
        credit=rows * share,
        recognised=np.where(share == 1, rows, 0.0),
        percentile=draw(st.floats(0, 1)),
    )


def values(sample: Sample) -> list[float]:
    return [metric.compute(sample).published[0] for metric in FROM_TRIALS]


@settings(deadline=None)
@given(samples())
def test_each_lies_between_0_and_1(sample: Sample) -> None:
    assert all(0 <= value <= 1 for value in values(sample))


@settings(deadline=None)
@given(samples(), st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(sample: Sample, random: object) -> None:
    order = list(range(sample.rows.size))
    random.shuffle(order)  # type: ignore[attr-defined]
    names = ("target", "clean", "invariant", "adversarial", "rows", "credit", "recognised")
    moved = {name: getattr(sample, name)[order] for name in names}
    other = replace(sample, activation=sample.activation[:, order], times=sample.times[:, order], **moved)
    assert values(other) == pytest.approx(values(sample), abs=1e-9)


@settings(deadline=None)
@given(samples(), st.integers(2, 4))
def test_counting_an_image_twice_is_giving_its_rows_twice(sample: Sample, times: int) -> None:
    names = ("rows", "credit", "recognised")
    more = replace(sample, **{name: times * getattr(sample, name) for name in names})
    drawn = replace(sample, times=np.full_like(sample.times, times))
    assert values(drawn) == pytest.approx(values(more), abs=1e-9)


@settings(deadline=None)
@given(samples())
def test_an_image_that_is_not_drawn_might_as_well_not_be_there(sample: Sample) -> None:
    kept = np.arange(sample.rows.size) % 3 != 0
    names = ("target", "clean", "invariant", "adversarial", "rows", "credit", "recognised")
    less = {name: getattr(sample, name)[kept] for name in names}
    fewer = replace(sample, activation=sample.activation[:, kept], times=sample.times[:, kept], **less)
    assert values(replace(sample, times=kept[None, :].astype(float))) == pytest.approx(
        values(fewer), abs=1e-9
    )


@settings(deadline=None)
@given(samples(), st.floats(0.5, 20), st.floats(-50, 50))
def test_s_ignores_scale_and_shift(sample: Sample, scale: float, shift: float) -> None:
    found = selectivity(sample)
    moved = selectivity(replace(sample, activation=scale * sample.activation + shift))
    assert found.reason[0] or moved.value == pytest.approx(found.value, abs=1e-6)


@settings(deadline=None)
@given(samples())
def test_s_of_the_negated_unit_is_the_rest(sample: Sample) -> None:
    found, negated = selectivity(sample), selectivity(replace(sample, activation=-sample.activation))
    assert negated.published[0] == pytest.approx(1 - found.published[0], abs=1e-9)


@settings(deadline=None)
@given(samples())
def test_r_ignores_the_sign_and_the_other_concepts(sample: Sample) -> None:
    found = robustness(sample).published
    assert robustness(replace(sample, activation=-sample.activation)).published == found
    elsewhere = np.where(sample.target, sample.activation, 5.0)
    assert robustness(replace(sample, activation=elsewhere)).published == found


@settings(deadline=None)
@given(samples())
def test_h_ignores_a_rising_map_at_the_extreme_percentile(sample: Sample) -> None:
    highest = replace(sample, percentile=1.0)
    mapped = replace(highest, activation=np.arctan(highest.activation / 50))
    assert human_consistency(mapped).published == human_consistency(highest).published


@settings(deadline=None)
@given(samples())
def test_h_is_the_share_of_credit_where_all_is_recognised(sample: Sample) -> None:
    known = human_consistency(replace(sample, credit=sample.rows))
    assert known.published[0] == (0 if known.reason[0] else 1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(VALUES, st.integers(0, 6)), min_size=1, max_size=25).filter(
        lambda pairs: any(count for _, count in pairs)
    ),
    st.floats(0, 1),
)
def test_a_counted_quantile_is_that_of_the_repeated_values(
    pairs: list[tuple[float, int]], quantile: float
) -> None:
    numbers, counts = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    found = counted_quantile(numbers[None, :], counts[None, :], quantile)[0]
    assert found == np.quantile(np.repeat(numbers, counts.astype(int)), quantile)
