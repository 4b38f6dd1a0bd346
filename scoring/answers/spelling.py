"""Spelling tolerance that does not take one real word for another."""

from __future__ import annotations

import re
from itertools import chain
from string import ascii_lowercase

from rapidfuzz.distance import OSA, Indel

from scoring.answers.wordnet import is_word

_DOUBLED = re.compile(r"(.)\1+")

#: (shortest length of the right word, edits allowed from there on)
EDITS_BY_LENGTH = ((12, 3), (8, 2), (4, 1))


def is_misspelling(typed: str, right: str) -> bool:
    """Tell whether ``typed`` can only be a slip of ``right``.

    Edits are those of optimal string alignment (insertion, deletion, substitution, swap of
    neighbours). One is allowed from 4 letters on, two from 8 (from 5 where the letters are the same in
    another order, as in "bycicle"), three from 12. A word of 4 letters may only have two letters
    swapped; one of 5 may not have a letter substituted. The first letter must be right, unless the
    first two are swapped in a word of 6 or more. A letter may be doubled or not in a word of any
    length. Lengths differ by one at most. Whether the typed word
    is a word of its own, and therefore no slip, is not asked here.

    >>> is_misspelling("sailbaot", "sailboat"), is_misspelling("coat", "boat")
    (True, False)
    """
    return (
        typed != right
        and abs(len(typed) - len(right)) <= 1
        and _starts_alike(typed, right)
        and _near(typed, right)
    )


def _starts_alike(typed: str, right: str) -> bool:
    swapped = len(right) >= 6 and typed[:2] == right[1::-1]
    return typed[:1] == right[:1] or swapped


def _near(typed: str, right: str) -> bool:
    if _once(typed) == _once(right):
        return True
    edits = OSA.distance(typed, right, score_cutoff=3)
    same_letters = sorted(typed) == sorted(right)
    if len(right) >= 5 and same_letters and edits == 2:
        return True
    return edits <= edits_allowed(len(right)) and (len(right) > 5 or same_letters or _careful(typed, right))


def _once(word: str) -> str:
    """The word with each doubled letter once."""
    return _DOUBLED.sub(r"\1", word)


def _careful(typed: str, right: str) -> bool:
    return len(right) == 5 and Indel.distance(typed, right) == 1


def edits_allowed(length: int) -> int:
    """How many edits a right word of this many letters tolerates."""
    return next((edits for shortest, edits in EDITS_BY_LENGTH if length >= shortest), 0)


def is_slip_of_a_word(typed: str) -> bool:
    """Tell whether one letter more, less, other or swapped makes a word of what was typed (pinapple)."""
    cuts = [(typed[:at], typed[at:]) for at in range(len(typed) + 1)]
    less = (left + right[1:] for left, right in cuts if right)
    swapped = (left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1)
    more = (left + letter + right for left, right in cuts for letter in ascii_lowercase)
    other = (left + letter + right[1:] for left, right in cuts if right for letter in ascii_lowercase)
    return any(map(is_word, chain(less, swapped, more, other)))
