"""What holds of every allocation with a family of conditions that answers choose from."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment_server.design.allocation import (
    Candidate,
    Family,
    Kind,
    NotFeasibleError,
    allocate,
    deal,
    design_session,
)


def pool(concepts: int, plain: int, severities: int, sources: int, counts: list[int]) -> list[Candidate]:
    """Every source in every condition: ``p0``, ... and the family's ``f0``, ..."""
    conditions = [f"p{k}" for k in range(plain)] + [f"f{k}" for k in range(severities)]
    cells = [
        (f"concept {c}", condition, f"{c}-{s}")
        for c in range(concepts)
        for s in range(sources)
        for condition in conditions
    ]
    given_counts = dict(enumerate(counts))
    return [Candidate(number, *cell, given_counts.get(number, 0)) for number, cell in enumerate(cells)]


@st.composite
def designs(draw: st.DrawFn) -> tuple[list[Candidate], int, int, Family, int]:
    concepts, plain = draw(st.integers(2, 6)), draw(st.integers(1, 4))
    severities, sources = draw(st.integers(2, 6)), draw(st.integers(2, 7))
    adaptive_each = draw(st.integers(1, sources - 1))
    adaptive = draw(st.integers(1, concepts * adaptive_each))
    others = draw(st.integers(0, concepts * (sources - adaptive_each)))
    counts = draw(st.lists(st.integers(0, 20), max_size=60))
    family = Family(tuple(f"f{k}" for k in range(severities)), adaptive)
    return pool(concepts, plain, severities, sources, counts), concepts, others, family, draw(st.integers())


@given(designs())
@settings(max_examples=200, deadline=None)
def test_both_groups_are_balanced_and_no_source_comes_twice(
    design: tuple[list[Candidate], int, int, Family, int],
) -> None:
    candidates, concepts, others, family, seed = design
    chosen = deal(candidates, others + family.trials, Random(seed), family)
    adaptive = [one for one in candidates if one.id in {it.id for it in chosen} and one.condition[0] == "f"]
    plain = [one for one in chosen if one.condition[0] == "p"]
    assert (len(adaptive), len(plain)) == (family.trials, others)
    assert len({one.source for one in chosen}) == len(chosen)
    assert {one.condition for one in adaptive} == {family.conditions[len(family.conditions) // 2]}
    for group in (adaptive, plain):
        counts = [sum(one.concept == f"concept {c}" for one in group) for c in range(concepts)]
        assert max(counts) - min(counts) <= 1
    conditions = {one.condition for one in candidates if one.condition[0] == "p"}
    counts = [sum(one.condition == condition for one in plain) for condition in conditions]
    assert max(counts) - min(counts) <= 1


@given(designs())
@settings(max_examples=30, deadline=None)
def test_without_a_family_it_is_the_ordinary_allocation(
    design: tuple[list[Candidate], int, int, Family, int],
) -> None:
    candidates, _, others, _, seed = design
    assert deal(candidates, others, Random(seed)) == allocate(candidates, others, Random(seed))
    trials: dict[Kind, int] = {"practice": 0, "test": others, "catch": 0}
    one, other = (design_session([], candidates, [], trials, Random(seed), *more) for more in ((), (1, None)))
    assert one == other


def test_over_participants_sources_are_used_evenly_whatever_severities_are_chosen() -> None:
    """Twelve of 24 sources each; the severity that a trial ends at is drawn at random here."""
    rng, family = Random(1), Family(("f0", "f1", "f2"), 12)
    candidates = {one.id: one for one in pool(4, 1, 3, 6, [])}
    for _ in range(40):
        for dealt in deal(list(candidates.values()), 12, rng, family):
            same = [
                one for one in candidates.values() if one.source == dealt.source and one.condition[0] == "f"
            ]
            end = rng.choice(same)
            candidates[end.id] = Candidate(end.id, end.concept, end.condition, end.source, end.count + 1)
    used: Counter[str] = Counter()
    for one in candidates.values():
        used[one.source] += one.count
    assert set(used.values()) == {20}


def test_a_concept_with_too_few_sources_for_both_is_named() -> None:
    candidates = pool(2, 1, 2, 3, [])
    with pytest.raises(NotFeasibleError) as caught:
        deal(candidates, 6, Random(0), Family(("f0", "f1"), 3))
    assert str(caught.value) == ("concept 0 needs 4 sources that are there in every condition, and has 3")


def test_dreams_beside_adaptive_trials_have_sources_of_their_own() -> None:
    """20 trials, 8 of them adaptive: of each concept 4 adaptive ones, 2 in p0, 2 in p1, and 2 dreams."""
    family = Family(("f0", "f1", "f2"), 8)
    shared = pool(2, 2, 3, 8, [])
    dreams = [
        Candidate(1000 + c * 10 + s, f"concept {c}", "dream", f"unit {c}-{s}", 0)
        for c in range(2)
        for s in range(2)
    ]
    for seed in range(20):
        chosen = deal([*shared, *dreams], 20, Random(seed), family)
        assert len({one.source for one in chosen}) == len(chosen) == 20
        assert Counter(one.condition for one in chosen) == {"p0": 4, "p1": 4, "dream": 4, "family": 8}
    with pytest.raises(NotFeasibleError) as caught:
        deal([*pool(2, 2, 3, 7, []), *dreams], 20, Random(0), family)
    assert str(caught.value) == (
        "concept 0 needs 8 sources that are there in f0 and f1 and f2 and p0 and p1, and has 7"
    )
