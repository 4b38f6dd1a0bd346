"""What holds of every allocation, whatever the study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise, product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from experiment_server.design.allocation import (
    Candidate,
    NotFeasibleError,
    allocate,
    apart,
    design_session,
    in_order,
    pick,
    shuffled,
)
from tests.properties.quota import over_quota


def uneven_candidates(sources: Sequence[int], conditions: int) -> list[Candidate]:
    """Every source of each concept in every condition; ``sources`` says how many each concept has."""
    cells = [
        (f"concept {c}", f"condition {k}", f"{c}-{s}")
        for c, number in enumerate(sources)
        for s in range(number)
        for k in range(conditions)
    ]
    return [Candidate(number, *cell, 0) for number, cell in enumerate(cells)]


def candidates(concepts: int, conditions: int, sources: int, counts: Iterable[int] = ()) -> list[Candidate]:
    """The same number of sources of each concept, with the counts given, then 0."""
    given_counts = iter(counts)
    pool = uneven_candidates([sources] * concepts, conditions)
    return [replace(one, count=next(given_counts, 0)) for one in pool]


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


@dataclass
class Everybody:
    """A simulated study: participants arrive, and leave or finish, while the counts are kept."""

    pool: list[Candidate]
    n: int
    rng: Random
    places: int
    counts: Counter[int] = field(default_factory=Counter)
    #: trials that those who left had answered
    left: int = 0
    sitting: list[list[Candidate]] = field(default_factory=list)
    finished: int = 0

    @property
    def cells(self) -> dict[int, tuple[str, str]]:
        return {one.id: (one.concept, one.condition) for one in self.pool}

    def arrive(self) -> None:
        counted = [replace(one, count=self.counts[one.id]) for one in self.pool]
        self.sitting.append(allocate(counted, self.n, self.rng))
        self.counts.update(one.id for one in self.sitting[-1])

    def leave(self, answered: int) -> None:
        """Somebody goes after some answers; the other trials are given back."""
        trials = shuffled(self.sitting.pop(self.rng.randrange(len(self.sitting))), self.rng)
        self.left += answered
        self.counts.subtract(one.id for one in trials[answered:])

    def finish(self) -> None:
        self.sitting.pop(self.rng.randrange(len(self.sitting)))
        self.finished += 1

    def over(self) -> dict[int, int]:
        return over_quota(self.cells, self.counts, self.places * self.n + self.left)

    def run(self, leaving: float, answering: bool, at_once: int) -> Iterator[dict[int, int]]:
        """Until all places are finished; after each arrival, what is over its quota."""
        while self.finished < self.places:
            while len(self.sitting) < min(at_once, self.places - self.finished):
                self.arrive()
                yield self.over()
            if self.rng.random() < leaving:
                self.leave(self.rng.randrange(self.n) if answering else 0)
            else:
                self.finish()


@st.composite
def studies(draw: st.DrawFn) -> Everybody:
    """Studies of any shape: concepts with few and with many sources, any number of trials."""
    sources = draw(st.lists(st.integers(1, 7), min_size=2, max_size=8))
    pool = uneven_candidates(sources, draw(st.integers(1, 6)))
    n = draw(st.integers(1, len(sources) * min(sources)))
    return Everybody(pool, n, Random(draw(st.integers())), draw(st.integers(1, 60)))


@given(studies(), st.sampled_from([0.0, 0.3, 0.6]), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_no_stimulus_is_given_beyond_its_quota(study: Everybody, leaving: float, at_once: int) -> None:
    """Whoever leaves before the first answer, and however many sit at the same time."""
    assert not any(study.run(leaving, answering=False, at_once=at_once))
    assert study.counts.total() == study.places * study.n


#: sources of each concept, conditions, test trials, places; the largest difference of counts within a cell,
#: and between cells
SHAPES = {
    "as the demo": ([16] * 12, 6, 60, 120, 1, 0),
    "all sources in every session": ([5] * 12, 6, 60, 120, 0, 0),
    "concepts with few and with many sources": ([2, 3, 5, 8, 13, 20], 4, 12, 200, 2, 0),
    "trials that fill no whole table": ([8] * 12, 6, 61, 60, 2, 1),
    "a few trials of many cells": ([10] * 12, 6, 5, 200, 1, 1),
    "one condition": ([5] * 10, 1, 25, 200, 0, 0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_stimuli_and_cells_are_given_equally_often(shape: str) -> None:
    sources, conditions, n, places, within, between = SHAPES[shape]
    study = Everybody(uneven_candidates(sources, conditions), n, Random(3), places)
    assert not any(study.run(leaving=0, answering=False, at_once=20))
    of_cell: dict[tuple[str, str], list[int]] = {}
    for one in study.pool:
        of_cell.setdefault((one.concept, one.condition), []).append(study.counts[one.id])
    assert max(max(cell) - min(cell) for cell in of_cell.values()) <= within
    totals = [sum(cell) for cell in of_cell.values()]
    assert max(totals) - min(totals) <= between


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_that_were_left_behind_are_evened_out(shape: str) -> None:
    """Three in ten leave somewhere on the way."""
    sources, conditions, n, places, _, _ = SHAPES[shape]
    study = Everybody(uneven_candidates(sources, conditions), n, Random(4), places)
    over = [most for found in study.run(0.3, answering=True, at_once=20) for most in found.values()]
    assert study.left > 0
    assert max(over, default=0) <= 1


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.lists(st.integers(0, 9), max_size=27),
    st.data(),
)
@settings(max_examples=150, deadline=None)
def test_no_other_balanced_choice_was_used_less(
    concepts: int, conditions: int, sources: int, counts: list[int], data: st.DataObject
) -> None:
    """Against trying every table of cells, and SciPy's assignment of sources to the conditions chosen."""
    n = data.draw(st.integers(0, concepts * min(sources, conditions)))
    pool = candidates(concepts, conditions, sources, counts)
    chosen = allocate(pool, n, Random(data.draw(st.integers())))
    used = Counter[tuple[str, str]]()
    for one in pool:
        used[one.concept, one.condition] += one.count
    tables = balanced_tables(concepts, conditions, n)
    least = min(sum(used[f"concept {c}", f"condition {k}"] for c, k in table) for table in tables)
    assert sum(used[one.concept, one.condition] for one in chosen) == least
    for concept in {one.concept for one in chosen}:
        mine = [one for one in chosen if one.concept == concept]
        assert sum(one.count for one in mine) == cheapest(pool, concept, [one.condition for one in mine])


