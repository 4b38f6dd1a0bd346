"""What holds of every allocation, whatever the study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment_server.design.allocation import (
    Candidate,
    NotFeasibleError,
    allocate,
    design_session,
    in_order,
    pick,
)


def candidates(concepts: int, conditions: int, sources: int, counts: Iterable[int] = ()) -> list[Candidate]:
    """Every source of every concept in every condition, with the counts given, then 0."""
    given_counts = iter(counts)
    cells = [
        (f"concept {c}", f"condition {k}", f"{c}-{s}")
        for c in range(concepts)
        for s in range(sources)
        for k in range(conditions)
    ]
    return [Candidate(number, *cell, next(given_counts, 0)) for number, cell in enumerate(cells)]


def spans(values: Iterable[object], of: int) -> int:
    """Difference between the largest and the smallest count; absent ones count 0."""
    counts = list(Counter(values).values())
    return max(counts, default=0) - (min(counts) if len(counts) == of else 0)


@st.composite
def designs(draw: st.DrawFn) -> tuple[list[Candidate], int, int, int, Random]:
    concepts, conditions, sources = draw(st.integers(2, 8)), draw(st.integers(1, 6)), draw(st.integers(1, 8))
    n = draw(st.integers(0, concepts * sources))
    size = concepts * conditions * sources
    counts = draw(st.lists(st.integers(0, 30), max_size=size))
    return (
        candidates(concepts, conditions, sources, counts),
        concepts,
        conditions,
        n,
        Random(draw(st.integers())),
    )


@given(designs())
@settings(max_examples=300, deadline=None)
def test_a_source_comes_once_and_concepts_and_conditions_are_balanced(
    design: tuple[list[Candidate], int, int, int, Random],
) -> None:
    pool, concepts, conditions, n, rng = design
    chosen = allocate(pool, n, rng)
    assert len(chosen) == n
    assert len({one.source for one in chosen}) == n
    assert spans((one.concept for one in chosen), concepts) <= 1
    assert spans((one.condition for one in chosen), conditions) <= 1
    cells = ((one.concept, one.condition) for one in chosen)
    assert spans(cells, concepts * conditions) <= 1


@given(designs())
@settings(max_examples=200, deadline=None)
def test_no_concept_comes_twice_in_a_row(design: tuple[list[Candidate], int, int, int, Random]) -> None:
    pool, _, _, n, rng = design
    chosen = allocate(pool, n, rng)
    order = in_order(chosen, rng)
    assert Counter(order) == Counter(chosen)
    assert all(one.concept != after.concept for one, after in pairwise(order))


@given(st.lists(st.integers(0, 4), max_size=25), st.integers())
@settings(max_examples=300, deadline=None)
def test_repeats_are_as_few_as_can_be(concepts: list[int], seed: int) -> None:
    chosen = [Candidate(n, str(concept), "clean", str(n), 0) for n, concept in enumerate(concepts)]
    order = in_order(chosen, Random(seed))
    repeats = sum(one.concept == after.concept for one, after in pairwise(order))
    most = max(Counter(concepts).values(), default=0)
    assert repeats == max(0, 2 * most - len(concepts) - 1)


@given(designs())
@settings(max_examples=100, deadline=None)
def test_the_same_generator_gives_the_same_allocation(
    design: tuple[list[Candidate], int, int, int, Random],
) -> None:
    pool, _, _, n, rng = design
    twin = Random()
    twin.setstate(rng.getstate())
    assert allocate(pool, n, rng) == allocate(pool, n, twin)


@given(st.integers(1, 60), st.integers(0, 10), st.integers(0, 6), st.integers())
@settings(max_examples=200, deadline=None)
def test_practice_comes_first_and_catch_trials_are_spread(
    n: int, catch: int, practice: int, seed: int
) -> None:
    pool = candidates(12, 6, 5)
    others = [replace(one, concept="other " + one.concept) for one in candidates(3, 1, 4)]
    trials = design_session(
        others, pool, others, {"practice": practice, "test": n, "catch": catch}, Random(seed)
    )
    kinds = [trial.kind for trial in trials]
    assert Counter(kinds) == +Counter(practice=practice, test=n, catch=catch)
    assert kinds[:practice] == ["practice"] * practice
    main = kinds[practice:]
    assert main[0] == "test"
    if catch and n >= catch:
        tests_before = [main[:place].count("test") for place, kind in enumerate(main) if kind == "catch"]
        assert all(
            n * number // catch < before <= max(n * (number + 1) // catch, n * number // catch + 1)
            for number, before in enumerate(tests_before)
        )


def test_sources_that_lack_a_condition_are_left_out() -> None:
    pool = candidates(2, 2, 2)
    incomplete = [one for one in pool if (one.source, one.condition) != ("0-0", "condition 1")]
    assert {one.source for one in allocate(incomplete, 2, Random(0)) if one.concept == "concept 0"} == {"0-1"}


def test_too_few_sources_are_said() -> None:
    with pytest.raises(NotFeasibleError) as caught:
        allocate(candidates(2, 2, 3), 8, Random(0))
    assert "needs 4 sources that are there in every condition, and has 3" in str(caught.value)
    with pytest.raises(NotFeasibleError) as caught:
        pick(candidates(1, 2, 3), 4, Random(0))
    assert str(caught.value) == "4 trials need 4 sources, and there are 3"


@pytest.mark.parametrize(
    ("concepts", "conditions", "sources", "n"),
    [(12, 6, 16, 60), (12, 6, 5, 60), (7, 4, 9, 30), (3, 5, 4, 10)],
)
def test_over_many_participants_stimuli_are_rated_evenly(
    concepts: int, conditions: int, sources: int, n: int
) -> None:
    pool, rng = candidates(concepts, conditions, sources), Random(5)
    counts = Counter({one.id: 0 for one in pool})
    for _ in range(300):
        pool = [replace(one, count=counts[one.id]) for one in pool]
        counts.update(one.id for one in allocate(pool, n, rng))
    of_cell: dict[tuple[str, str], list[int]] = {}
    for one in pool:
        of_cell.setdefault((one.concept, one.condition), []).append(counts[one.id])
    within = max(max(cell) - min(cell) for cell in of_cell.values())
    totals = [sum(cell) for cell in of_cell.values()]
    assert within <= 2
    assert max(counts.values()) - min(counts.values()) <= 3
    assert max(totals) - min(totals) <= 4
