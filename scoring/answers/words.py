"""From what was typed to comparable words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: words that carry no content; dropped unless nothing else was typed
FUNCTION_WORDS = frozenset({"a", "an", "and", "of", "or", "some", "the", "with"})

#: whole answers that say that nothing was recognised, as normalised words
DONT_KNOW = frozenset(
    {
        ("dont", "know"),
        ("do", "not", "know"),
        ("dunno",),
        ("i", "dont", "know"),
        ("i", "do", "not", "know"),
        ("idk",),
        ("no", "idea"),
        ("none",),
        ("not", "sure"),
        ("nothing",),
        ("unknown",),
    }
)

#: apostrophes, and the dotless i of Turkish keyboards
_SPELT_ALIKE = {**dict.fromkeys(map(ord, "'\u2018\u2019\u02bc\u00b4`"), "'"), ord("\u0131"): "i"}

#: what the categories of Unicode come to among ASCII's lower case letters, digits and signs
_ASCII_PIECE = re.compile("[a-z0-9']+")

#: longest answer that is remembered, letters
_LONGEST = 1000


def normalise(response: str) -> list[str]:
    """Split an answer into its words, in the order typed, in one comparable spelling.

    Unicode NFKC, case folded; Latin letters lose their accents, other scripts keep their marks;
    possessive 's and apostrophes go; everything that is not a letter, mark or digit separates
    words; articles and a few other function words go, unless nothing else was typed.

    >>> normalise("A Sail-Boat!")
    ['sail', 'boat']
    >>> normalise("the dog\u2019s PUPPIES")
    ['dog', 'puppies']
    """
    return list(_remembered(response) if len(response) <= _LONGEST else _normalise(response))


@lru_cache(maxsize=65536)
def _remembered(response: str) -> tuple[str, ...]:
    return _normalise(response)


def _normalise(response: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFKC", response).casefold().translate(_SPELT_ALIKE)
    words = tuple(filter(None, (_bare(piece) for piece in _pieces(folded))))
    content = tuple(word for word in words if word not in FUNCTION_WORDS)
    return content or words


def _pieces(folded: str) -> list[str]:
    if folded.isascii():
        return _ASCII_PIECE.findall(folded)
    visible = (letter for letter in folded if unicodedata.category(letter) != "Cf")
    return "".join(letter if _belongs_to_a_word(letter) else " " for letter in visible).split()


def _belongs_to_a_word(letter: str) -> bool:
    return letter == "'" or unicodedata.category(letter)[0] in "LMN"


def _bare(piece: str) -> str:
    return _without_latin_accents(piece.strip("'").removesuffix("'s").replace("'", ""))


def _without_latin_accents(word: str) -> str:
    if word.isascii():
        return word
    kept, on_latin = [], False
    for letter in unicodedata.normalize("NFD", word):
        is_mark = unicodedata.category(letter) == "Mn"
        on_latin = on_latin if is_mark else "a" <= letter <= "z"
        if not (is_mark and on_latin):
            kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept))


def says_dont_know(words: list[str]) -> bool:
    """Tell whether an answer's words are a way of saying that nothing was recognised."""
    return tuple(words) in DONT_KNOW
