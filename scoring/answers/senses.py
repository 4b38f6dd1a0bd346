"""Which of WordNet's senses a concept's name is taken in, and what their definitions mention."""

from __future__ import annotations

import re
from functools import lru_cache

from scoring.answers.inflection import base_forms, singulars
from scoring.answers.wordnet import NARROWER, Offset, gloss, senses, synset

#: senses of a word that are looked at
FIRST_SENSES = 3
#: WordNet's fields of things that can be seen: animal, artifact, body, food, object, phenomenon, plant,
#: process, shape, substance
VISIBLE = frozenset({5, 6, 8, 13, 17, 19, 20, 22, 25, 27})
#: WordNet's fields of what happens: act, event
HAPPENING = frozenset({4, 11})
WORDS_OF_A_SHORT_DEFINITION = 4
_JOINING = frozenset({"and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "to", "with"})


def principal_senses(name: str) -> tuple[Offset, ...]:
    """The principal senses of a name or of its singular."""
    for form in (name, *singulars(name)):
        found = senses(form)
        if found:
            happens = synset(found[0]).field in HAPPENING
            later = ((at, synset(at)) for at in found[1:FIRST_SENSES])
            seen = (at for at, one in later if one.field in VISIBLE and one.words[0] == form)
            alike = (at for at in found[1:FIRST_SENSES] if happens and synset(at).field in HAPPENING)
            return (found[0], *dict.fromkeys((*seen, *alike)))
    return ()


def senses_of_whole(name: tuple[str, ...]) -> tuple[Offset, ...]:
    """The principal senses of a name of one word or several, written apart or together."""
    return principal_senses(" ".join(name)) or principal_senses("".join(name))


def senses_of_noun(word: str) -> tuple[Offset, ...]:
    """All senses of a noun, or of its singular if it is listed in that only."""
    return next(filter(None, map(senses, (word, *singulars(word)))), ())


def senses_of_last(name: tuple[str, ...]) -> tuple[Offset, ...]:
    """The senses of the last word that go with the words before it (greek letter), or its principal ones."""
    usual = principal_senses(name[-1])
    others = {form for word in name[:-1] for form in (word, *singulars(word))}
    if usual and others:
        every = senses_of_noun(name[-1])
        fitting = [at for at in every if not others.isdisjoint(_said_of(at))]
        if fitting and every[0] not in fitting:
            return (fitting[0],)
    return usual


@lru_cache(maxsize=4096)
def _said_of(at: Offset) -> frozenset[str]:
    """The words of a sense's definition, and the names, definitions and examples of its direct kinds."""
    kinds = [synset(to) for to in synset(at).to(NARROWER)]
    every = (gloss(at), *(text for one in kinds for text in (one.text, *one.words)))
    return frozenset(re.findall("[a-z]+", " ".join(every).lower()))


def genus(at: Offset) -> str:
    """The noun that ends a definition of a few words, of what can be seen (cat, of "young domestic cat").

    Empty where the definition is longer, or its last word is no noun of the same field.
    """
    words = gloss(at).split()
    joined = any(word in _JOINING or word.endswith("ing") for word in words[:-1])
    if len(words) > WORDS_OF_A_SHORT_DEFINITION or joined:
        return ""
    fields = {synset(one).field for one in (at, *senses(words[-1])[:1])}
    return words[-1] if senses(words[-1]) and len(fields) == 1 and fields <= VISIBLE else ""


@lru_cache(maxsize=65536)
def forms_mentioned(at: Offset) -> frozenset[str]:
    """The words of a sense's definition, as they stand there and without inflection."""
    return frozenset(form for word in mentioned(at) for form in base_forms(word))


def mentioned(at: Offset) -> set[str]:
    """The words of a sense's definition."""
    return set(re.findall("[a-z]+", gloss(at)))
