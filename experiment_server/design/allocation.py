"""Who sees what, in which order: a pure function of counts and a random generator.

Each source is shown to a participant at most once. Concepts, and conditions, are balanced within a
participant (their counts differ by at most one); of all the ways to do that, one is taken whose
stimuli were given out least, so that over participants all are rated evenly. Dreams have sources of
their own, which no other condition has. The order is random, with
no concept twice in a row where that can be avoided; practice comes first; catch trials are spread
through the test trials. docs/allocation.md says what that guarantees.
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


@dataclass(frozen=True)
class Family:
    """Conditions, mildest first, of which later answers choose one for each of so many test trials."""

    conditions: tuple[str, ...]
    trials: int


def design_session(
    practice: Sequence[Candidate],
    test: Sequence[Candidate],
    catch: Sequence[Candidate],
    trials: Mapping[Kind, int],
    rng: Random,
    practice_rounds: int = 1,
    family: Family | None = None,
) -> list[PlannedTrial]:
    """All trials of one participant, in the order in which they are shown.

    ``trials`` gives the number of each kind, of practice trials in one round; a picture may come again in
    another round. Raises NotFeasibleError if there are too few sources.
    """
    rounds = (in_order(pick(practice, trials["practice"], rng), rng) for _ in range(practice_rounds))
    first = [one for practised in rounds for one in practised]
    dealt = deal(test, trials["test"], rng, family)
    main = [PlannedTrial("test", one) for one in in_order(dealt, rng)]
    checks = [PlannedTrial("catch", one) for one in in_order(pick(catch, trials["catch"], rng), rng)]
    return [*(PlannedTrial("practice", one) for one in first), *spread(main, checks, rng)]


def deal(
    candidates: Sequence[Candidate], n: int, rng: Random, family: Family | None = None
) -> list[Candidate]:
    """Choose ``n`` test stimuli: see ``allocate``, which does it twice where there is a family.

    The family's trials then have other sources than the rest, and stand in its middle condition until another
    is chosen. Raises NotFeasibleError if some participant could not have all of them.
    """
    if family is None:
        return allocate(candidates, n, rng)
    whole = [one for members in _cells(candidates).values() for one in members]
    _check_both_feasible(whole, n - family.trials, family, {one.concept for one in candidates})
    plain = allocate([one for one in whole if one.condition not in family.conditions], n - family.trials, rng)
    used = {one.source for one in plain}
    left = [one for one in whole if one.condition in family.conditions and one.source not in used]
    return [*plain, *allocate(_by_source(left, family), family.trials, rng)]


def _check_both_feasible(whole: Sequence[Candidate], plain: int, family: Family, concepts: set[str]) -> None:
    """Raise NotFeasibleError unless a concept can have its share of both, each rounded up.

    Only its sources that come in the family's conditions are counted, and trials that need one of them.
    """
    groups = _groups(whole)
    mates = groups.get(family.conditions[0], set(family.conditions))
    others = [condition for condition in groups if condition not in family.conditions]
    needed = _most(plain, len(concepts), len(others), sum(condition in mates for condition in others))
    needed += _rounded_up(family.trials, len(concepts))
    for concept in sorted(concepts):
        found = {one.source for one in whole if one.concept == concept and one.condition in mates}
        _refuse_too_few(concept, needed, found, mates, groups)


def _by_source(candidates: Sequence[Candidate], family: Family) -> list[Candidate]:
    """One candidate for each source: its stimulus in the middle condition, counted with its others."""
    middle = family.conditions[len(family.conditions) // 2]
    counts: Counter[str] = Counter()
    for one in candidates:
        counts[one.source] += one.count
    chosen = {one.source: one for one in reversed(candidates) if one.condition == middle}
    return [
        Candidate(chosen[source].id, chosen[source].concept, FAMILY, source, counts[source])
        for source in dict.fromkeys(one.source for one in candidates)
    ]


def allocate(candidates: Sequence[Candidate], n: int, rng: Random) -> list[Candidate]:
    """Choose ``n`` stimuli of different sources, concepts and conditions balanced, the least used first.

    Only sources that are there in every condition take part, or, where conditions share no source with the
    others (those of dreams), in every one of these. Raises NotFeasibleError if a concept has fewer of them
    than the trials that need one, rounded up: any participant may need that many.
    """
    cells = _cells(candidates)
    concepts = list(dict.fromkeys(one.concept for one in candidates))
    conditions = list(dict.fromkeys(one.condition for one in candidates))
    _check_feasible(cells, concepts, _groups(candidates), n)
    plan = _cells_to_fill(cells, concepts, conditions, n, rng)
    return [chosen for concept in concepts for chosen in _choose_sources(concept, plan[concept], cells, rng)]


Cells = dict[tuple[str, str], list[Candidate]]
#: what each row of a table has, by row; the same column may stand in many rows
Table = dict[str, list[str]]
Cost = Mapping[tuple[str, str], int]
#: for each condition, those that share sources with it, itself included
Groups = dict[str, set[str]]
#: stands for no concept, no condition or no source: names are never empty
NONE = ""
#: stands for all conditions of a family
FAMILY = "family"


def _cells(candidates: Sequence[Candidate]) -> Cells:
    """Candidates by (concept, condition), only those of sources that every condition of their group has."""
    groups, seen = _groups(candidates), _conditions_of(candidates)
    cells: Cells = {}
    for one in candidates:
        if seen[one.concept, one.source] == groups[one.condition]:
            cells.setdefault((one.concept, one.condition), []).append(one)
    return cells


def _conditions_of(candidates: Iterable[Candidate]) -> dict[tuple[str, str], set[str]]:
    """The conditions of each source, by its concept and name."""
    seen: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in candidates:
        seen[one.concept, one.source].add(one.condition)
    return seen


def _groups(candidates: Sequence[Candidate]) -> Groups:
    """For each condition, all that it shares sources with, directly or through others, and itself."""
    groups = {one.condition: {one.condition} for one in candidates}
    for together in dict.fromkeys(map(frozenset, _conditions_of(candidates).values())):
        joined = {member for condition in together for member in groups[condition]}
        groups.update(dict.fromkeys(joined, joined))
    return groups


def apart(candidates: Sequence[Candidate]) -> tuple[str, str] | None:
    """Two conditions that share no source, not even through others; None if there are no such two."""
    groups = _groups(candidates)
    first = next(iter(groups), NONE)
    return next(((first, condition) for condition in groups if condition not in groups[first]), None)


def _check_feasible(cells: Cells, concepts: Sequence[str], groups: Groups, n: int) -> None:
    if not concepts and n:
        raise NotFeasibleError(f"{n} trials need pictures, and there are none")
    for concept in concepts:
        for condition, mates in groups.items():
            most = _most(n, len(concepts), len(groups), len(mates))
            found = {one.source for one in cells.get((concept, condition), ())}
            _refuse_too_few(concept, most, found, mates, groups)


def _refuse_too_few(concept: str, needed: int, found: set[str], mates: set[str], groups: Groups) -> None:
    if len(found) < needed:
        where = "every condition" if len(mates) == len(groups) else " and ".join(sorted(mates))
        raise NotFeasibleError(
            f"{concept} needs {needed} sources that are there in {where}, and has {len(found)}"
        )


def _most(n: int, concepts: int, conditions: int, some: int) -> int:
    """The most of ``n`` trials that one concept can have in ``some`` of the conditions."""
    whole, rest = divmod(n, max(1, concepts * conditions))
    return some * whole + min(some, _rounded_up(rest, concepts))


def _rounded_up(total: int, parts: int) -> int:
    return -(-total // max(1, parts))


def _cells_to_fill(
    cells: Cells, concepts: Sequence[str], conditions: Sequence[str], n: int, rng: Random
) -> Table:
    """For each concept, the conditions of its trials.

    Every cell gets the whole part of its share. The rest is a table of zeros and ones whose row and
    column sums differ by at most one, and of all such tables one whose cells were used least.
    """
    used = {(c, k): sum(one.count for one in cells.get((c, k), ())) for c in concepts for k in conditions}
    whole, rest = divmod(n, max(1, len(used)))
    table = _rest(used, concepts, conditions, rest, rng)
    in_all = [condition for condition in conditions for _ in range(whole)]
    return {concept: [*table[concept], *in_all] for concept in concepts}


def _rest(used: Cost, concepts: Sequence[str], conditions: Sequence[str], rest: int, rng: Random) -> Table:
    """A balanced table of zeros and ones with ``rest`` ones, where the least was used.

    A concept that gets one fewer than others gets NONE instead, and the conditions that get one fewer
    go to the concept NONE; then all such tables have the same sums, and lead to one another.
    """
    rows = _shares(concepts, rest, lambda c: sum(used[c, k] for k in conditions), rng)
    columns = _shares(conditions, rest, lambda k: sum(used[c, k] for c in concepts), rng)
    table = _filled(used, rows, columns, rng)
    most = _rounded_up(rest, len(concepts))
    for concept in concepts:
        table[concept] += [NONE] * (most - rows[concept])
    most = _rounded_up(rest, len(conditions))
    table[NONE] = [condition for condition in conditions if columns[condition] < most]
    _make_cheapest(table, {**used, **{(c, NONE): 0 for c in concepts}, **{(NONE, k): 0 for k in conditions}})
    return {concept: [k for k in table[concept] if k != NONE] for concept in concepts}


def _filled(used: Cost, rows: Counter[str], columns: Counter[str], rng: Random) -> Table:
    """A table with these sums, filled row by row, each row taking the columns that need most.

    That never fails (Gale 1957, Ryser 1957). Among columns in equal need, those used least are taken.
    """
    need = Counter(columns)
    table: Table = {}
    for row in shuffled(list(rows), rng):
        rank = {column: (-need[column], used[row, column]) for column in need}
        table[row] = sorted(shuffled(list(need), rng), key=rank.__getitem__)[: rows[row]]
        need.subtract(table[row])
    return table


def _shares(items: Sequence[Key], total: int, used: Callable[[Key], int], rng: Random) -> Counter[Key]:
    """Split a total over items so that shares differ by at most one; who is used least gets the more."""
    whole, rest = divmod(total, max(1, len(items)))
    least_first = sorted(shuffled(items, rng), key=used)
    return Counter({item: whole + (place < rest) for place, item in enumerate(least_first)})


def _choose_sources(concept: str, conditions: Sequence[str], cells: Cells, rng: Random) -> list[Candidate]:
    """One stimulus for each condition, no source twice, and in sum none that were used less."""
    offered: dict[tuple[str, str], Candidate] = {}
    for condition in dict.fromkeys(conditions):
        for one in shuffled(cells[concept, condition], rng):
            place = (one.source, condition)
            if place not in offered or one.count < offered[place].count:
                offered[place] = one
    table = _matched(offered, conditions, rng)
    nothing = dict.fromkeys(((source, NONE) for source in table), 0)
    _make_cheapest(table, {**{place: one.count for place, one in offered.items()}, **nothing})
    return [offered[source, condition] for source, [condition] in table.items() if condition != NONE]


def _matched(offered: Mapping[tuple[str, str], Candidate], conditions: Sequence[str], rng: Random) -> Table:
    """For each source a condition, or NONE: condition by condition the source used least of those left."""
    left = shuffled(list(dict.fromkeys(source for source, _ in offered)), rng)
    table: Table = {source: [NONE] for source in left}
    for condition in shuffled(conditions, rng):
        able = [source for source in left if (source, condition) in offered]
        counts = [offered[source, condition].count for source in able]
        chosen = able[counts.index(min(counts))]
        table[chosen] = [condition]
        left.remove(chosen)
    return table


def _make_cheapest(table: Table, cost: Cost) -> None:
    """Change a table into the cheapest with the same sums of its rows and columns.

    ``cost`` has the places that may be taken. As long as taking something else in some rows, round in a
    circle, makes it cheaper, do that; where no circle does, none is cheaper (Klein 1967).
    """
    while circle := _cheaper_circle(table, cost):
        for row, old, new in circle:
            table[row][table[row].index(old)] = new


Change = tuple[str, str, str]


def _cheaper_circle(table: Table, cost: Cost) -> list[Change]:
    """Changes (row, column, column instead) that keep all sums and save cost; none if none do.

    Bellman's and Ford's search for a negative circle among columns.
    """
    changes = _cheapest_changes(table, cost)
    spent = dict.fromkeys((column for _, column in cost), 0)
    last: dict[str, Change] = {}
    improved: str | None = None
    for _ in spent:
        improved = None
        for (old, new), (more, change) in changes.items():
            if spent[old] + more < spent[new]:
                spent[new], last[new], improved = spent[old] + more, change, new
        if improved is None:
            break
    return [] if improved is None else _circle_behind(improved, last, len(spent))


def _cheapest_changes(table: Table, cost: Cost) -> dict[tuple[str, str], tuple[int, Change]]:
    """For each pair of columns what the cheapest change from the one to the other costs, and its row."""
    columns = list(dict.fromkeys(column for _, column in cost))
    changes: dict[tuple[str, str], tuple[int, Change]] = {}
    for row, chosen in table.items():
        free = [column for column in columns if column not in chosen and (row, column) in cost]
        for old in chosen:
            for new in free:
                more = cost[row, new] - cost[row, old]
                if (old, new) not in changes or more < changes[old, new][0]:
                    changes[old, new] = (more, (row, old, new))
    return changes


def _circle_behind(column: str, last: Mapping[str, Change], steps: int) -> list[Change]:
    """The circle that the way to ``column`` comes out of."""
    for _ in range(steps):
        column = last[column][1]
    circle = [last[column]]
    while circle[-1][1] != column:
        circle.append(last[circle[-1][1]])
    return circle


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
