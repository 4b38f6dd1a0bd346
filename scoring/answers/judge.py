"""The first judge: exact name, inflection, spelling, the study's lexicon.

Every typed word gets a score in [0, 1]: 1 names the concept, 0.5 is the right superordinate or a
strongly related thing, 0 neither. The first word's score is the primary measure; ``soft`` is the
best of them. ``hard`` is true if the concept's own name was typed, inflected or misspelt at most; a
synonym that the lexicon accepts is soft 1 and hard false, as in the published data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from scoring.answers.inflection import base_forms, same_word
from scoring.answers.lexicon import Entry, Lexicon, Phrase
from scoring.answers.spelling import is_common, is_misspelling
from scoring.answers.words import normalise, says_dont_know
from stimuli.errors import UserError

JUDGE_VERSION = "judge-1"

#: words of an answer that are judged; whatever follows is not, so that listing does not pay
MAX_WORDS = 3

#: rule -> score of the words it decides, the best first; among equals the first named is reported
RULES = {
    "exact": 1.0,
    "inflection": 1.0,
    "spelling": 1.0,
    "lexicon_accept": 1.0,
    "lexicon_partial": 0.5,
    "part_of_name": 0.5,
    "lexicon_reject": 0.0,
    "no_match": 0.0,
    "no_answer": 0.0,
}

_ORDER = {rule: rank for rank, rule in enumerate(RULES)}
_NAMING = ("exact", "inflection", "spelling")


@dataclass(frozen=True)
class Judgement:
    """How well one answer names one concept.

    ``hard``: the name itself was typed. ``soft``: the best word's score, in [0, 1]. ``rule``: the
    rule that decided, a key of RULES. ``version``: that of the judge, with ``+`` and the lexicon's
    digest if there was one. ``word_scores``: one for each judged word, in the order typed; empty
    when there was no answer.
    """

    hard: bool
    soft: float
    rule: str
    version: str
    word_scores: tuple[float, ...] = ()


#: a phrase and where it stands: "name", or one of the lexicon's lists
_Listed = tuple[str, Phrase]


class _Match(NamedTuple):
    """A rule that applies to the typed words at these positions."""

    rule: str
    positions: tuple[int, ...]


@dataclass(frozen=True)
class _Target:
    """What an answer is compared with.

    ``others``: the other concepts' names, written together; ``protected``: every word that is known in
    its own right, and therefore no misspelling of another; ``by_letter``: the name and the lexicon's
    phrases by their first letter, what is rejected before what is not.
    """

    name: Phrase
    entry: Entry
    others: frozenset[str]
    protected: frozenset[str]
    by_letter: Mapping[str, tuple[_Listed, ...]]

    def near(self, typed: str) -> tuple[_Listed, ...]:
        """The phrases that may match: every rule needs the first letter, which may have been swapped."""
        first, second = typed[:1], typed[1:2]
        found = self.by_letter.get(first, ())
        return found if first == second else found + self.by_letter.get(second, ())


def judge(
    concept: str,
    response: str,
    lexicon: Lexicon | None = None,
    *,
    others: Iterable[str] = (),
) -> Judgement:
    """Judge one typed answer against one concept.

    ``others``: the study's other concepts; their names never match this one by spelling or as a part
    of its name. Words that are a person's "don't know", or none at all, are ``no_answer``. Raises
    UserError if the concept has no letter or digit.

    >>> judge("sailboat", "a sail boat").rule, judge("raised hand", "hands").soft
    ('exact', 0.5)
    """
    version = _version(lexicon)
    words = normalise(response)[:MAX_WORDS]
    if not words or says_dont_know(words):
        return Judgement(False, 0.0, "no_answer", version)
    target = _target(concept, lexicon.entry(concept) if lexicon else Entry(), tuple(others))
    return _summarise(list(_matches(tuple(words), target)), len(words), version)


def _version(lexicon: Lexicon | None) -> str:
    return f"{JUDGE_VERSION}+{lexicon.digest}" if lexicon and lexicon.entries else JUDGE_VERSION


@lru_cache(maxsize=4096)
def _target(concept: str, entry: Entry, others: tuple[str, ...]) -> _Target:
    name = tuple(normalise(concept))
    if not name:
        raise UserError(f"the concept {concept!r} has no letter or digit to compare with; name it in words")
    names = {tuple(normalise(other)) for other in others} - {name}
    known = (name, *names, *entry.accept, *entry.partial, *entry.reject)
    protected = frozenset(chain(("".join(phrase) for phrase in known), *known))
    whole = frozenset("".join(other) for other in names)
    return _Target(name, entry, whole, protected, _by_letter(name, entry))


def _by_letter(name: Phrase, entry: Entry) -> dict[str, tuple[_Listed, ...]]:
    lists = {"reject": entry.reject, "name": (name,), "accept": entry.accept, "partial": entry.partial}
    listed = [(where, phrase) for where, phrases in lists.items() for phrase in phrases]
    return {
        letter: tuple(one for one in listed if one[1][0][0] == letter)
        for letter in {phrase[0][0] for _, phrase in listed}
    }


def _summarise(matches: list[_Match], n_words: int, version: str) -> Judgement:
    best = ["no_match"] * n_words
    for rule, positions in matches:
        for position in positions:
            best[position] = min(best[position], rule, key=_ORDER.__getitem__)
    rule = min(best, key=_ORDER.__getitem__)
    scores = tuple(RULES[word_rule] for word_rule in best)
    return Judgement(rule in _NAMING, max(scores), rule, version, scores)


def _matches(words: Phrase, target: _Target) -> Iterator[_Match]:
    """Every rule that applies to a run of neighbouring words, or to the name's words apart."""
    for start, stop in _runs(len(words)):
        rule = _rule_of_run(words[start:stop], target)
        if rule is not None:
            yield _Match(rule, tuple(range(start, stop)))
    if len(target.name) > 1:
        yield from _matches_of_parts(words, target)


