"""The second judge: name, inflection, spelling, the study's lexicon, and what WordNet knows of the name.

Every typed word gets a score in [0, 1]: 1 names the concept, 0.5 is the right superordinate or a
strongly related thing, 0 neither. The first word's score is the primary measure; ``soft`` is the
best of them. ``hard`` is true if the concept's own name was typed, inflected or misspelt at most; a
synonym is soft 1 and hard false, as in the published data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scoring.answers.beyond import Beyond
from scoring.answers.lexicon import Entry, Lexicon
from scoring.answers.matching import NAMING, Match, matches
from scoring.answers.target import target
from scoring.answers.words import normalise, says_dont_know

JUDGE_VERSION = "judge-2"

#: words of an answer that are judged; whatever follows is not, so that listing does not pay
MAX_WORDS = 3

#: rule -> score of the words it decides, the best first; among equals the first named is reported
RULES = {
    "exact": 1.0,
    "inflection": 1.0,
    "spelling": 1.0,
    "lexicon_accept": 1.0,
    "distinctive_part": 1.0,
    "synonym": 1.0,
    "subordinate": 1.0,
    "paraphrase": 1.0,
    "translation": 1.0,
    "lexicon_partial": 0.5,
    "part_of_name": 0.5,
    "superordinate": 0.5,
    "part": 0.5,
    "related": 0.5,
    "translated_kin": 0.5,
    "meaning": 0.5,
    "lexicon_reject": 0.0,
    "no_match": 0.0,
    "no_answer": 0.0,
}

#: rules that a reader should look at: what is typed may well deserve another score
UNDECIDED = frozenset(
    {"part_of_name", "superordinate", "part", "related", "translated_kin", "meaning", "no_match"}
)

#: an answer names a concept if its score for it is at least this, and higher than for any other
NAMED = 0.5

_ORDER = {rule: rank for rank, rule in enumerate(RULES)}


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


def judge(
    concept: str,
    response: str,
    lexicon: Lexicon | None = None,
    *,
    others: Iterable[str] = (),
    beyond: Beyond | None = None,
) -> Judgement:
    """Judge one typed answer against one concept.

    ``others``: the study's other concepts; their names never match this one by spelling or as a part
    of its name. ``beyond``: other languages or an encoder of meaning, for words that nothing else knows.
    Words that are a person's "don't know", or none at all, are ``no_answer``. Raises
    UserError if the concept has no letter or digit.

    >>> judge("sailboat", "a sail boat").rule, judge("raised hand", "hands").soft
    ('exact', 0.5)
    """
    version = _version(lexicon, beyond)
    words = normalise(response)
    if not words or says_dont_know(words):
        return Judgement(False, 0.0, "no_answer", version)
    compared = target(concept, lexicon.entry(concept) if lexicon else Entry(), tuple(others))
    judged = tuple(words[:MAX_WORDS])
    rules = _best(["no_match"] * len(judged), matches(judged, compared))
    if beyond is not None:
        still_open = frozenset(at for at, rule in enumerate(rules) if rule == "no_match")
        rules = _best(rules, beyond.matches(judged, still_open, compared))
    return _summarise(rules, version)


def _version(lexicon: Lexicon | None, beyond: Beyond | None) -> str:
    of_lexicon = f"+{lexicon.digest}" if lexicon and lexicon.entries else ""
    return f"{JUDGE_VERSION}{beyond.version if beyond else ''}{of_lexicon}"


def judge_against_all(
    response: str,
    concepts: Iterable[str],
    lexicon: Lexicon | None = None,
    *,
    beyond: Beyond | None = None,
) -> dict[str, Judgement]:
    """Judge one answer against each of a study's concepts, each as ``judge`` does beside the others.

    >>> {concept: found.soft for concept, found in judge_against_all("flame", ["fire", "hand"]).items()}
    {'fire': 1.0, 'hand': 0.0}
    """
    every = tuple(concepts)
    return {concept: judge(concept, response, lexicon, others=every, beyond=beyond) for concept in every}


def named(
    response: str,
    concepts: Iterable[str],
    lexicon: Lexicon | None = None,
    *,
    beyond: Beyond | None = None,
) -> str | None:
    """The concept that an answer names: the one that it fits best, None if it fits none or two equally well.

    The best has the highest score, which is at least 0.5; among equals the one whose own name was typed,
    and then the one that the earlier word fits.

    >>> named("a puppy", ["dog", "sailboat", "mushroom"]), named("sky", ["dog", "sailboat"])
    ('dog', None)
    """
    found = judge_against_all(response, concepts, lexicon, beyond=beyond)
    ranked = sorted(((_fit(one), concept) for concept, one in found.items()), key=_first, reverse=True)
    best = [concept for fit, concept in ranked if fit == ranked[0][0]]
    return best[0] if len(best) == 1 and ranked[0][0][0] >= NAMED else None


def _first(pair: tuple[tuple[float, ...], str]) -> tuple[float, ...]:
    return pair[0]


def _fit(found: Judgement) -> tuple[float, ...]:
    return (found.soft, float(found.hard), *found.word_scores)


def _best(rules: list[str], found: Iterable[Match]) -> list[str]:
    """The best rule of each word, among those it has and those that are found."""
    best = list(rules)
    for rule, positions in found:
        for position in positions:
            best[position] = min(best[position], rule, key=_ORDER.__getitem__)
    return best


def _summarise(rules: list[str], version: str) -> Judgement:
    rule = min(rules, key=_ORDER.__getitem__)
    scores = tuple(RULES[word_rule] for word_rule in rules)
    return Judgement(rule in NAMING, max(scores), rule, version, scores)
