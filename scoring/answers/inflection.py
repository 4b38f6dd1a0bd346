"""English inflection, lightly: are two words forms of one word?"""

from __future__ import annotations

import re
from functools import lru_cache

from scoring.answers.wordnet import is_verb

#: plural -> singular, where no rule below gives it
IRREGULAR_PLURALS = {
    "cacti": "cactus",
    "calves": "calf",
    "children": "child",
    "dice": "die",
    "elves": "elf",
    "feet": "foot",
    "fungi": "fungus",
    "geese": "goose",
    "halves": "half",
    "hippopotami": "hippopotamus",
    "hooves": "hoof",
    "knives": "knife",
    "leaves": "leaf",
    "lice": "louse",
    "lives": "life",
    "loaves": "loaf",
    "men": "man",
    "mice": "mouse",
    "nuclei": "nucleus",
    "octopi": "octopus",
    "oxen": "ox",
    "people": "person",
    "scarves": "scarf",
    "selves": "self",
    "sheaves": "sheaf",
    "shelves": "shelf",
    "stimuli": "stimulus",
    "teeth": "tooth",
    "thieves": "thief",
    "wives": "wife",
    "wolves": "wolf",
}

_COMPOUND_PLURALS = ("men", "feet", "teeth", "geese", "mice", "wolves", "knives", "leaves", "children")
#: how every form ends that has a singular
PLURAL_ENDS = ("s", *IRREGULAR_PLURALS)
_VOWEL = re.compile("[aeiouy]")
_MUST_DOUBLE = re.compile("[^aeiou]*[^aeiou][aeiou][^aeiouwxy]")


def same_word(one: str, other: str) -> bool:
    """Tell whether two normalised words are forms of one word (plural, -ing, -ed).

    >>> same_word("puppy", "puppies"), same_word("raise", "raised"), same_word("car", "care")
    (True, True, False)
    """
    return one == other or not base_forms(one).isdisjoint(base_forms(other))


@lru_cache(maxsize=65536)
def base_forms(word: str) -> frozenset[str]:
    """Every form that the word may be an inflection of, and the word itself.

    Some of them may be no words ("movies" gives "movy" as well as "movie"): they only ever serve to
    be compared with the base forms of another word.
    """
    return frozenset({word, *singulars(word), *_without_ing(word), *_without_ed(word)})


@lru_cache(maxsize=65536)
def singulars(word: str) -> tuple[str, ...]:
    """Every form that a word may be the plural of, sorted; some may be no words."""
    if word in IRREGULAR_PLURALS:
        return (IRREGULAR_PLURALS[word],)
    if word.endswith(_COMPOUND_PLURALS):
        plural = next(one for one in _COMPOUND_PLURALS if word.endswith(one))
        return (word.removesuffix(plural) + IRREGULAR_PLURALS[plural],)
    return tuple(sorted(_regular_singulars(word))) if word.endswith("s") else ()


def _regular_singulars(word: str) -> set[str]:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return set()
    found = {word[:-1]}
    if word.endswith("ies") and len(word) > 4:
        found.add(word[:-3] + "y")
    if re.search("(s|x|z|ch|sh|o)es$", word):
        found.add(word[:-2])
    return found


def _without_ing(word: str) -> set[str]:
    if not word.endswith("ing"):
        return set()
    return {verb for verb in _verbs(word[:-3]) | _with_final_e(word[:-3]) if is_verb(verb)}


def _without_ed(word: str) -> set[str]:
    if not word.endswith("ed") or word.endswith("eed"):
        return set()
    found = _verbs(word[:-2]) | _with_final_e(word[:-2])
    if word.endswith("ied") and len(word) > 4:
        found |= {word[:-3] + "y"}
    return {verb for verb in found if is_verb(verb)}


def _verbs(stem: str) -> set[str]:
    """The verb before its ending: undoubled ("running"), or as it is where nothing is doubled."""
    if not _is_a_stem(stem):
        return set()
    if stem[-1] == stem[-2] and stem[-1] not in "aeiou":
        return {stem, stem[:-1]}
    return set() if _MUST_DOUBLE.fullmatch(stem) else {stem}


def _with_final_e(stem: str) -> set[str]:
    return {stem + "e"} if _is_a_stem(stem) else set()


def _is_a_stem(stem: str) -> bool:
    return len(stem) >= 3 and _VOWEL.search(stem) is not None