@lru_cache(maxsize=16)
def _runs(n_words: int) -> tuple[tuple[int, int], ...]:
    return tuple((start, stop) for start in range(n_words) for stop in range(start + 1, n_words + 1))


def _rule_of_run(run: Phrase, target: _Target) -> str | None:
    """The rule for one run of words: as written first, then inflected, then misspelt."""
    near = target.near("".join(run))
    for how in _NAMING if near else ():
        for where, phrase in near:
            if (how, where) != ("spelling", "reject") and _alike(how, run, phrase, target):
                return how if where == "name" else f"lexicon_{where}"
    return None


def _alike(how: str, run: Phrase, phrase: Phrase, target: _Target) -> bool:
    typed, right = "".join(run), "".join(phrase)
    if how == "exact":
        return typed == right
    if how == "inflection":
        return same_word(typed, right) or (len(run) == len(phrase) and all(map(same_word, run, phrase)))
    return _misspelt(typed, right, target) and target.protected.isdisjoint(run)


def _misspelt(typed: str, right: str, target: _Target) -> bool:
    if typed in target.protected or is_common(typed):
        return False
    forms = (typed, typed[:-1]) if typed.endswith("s") else (typed,)
    return any(is_misspelling(form, base) for base in sorted(base_forms(right)) for form in forms)


def _matches_of_parts(words: Phrase, target: _Target) -> Iterator[_Match]:
    """Words of a name of several words: all of them, in any order, name it; some are a part of it."""
    found = [_how_named(part, words, target) for part in target.name]
    positions = tuple(sorted({at for _, at in filter(None, found)}))
    if not positions:
        return
    if None not in found and len(positions) == len(target.name):
        yield _Match(max((how for how, _ in filter(None, found)), key=_ORDER.__getitem__), positions)
    else:
        yield from _partly(words, positions, target)


def _how_named(part: str, words: Phrase, target: _Target) -> tuple[str, int] | None:
    for how in _NAMING:
        for at, word in enumerate(words):
            if _alike(how, (word,), (part,), target):
                return how, at
    return None


def _partly(words: Phrase, positions: tuple[int, ...], target: _Target) -> Iterator[_Match]:
    for at in positions:
        rejected = any(_alike("inflection", (words[at],), one, target) for one in target.entry.reject)
        if not rejected and not any(same_word(words[at], other) for other in target.others):
            yield _Match("part_of_name", (at,))