def balanced_tables(concepts: int, conditions: int, n: int) -> list[tuple[tuple[int, int], ...]]:
    """All ways to take ``n`` different cells with balanced concepts and conditions."""
    cells = list(product(range(concepts), range(conditions)))
    return [
        table
        for table in combinations(cells, n)
        if spans((c for c, _ in table), concepts) <= 1 and spans((k for _, k in table), conditions) <= 1
    ]


def cheapest(pool: list[Candidate], concept: str, conditions: list[str]) -> int:
    """The smallest sum of counts of different sources in these conditions."""
    count = {(one.source, one.condition): one.count for one in pool if one.concept == concept}
    sources = sorted({source for source, _ in count})
    costs = np.array([[count[source, condition] for source in sources] for condition in conditions])
    return int(costs[linear_sum_assignment(costs)].sum())


def test_a_concept_that_lacks_pictures_is_said_and_not_left_out() -> None:
    pool = [
        one for one in candidates(3, 2, 2) if (one.concept, one.condition) != ("concept 1", "condition 0")
    ]
    with pytest.raises(NotFeasibleError) as caught:
        allocate(pool, 1, Random(0))
    assert str(caught.value) == "concept 1 needs 1 sources that are there in every condition, and has 0"


def test_every_participant_could_get_the_larger_share() -> None:
    """Were it refused only when it is this concept's turn, it would be a participant who finds out."""
    for seed in range(20):
        with pytest.raises(NotFeasibleError) as caught:
            allocate(uneven_candidates([2, 3, 3], 2), 7, Random(seed))
        assert str(caught.value) == ("concept 0 needs 3 sources that are there in every condition, and has 2")


@st.composite
def designs_with_dreams(draw: st.DrawFn) -> tuple[list[Candidate], int, int, int, Random]:
    """Shared pictures in some conditions, dreams of their own in others, as few of either as will do."""
    concepts, shared, dreams = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
    n = draw(st.integers(0, 5 * concepts * (shared + dreams)))
    whole, rest = divmod(n, concepts * (shared + dreams))
    more = -(-rest // concepts)
    cells = [
        (f"concept {c}", f"{kind} {k}", f"{kind} {c}-{s}")
        for kind, number in (("condition", shared), ("dream", dreams))
        for c in range(concepts)
        for s in range(max(1, number * whole + min(number, more)))
        for k in range(number)
        for _ in range(2 if kind == "dream" else 1)
    ]
    counts = draw(st.lists(st.integers(0, 30), max_size=len(cells)))
    pool = [
        Candidate(number, *cell, counts[number] if number < len(counts) else 0)
        for number, cell in enumerate(cells)
    ]
    return pool, concepts, shared + dreams, n, Random(draw(st.integers()))


@given(designs_with_dreams())
@settings(max_examples=300, deadline=None)
def test_dreams_have_sources_of_their_own_and_all_is_balanced_as_ever(
    design: tuple[list[Candidate], int, int, int, Random],
) -> None:
    pool, concepts, conditions, n, rng = design
    chosen = allocate(pool, n, rng)
    assert len(chosen) == len({one.source for one in chosen}) == n
    assert spans((one.concept for one in chosen), concepts) <= 1
    assert spans((one.condition for one in chosen), conditions) <= 1
    cells = ((one.concept, one.condition) for one in chosen)
    assert spans(cells, concepts * conditions) <= 1


def test_too_few_dreams_are_said() -> None:
    dreams = [Candidate(100 + c, f"concept {c}", "dream", f"unit {c}", 0) for c in range(2)]
    pool = [*candidates(2, 2, 8), *dreams]
    assert len(allocate(pool, 6, Random(0))) == 6
    with pytest.raises(NotFeasibleError) as caught:
        allocate(pool, 7, Random(0))
    assert str(caught.value) == "concept 0 needs 2 sources that are there in dream, and has 1"


def test_conditions_without_a_common_source_are_found() -> None:
    shown = (("a", "x"), ("b", "x"), ("b", "y"))
    pool = [Candidate(number, "dog", *cell, 0) for number, cell in enumerate(shown)]
    assert apart(pool) is None
    assert apart([*pool, Candidate(3, "dog", "c", "y", 0)]) is None
    assert apart([*pool, Candidate(3, "dog", "c", "z", 0)]) == ("a", "c")
    assert apart([]) is None
