"""Who sees what, in which order: a pure function of counts and a random generator.

Each source is shown to a participant at most once. Concepts, and conditions, are balanced within a
participant (their counts differ by at most one); over participants, the stimuli given out least
are taken first, so that all are rated evenly. The order is random, with no concept twice in a row
where that can be avoided; practice comes first; catch trials are spread through the test trials.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeVar

Key = TypeVar("Key")
Kind = Literal["practice", "test", "catch"]


class NotFeasibleError(ValueError):
    """There are not enough sources for the trials that were asked for."""


@dataclass(frozen=True)
class Candidate:
    """A stimulus that may be given out; ``count``: trials that hold or used it so far."""

    id: int
    concept: str
    condition: str
    source: str
    count: int


@dataclass(frozen=True)
class PlannedTrial:
    """One place in a participant's order."""

    kind: Kind
    candidate: Candidate


def design_session(
    practice: Sequence[Candidate],
    test: Sequence[Candidate],
    catch: Sequence[Candidate],
    trials: Mapping[Kind, int],
    rng: Random,
) -> list[PlannedTrial]:
    """All trials of one participant, in the order in which they are shown.

    ``trials`` gives the number of each kind. Raises NotFeasibleError if there are too few sources.
    """
    first = in_order(pick(practice, trials["practice"], rng), rng)
    main = [PlannedTrial("test", one) for one in in_order(allocate(test, trials["test"], rng), rng)]
    checks = [PlannedTrial("catch", one) for one in in_order(pick(catch, trials["catch"], rng), rng)]
    return [*(PlannedTrial("practice", one) for one in first), *spread(main, checks, rng)]


def allocate(candidates: Sequence[Candidate], n: int, rng: Random) -> list[Candidate]:
    """Choose ``n`` stimuli of different sources, concepts and conditions balanced, the least used first.

    Only sources that are there in every condition take part. Raises NotFeasibleError if a concept
    has fewer of them than its share of the trials.
    """
    cells = _cells(candidates)
    concepts = list(dict.fromkeys(concept for concept, _ in cells))
    conditions = list(dict.fromkeys(condition for _, condition in cells))
    plan = _cells_to_fill(cells, concepts, conditions, n, rng)
    return [chosen for concept in concepts for chosen in _choose_sources(concept, plan[concept], cells, rng)]


Cells = dict[tuple[str, str], list[Candidate]]


def _cells(candidates: Sequence[Candidate]) -> Cells:
    """Candidates by (concept, condition), only those of sources that every condition has."""
    conditions = {one.condition for one in candidates}
    seen: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in candidates:
        seen[one.concept, one.source].add(one.condition)
    cells: Cells = {}
    for one in candidates:
        if seen[one.concept, one.source] == conditions:
            cells.setdefault((one.concept, one.condition), []).append(one)
    return cells


def _cells_to_fill(
    cells: Cells, concepts: Sequence[str], conditions: Sequence[str], n: int, rng: Random
) -> dict[str, list[str]]:
    """For each concept, the conditions of its trials.

    Every cell gets the whole part of its share. The rest is a table of zeros and ones whose row and
    column sums differ by at most one; it is filled row by row, each row taking the columns that need
    most (which never fails: Gale 1957, Ryser 1957), and among those the cells used least.
    """
    used = {cell: sum(one.count for one in members) for cell, members in cells.items()}
    whole, rest = divmod(n, max(1, len(concepts) * len(conditions)))
    rows = _shares(concepts, rest, lambda c: sum(used[c, k] for k in conditions), rng)
    columns = _shares(conditions, rest, lambda k: sum(used[c, k] for c in concepts), rng)
    plan: dict[str, list[str]] = {}
    for concept in shuffled(concepts, rng):
        need = {condition: (-columns[condition], used[concept, condition]) for condition in conditions}
        extra = sorted(shuffled(conditions, rng), key=need.__getitem__)[: rows[concept]]
        columns.subtract(extra)
        plan[concept] = [*extra, *(condition for condition in conditions for _ in range(whole))]
    return plan


def _shares(items: Sequence[Key], total: int, used: Callable[[Key], int], rng: Random) -> Counter[Key]:
    """Split a total over items so that shares differ by at most one; who is used least gets the more."""
    whole, rest = divmod(total, max(1, len(items)))
    least_first = sorted(shuffled(items, rng), key=used)
    return Counter({item: whole + (place < rest) for place, item in enumerate(least_first)})


def _choose_sources(concept: str, conditions: Sequence[str], cells: Cells, rng: Random) -> list[Candidate]:
    """One stimulus for each condition, no source twice, those used least first."""
    taken: set[str] = set()
    chosen: list[Candidate] = []
    for condition in shuffled(conditions, rng):
        free = [one for one in cells[concept, condition] if one.source not in taken]
        if not free:
            raise NotFeasibleError(
                f"{concept} needs {len(conditions)} sources that are there in every condition, "
                f"and has {len(taken)}"
            )
        one = _least_used(free, rng)
        taken.add(one.source)
        chosen.append(one)
    return chosen


def pick(candidates: Sequence[Candidate], n: int, rng: Random) -> list[Candidate]:
    """Choose ``n`` stimuli of different sources, concepts in turn, the least used first.

    For practice and catch trials, whose pictures need not be there in every condition. Raises
    NotFeasibleError if there are fewer than ``n`` sources.
    """
    free = list(candidates)
    times: Counter[str] = Counter()
    chosen: list[Candidate] = []
    while len(chosen) < n:
        if not free:
            raise NotFeasibleError(f"{n} trials need {n} sources, and there are {len(chosen)}")
        fewest = min(times[one.concept] for one in free)
        chosen.append(_least_used([one for one in free if times[one.concept] == fewest], rng))
        times[chosen[-1].concept] += 1
        free = [one for one in free if one.source != chosen[-1].source]
    return chosen


def _least_used(candidates: Sequence[Candidate], rng: Random) -> Candidate:
    fewest = min(one.count for one in candidates)
    return rng.choice([one for one in candidates if one.count == fewest])


def in_order(chosen: Iterable[Candidate], rng: Random) -> list[Candidate]:
    """Shuffle, with no concept twice in a row where that can be avoided.

    A concept that holds more than half of what is left must come now; otherwise any but the last.
    """
    left = shuffled(list(chosen), rng)
    order: list[Candidate] = []
    while left:
        counts = Counter(one.concept for one in left)
        most, times = counts.most_common(1)[0]
        last = order[-1].concept if order else None
        wanted = [one for one in left if one.concept == most] if 2 * times > len(left) else left
        allowed = [one for one in wanted if one.concept != last] or [
            one for one in left if one.concept != last
        ]
        order.append((allowed or left)[0])
        left.remove(order[-1])
    return order


def spread(main: Sequence[PlannedTrial], checks: Sequence[PlannedTrial], rng: Random) -> list[PlannedTrial]:
    """Put catch trials among test trials: one in each of as many stretches of equal length, never first."""
    after: defaultdict[int, list[PlannedTrial]] = defaultdict(list)
    for number, check in enumerate(checks):
        low, high = (len(main) * (number + step) // len(checks) for step in (0, 1))
        after[rng.randint(low, max(low, high - 1))].append(check)
    return [trial for place, one in enumerate(main) for trial in (one, *after[place])]


def shuffled(items: Sequence[Key], rng: Random) -> list[Key]:
    """A shuffled copy."""
    return rng.sample(items, len(items))
