from __future__ import annotations

import pytest

from scoring.answers.kin import is_real_word, kin, modifiers


@pytest.mark.parametrize(
    ("name", "word", "rule"),
    [
        (("fire",), "flame", "synonym"),
        (("fashion", "model"), "model", "synonym"),
        (("puppies",), "puppy", "synonym"),
        (("dog",), "poodle", "subordinate"),
        (("drop",), "raindrop", "subordinate"),
        (("puppy",), "dog", "superordinate"),
        (("sailboat",), "vessel", "superordinate"),
        (("sailboat",), "boat", "superordinate"),
        (("sailboat",), "ship", "superordinate"),
        (("coffee",), "drink", "superordinate"),
        (("apple",), "fruit", "superordinate"),
        (("sailboat",), "mast", "part"),
        (("raised", "hand"), "palm", "related"),
        (("mushroom",), "toadstool", "related"),
        (("drop",), "droplet", "subordinate"),
        (("cat",), "kitten", "subordinate"),
        (("kittens",), "cat", "superordinate"),
        (("wedding",), "marriage", "synonym"),
        (("wedding",), "marry", "related"),
        (("guitarist",), "guitar", "related"),
        (("sailboat",), "yacht", "related"),
        (("coffee", "cup"), "teacup", "superordinate"),
        (("greek", "letter"), "alphabeticcharacter", "related"),
        (("lighthouse",), "beacon", "synonym"),
    ],
)
def test_kin(name: tuple[str, ...], word: str, rule: str) -> None:
    assert kin(name)[word] == rule


@pytest.mark.parametrize(
    ("name", "word"),
    [
        #: the name itself; too general; of the same kind; a sense that nobody means; a rare sense of the word
        (("fire",), "fire"),
        (("puppy",), "animal"),
        (("fashion", "model"), "person"),
        (("dog",), "cat"),
        (("apple",), "pear"),
        (("apple",), "truck"),
        (("hand",), "cowboy"),
        (("hand",), "right"),
        (("butterfly",), "blue"),
        (("trump",), "trumpet"),
        (("river",), "red"),
        (("bicycle",), "cycle"),
        (("man",), "woman"),
        (("sailboat",), "canoe"),
        (("elephant", "trunk"), "luggage"),
        (("raindrop",), "waterfall"),
        (("ice",), "meltwater"),
        (("toilet",), "bedroom"),
        (("angry", "face"), "feeling"),
    ],
)
def test_no_kin(name: tuple[str, ...], word: str) -> None:
    assert word not in kin(name)


@pytest.mark.parametrize("name", [("spongebob",), ("hand", "raised"), ("fire", "qzxy")])
def test_a_name_whose_last_word_wordnet_lacks_has_no_kin(name: tuple[str, ...]) -> None:
    assert kin(name) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("raindrops", {"rain"}), ("butterfly", set()), ("mushroom", set()), ("carpet", set()), ("dog", set())],
)
def test_modifiers(name: str, expected: set[str]) -> None:
    assert modifiers(name) == expected


def test_real_words_are_those_of_wordnet_and_their_inflections() -> None:
    assert all(map(is_real_word, ("frames", "running", "blue", "hands")))
    assert not any(map(is_real_word, ("flamme", "puppi", "catcus")))
