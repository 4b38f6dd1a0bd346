from __future__ import annotations

import pytest

from scoring.answers.inflection import same_word


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dog", "dogs"),
        ("puppies", "puppy"),
        ("movie", "movies"),
        ("bus", "buses"),
        ("box", "boxes"),
        ("cactus", "cacti"),
        ("cactus", "cactuses"),
        ("knife", "knives"),
        ("fisherman", "fishermen"),
        ("tooth", "teeth"),
        ("raised", "raise"),
        ("raising", "raised"),
        ("waving", "wave"),
        ("running", "run"),
        ("carried", "carry"),
        ("potato", "potatoes"),
        ("leaves", "leaf"),
    ],
)
def test_forms_of_one_word(one: str, other: str) -> None:
    assert same_word(one, other)
    assert same_word(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("car", "care"),
        ("car", "caring"),
        ("star", "staring"),
        ("seed", "see"),
        ("ring", "r"),
        ("king", "k"),
        ("bus", "bu"),
        ("glass", "glas"),
        ("cactus", "cactu"),
        ("bed", "b"),
        ("thing", "th"),
        ("hand", "handle"),
        ("man", "mane"),
        ("sail", "sailor"),
    ],
)
def test_different_words(one: str, other: str) -> None:
    assert not same_word(one, other)
