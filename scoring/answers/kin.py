"""A concept's kin: the words that WordNet relates to its name, and the rule that each falls under."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from scoring.answers.inflection import base_forms, singulars
from scoring.answers.senses import (
    FIRST_SENSES,
    HAPPENING,
    VISIBLE,
    WORDS_OF_A_SHORT_DEFINITION,
    genus,
    mentioned,
    principal_senses,
    senses_of_last,
    senses_of_whole,
)
from scoring.answers.wordnet import (
    BROADER,
    DERIVED,
    NARROWER,
    PART,
    Offset,
    closure,
    defined_as,
    gloss,
    is_word,
    senses,
    synset,
)
from scoring.answers.words import normalise

#: rules that WordNet's relations fall under, the strongest first
SYNONYM, SUBORDINATE, SUPERORDINATE, PART_OF_IT, RELATED = (
    "synonym",
    "subordinate",
    "superordinate",
    "part",
    "related",
)

#: a word stands for a broader or a partial thing in one of its first senses only, for a synonym in one more;
#: for a narrower one in its very first ("red" is a river too)
_USUAL_SENSES = 2
#: words that people type at pictures, near in spelling to others, and that WordNet lacks
_LACKING = frozenset({"sailboard", "sandcastle", "pajamas", "pincers"})
#: what a definition says of something small, and what it is made or moved with
_SMALL = frozenset({"little", "miniature", "small", "tiny", "young"})
_WITH = re.compile(r"\b(?:by|with) ((?:[a-z]+ ?){1,3})")
#: letters of the shorter part of a name that is written as one
_SHORTEST = 3
#: steps up from a name's first sense to a superordinate
_STEPS_UP = 3
#: kinds beyond which a superordinate is too general to tell that something was recognised ("animal")
_KINDS_OF_A_GENERAL_TERM = 1500
#: narrower synsets that are listed; a concept with more ("animal") has only its nearest ones
_MOST_KINDS = 6000


@lru_cache(maxsize=1024)
def kin(name: tuple[str, ...]) -> dict[str, str]:
    """The words related to a name: joined without blanks -> rule, the strongest one.

    ``name`` is the concept's normalised words. Synonyms share a sense with it; subordinates are its kinds;
    superordinates lie at most three steps up, or are the last word of a name of several words that does
    ("vessel" of "sailing vessel"), unless they are as general as "animal"; parts are those that WordNet
    lists of it or of these. Related are two words whose definitions name each other (mushroom and
    toadstool), nouns and verbs of one root, and other kinds of the things above that the first part of the
    name defines (a yacht has a sail). Where WordNet lacks a name of several words, the kin of its last word,
    in the sense that goes with the others, is related. The name itself is not among them.
    """
    of_whole, of_last = senses_of_whole(name), senses_of_last(name)
    if of_whole:
        found = strongest(kin_of(of_whole, name))
    elif of_last:
        found = dict.fromkeys(strongest(kin_of(of_last, name[-1:])), RELATED)
    else:
        found = {}
    return {word: rule for word, rule in found.items() if word != "".join(name)}


@lru_cache(maxsize=1024)
def modifiers(name: str) -> frozenset[str]:
    """The first parts of a name that is written as one, as rain is of raindrops, and what they inflect.

    The rest has to be a noun, and the definition of the name has to mention the part: else a "mush" would
    be a part of a mushroom.
    """
    glosses = " ".join(gloss(at) for at in principal_senses(name))
    parts = {form for word in normalise(glosses) for form in base_forms(word)}
    rests = ((part, name.removeprefix(part)) for part in parts if len(part) >= _SHORTEST)
    return frozenset(
        part for part, rest in rests if _SHORTEST <= len(rest) < len(name) and principal_senses(rest)
    )


def is_real_word(word: str) -> bool:
    """Tell whether a word, or what it is an inflection of, is English."""
    return word in _LACKING or any(is_word(form) for form in base_forms(word))


def strongest(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Pairs of a word and a rule as a table: each word, joined without blanks, with its strongest rule."""
    order = (SYNONYM, SUBORDINATE, SUPERORDINATE, PART_OF_IT, RELATED)
    found: dict[str, str] = {}
    for word, rule in sorted(pairs, key=lambda pair: order.index(pair[1])):
        found.setdefault(joined(word), rule)
    return found


def joined(word: str) -> str:
    """A word or phrase as it is compared: normalised, without blanks."""
    return "".join(normalise(word))


