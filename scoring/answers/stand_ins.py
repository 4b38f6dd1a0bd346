"""What names of several words are paraphrased by: a word for one of theirs, or a noun defined by them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from scoring.answers.inflection import base_forms
from scoring.answers.kin import (
    SUBORDINATE,
    SYNONYM,
    is_general,
    joined,
    kin_of,
    of_one_root,
    strongest,
    synonyms,
)
from scoring.answers.senses import (
    FIRST_SENSES,
    forms_mentioned,
    principal_senses,
    senses_of_last,
    senses_of_noun,
    senses_of_whole,
)
from scoring.answers.wordnet import BROADER, NARROWER, gloss, senses, synset

#: how participles end
_PARTICIPLE = ("ing", "ed")
#: senses of a verb that are looked at
_USUAL_VERBS = 2
#: letters that a word shares with its inflections, at least
_BEGINNING = 3


class StandIns(NamedTuple):
    """Words that mean one word of a name, joined without blanks: ``things``, and verbs as ``doings``."""

    things: frozenset[str]
    doings: frozenset[str]


@lru_cache(maxsize=1024)
def stand_ins(name: tuple[str, ...], at: int) -> StandIns:
    """Words that mean one word of a name of several, where the others are typed (infant, of crying baby).

    For the last word they are the kind directly above and verbs of its root, and, where WordNet lacks the
    whole name, its synonyms and kinds. For another one they are its synonyms, and for a participle the
    verb's synonyms and kinds (sobbing).
    """
    if at == len(name) - 1:
        return _of_last(name)
    own = synonyms(principal_senses(name[at]), (name[at],))
    doings = _verbs_like(name[at]) if name[at].endswith(_PARTICIPLE) else ()
    return StandIns(frozenset(map(joined, own)), frozenset(doings))


def _of_last(name: tuple[str, ...]) -> StandIns:
    whole, last = senses_of_whole(name), senses_of_last(name)
    found = strongest(kin_of(last, name[-1:])) if last and not whole else {}
    above = [to for at in (whole or last)[:1] for to in synset(at).to(BROADER) if not is_general(to)]
    broader = {joined(word) for to in above for word in synset(to).words}
    meaning_it = {word for word, rule in found.items() if rule in (SYNONYM, SUBORDINATE)}
    verbs = (word for word, _ in of_one_root(last, ("verb",)))
    return StandIns(frozenset(meaning_it | broader), frozenset(verbs))


def _verbs_like(word: str) -> Iterator[str]:
    for verb in sorted(base_forms(word)):
        for at in senses(verb, "verb")[:_USUAL_VERBS]:
            for near in (at, *synset(at, "verb").to(NARROWER, "verb")):
                words = synset(near, "verb").words
                yield from (one for one in words if near in senses(one, "verb")[:FIRST_SENSES])


def is_defined_by(word: str, name: tuple[str, ...]) -> bool:
    """Tell whether a noun's definition mentions all words of a name of several (cobweb, of spider web)."""
    begin = [part[:_BEGINNING] for part in name]
    likely = (at for at in senses_of_noun(word)[:1] if all(start in gloss(at) for start in begin))
    return any(forms_mentioned(at).issuperset(name) for at in likely)
