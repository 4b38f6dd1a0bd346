from __future__ import annotations

import pytest

from scoring.answers.words import normalise, says_dont_know


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Sailboat", ["sailboat"]),
        ("  a DOG, the cat ", ["dog", "cat"]),
        ("sail-boat", ["sail", "boat"]),
        ("raised_hand!!", ["raised", "hand"]),
        ("dog\u2019s tail", ["dog", "tail"]),
        ("dogs' tails", ["dogs", "tails"]),
        ("don't know", ["dont", "know"]),
        ("\uff26\uff29\uff32\uff25", ["fire"]),
        ("caf\u00e9", ["cafe"]),
        ("cafe\u0301", ["cafe"]),
        ("火", ["火"]),
        ("が", ["が"]),
        ("हाथ", ["हाथ"]),
        ("the", ["the"]),
        ("2 dogs", ["2", "dogs"]),
        ("?!", []),
        ("", []),
    ],
)
def test_normalise(typed: str, words: list[str]) -> None:
    assert normalise(typed) == words


@pytest.mark.parametrize("typed", ["I don't know", "idk", "No idea.", "dunno", "not sure"])
def test_ways_of_saying_dont_know(typed: str) -> None:
    assert says_dont_know(normalise(typed))


def test_a_thing_is_not_a_dont_know() -> None:
    assert not says_dont_know(normalise("no parking sign"))