def kin_of(offsets: tuple[Offset, ...], name: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (word, rule) for everything related to these senses; a word may come several times."""
    yield from ((word, SYNONYM) for word in synonyms(offsets, name))
    yield from _kinds(offsets[:1] + tuple(at for at in offsets[1:] if synset(at).field in VISIBLE))
    yield from _compounds(name)
    yield from _defined_as(name)
    above = _superordinates(offsets[0])
    yield from _broader(offsets[0], above)
    for part in {to: None for at in (*offsets, *above) for to in synset(at).to(PART)}:
        yield from ((word, PART_OF_IT) for word in _usual_words(part))
    yield from _named_in_turn(offsets, name)
    yield from of_one_root(offsets)
    yield from _alike(offsets[0], above, name)


def synonyms(offsets: tuple[Offset, ...], name: tuple[str, ...]) -> Iterator[str]:
    """The words that share a sense with a name, in one of their own first senses."""
    for at in offsets:
        yield from (word for word in synset(at).words if word in name or at in senses(word)[:FIRST_SENSES])


def of_one_root(
    offsets: tuple[Offset, ...], parts: tuple[str, ...] = ("noun", "verb")
) -> Iterator[tuple[str, str]]:
    """Nouns and verbs of one root with a sense (guitar, guitarist), and what is done (marry, wedding)."""
    for at in offsets:
        own = synset(at)
        begins = "" if own.field in HAPPENING else tuple(word[:_SHORTEST] for word in own.words)
        for part in parts:
            for to in own.to(DERIVED, part):
                words = (word for word in synset(to, part).words if word.startswith(begins))
                yield from ((word, RELATED) for word in words if to in senses(word, part)[:_USUAL_SENSES])


def _alike(first: Offset, above: tuple[Offset, ...], name: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Other kinds of the things above: called so (teacup), small, or with the name's first part (yacht)."""
    parts = set(name[:-1]) or modifiers(name[0])
    direct = {word for to in synset(first).to(BROADER) if to in above for word in synset(to).words}
    for at in closure(above, NARROWER, len(above) * _KINDS_OF_A_GENERAL_TERM):
        for word in synset(at).words:
            called_so = _is_called_so(word, name) or any(_is_small(word, at, of) for of in direct)
            if called_so and at in _usual(word):
                yield word, SUPERORDINATE
            elif at in senses(word)[:1] and parts and parts <= _made_with(at, parts):
                yield word, RELATED


def _is_called_so(word: str, name: tuple[str, ...]) -> bool:
    """Whether a word is a noun and the last of the name's words (tea and cup, of coffee cup)."""
    rest = word.removesuffix(name[-1])
    return len(name) > 1 and _SHORTEST <= len(rest) < len(word) and bool(senses(rest))


def _is_small(word: str, at: Offset, name: str) -> bool:
    """Whether a word begins with a name and means a small one (droplet)."""
    return word.startswith(name) and not _SMALL.isdisjoint(mentioned(at))


def _made_with(at: Offset, parts: Iterable[str]) -> frozenset[str]:
    """Which words, in all forms, a definition has soon after "by" or "with" (propelled by sail)."""
    said = gloss(at)
    if not any(part[:_SHORTEST] in said for part in parts):
        return frozenset()
    after = (word for found in _WITH.findall(said) for word in found.split())
    return frozenset(form for word in after for form in base_forms(word))


def _defined_as(name: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Nouns whose definition is the name and a little more (kitten, of cat: young domestic cat)."""
    for form in (name[-1], *singulars(name[-1])) if len(name) == 1 else ():
        for at in defined_as(form, WORDS_OF_A_SHORT_DEFINITION):
            if genus(at) == form:
                yield from ((word, SUBORDINATE) for word in synset(at).words if senses(word)[:1] == (at,))


def _kinds(offsets: tuple[Offset, ...]) -> Iterator[tuple[str, str]]:
    try:
        kinds = closure(offsets, NARROWER, _MOST_KINDS)
    except OverflowError:
        kinds = {to: 1 for at in offsets for to in synset(at).to(NARROWER)}
    for at in kinds:
        yield from ((word, SUBORDINATE) for word in synset(at).words if senses(word)[:1] == (at,))


def _compounds(name: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Kinds of any sense of the name that end with it, and small ones that begin so (raindrop, droplet)."""
    whole = " ".join(name)
    for to in (to for at in senses(whole) for to in synset(at).to(NARROWER)):
        for word in synset(to).words:
            if word.endswith(whole) or _is_small(word, to, whole):
                yield word, SUBORDINATE


def _superordinates(offset: Offset) -> tuple[Offset, ...]:
    steps = closure((offset,), BROADER, _MOST_KINDS)
    return tuple(at for at, step in steps.items() if step <= _STEPS_UP and not is_general(at))


def _broader(offset: Offset, above: tuple[Offset, ...]) -> Iterator[tuple[str, str]]:
    every = closure((offset,), BROADER, _MOST_KINDS)
    for at in above:
        direct = every[at] == 1
        heads = _heads(synset(at).words)
        yield from ((word, SUPERORDINATE) for word in (synset(at).words if direct else _usual_words(at)))
        yield from (
            (head, SUPERORDINATE) for head in heads if direct or not every.keys().isdisjoint(_usual(head))
        )
    yield from ((head, SUPERORDINATE) for head in _heads(synset(offset).words))
    short = genus(offset)
    if short and not any(map(is_general, _usual(short))):
        yield short, SUPERORDINATE


def _heads(words: tuple[str, ...]) -> Iterator[str]:
    """The last words of names of several words, where they are nouns that are not too general."""
    for word in words:
        head = word.rpartition(" ")[2]
        if head != word and _usual(head) and not any(map(is_general, _usual(head))):
            yield head


def _usual(word: str) -> tuple[Offset, ...]:
    return senses(word)[:_USUAL_SENSES]


@lru_cache(maxsize=4096)
def is_general(at: Offset) -> bool:
    """Whether a term has so many kinds that it does not tell that something was recognised ("animal")."""
    try:
        closure((at,), NARROWER, _KINDS_OF_A_GENERAL_TERM)
    except OverflowError:
        return True
    return False


def _usual_words(at: Offset) -> Iterator[str]:
    return (word for word in synset(at).words if at in _usual(word))


def _named_in_turn(offsets: tuple[Offset, ...], name: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Words of the definitions whose own first definition names the concept, of things that can be seen."""
    whole, visible = set(name), [at for at in offsets if synset(at).field in VISIBLE]
    nouns = {word for at in visible for word in mentioned(at)}
    for form in sorted({one for word in nouns for one in {word, *singulars(word)}} - whole):
        usual = senses(form)[:1]
        if usual and whole <= mentioned(usual[0]):
            yield form, RELATED
