"""What names of several words are paraphrased by: a word for one of theirs, or a noun defined by them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from scoring.answers.inflection import base_forms, singulars
from scoring.answers.kin import SUBORDINATE, SUPERORDINATE, SYNONYM, kin, kin_of, of_one_root, strongest
from scoring.answers.senses import FIRST_SENSES, forms_mentioned, principal_senses, senses_of_last
from scoring.answers.wordnet import NARROWER, Offset, gloss, senses, synset

#: rules of words that may stand for the last word of a name
_KINDS = (SYNONYM, SUBORDINATE, SUPERORDINATE)
#: senses of a verb that are looked at
_USUAL_VERBS = 2
#: letters that a word shares with its inflections, at least
_BEGINNING = 3


@lru_cache(maxsize=1024)
def stand_ins(name: tuple[str, ...], at: int) -> frozenset[str]:
    """Words that mean one word of a name of several, where the others are typed (infant, of crying baby).

    For the last word they are its synonyms, kinds and kinds above and those of the whole name, and what is
    derived of it; for another noun its synonyms; for a verb its synonyms and kinds (sobbing).
    """
    word = name[at]
    meant = senses_of_last(name) if at == len(name) - 1 else principal_senses(word)
    of_word = strongest(kin_of(meant, (word,))) if meant else {}
    if at < len(name) - 1:
        synonyms = {one for one, rule in of_word.items() if rule == SYNONYM}
        return frozenset(synonyms.union(_verbs_like(word)))
    meaning_it = {one for found in (of_word, kin(name)) for one, rule in found.items() if rule in _KINDS}
    return frozenset(meaning_it.union(one for one, _ in of_one_root(meant, ("verb",))))


def _verbs_like(word: str) -> Iterator[str]:
    for verb in sorted(base_forms(word)):
        for at in senses(verb, "verb")[:_USUAL_VERBS]:
            for near in (at, *synset(at, "verb").to(NARROWER, "verb")):
                yield from (
                    one for one in synset(near, "verb").words if near in senses(one, "verb")[:FIRST_SENSES]
                )


def is_defined_by(word: str, name: tuple[str, ...]) -> bool:
    """Tell whether a definition of a noun mentions all words of a name of several (cobweb, of spider web)."""
    begin = [part[:_BEGINNING] for part in name]
    glosses = ((at, gloss(at)) for at in _any_senses(word))
    likely = (at for at, said in glosses if all(start in said for start in begin))
    return any(forms_mentioned(at).issuperset(name) for at in likely)


def _any_senses(word: str) -> tuple[Offset, ...]:
    return next(filter(None, map(senses, (word, *singulars(word)))), ())[:FIRST_SENSES]
