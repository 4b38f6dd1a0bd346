from __future__ import annotations

import pytest

from scoring.answers.stand_ins import is_defined_by, stand_ins


@pytest.mark.parametrize(
    ("name", "at", "word"),
    [
        (("crying", "baby"), 0, "sob"),
        (("crying", "baby"), 0, "weep"),
        (("crying", "baby"), 1, "infant"),
        (("smiling", "woman"), 0, "grin"),
        (("smiling", "woman"), 1, "bridesmaid"),
        (("fire", "truck"), 1, "motortruck"),
        (("crying", "baby"), 1, "child"),
        (("tennis", "player"), 1, "play"),
        (("tennis", "player"), 1, "athlete"),
    ],
)
def test_words_that_stand_for_one_of_a_name(name: tuple[str, ...], at: int, word: str) -> None:
    assert word in stand_ins(name, at).things | stand_ins(name, at).doings


@pytest.mark.parametrize(
    ("name", "at", "word"),
    [
        #: an opposite; a part; a kind of a word that is not the last; too general; a verb of no participle;
        #: steps up; kinds of the last word of a name that WordNet knows
        (("crying", "baby"), 0, "laugh"),
        (("raised", "hand"), 1, "palm"),
        (("fire", "truck"), 0, "campfire"),
        (("crying", "baby"), 1, "person"),
        (("water", "bottle"), 0, "irrigate"),
        (("red", "car"), 1, "vehicle"),
        (("hot", "dog"), 1, "puppy"),
    ],
)
def test_words_that_do_not(name: tuple[str, ...], at: int, word: str) -> None:
    assert word not in stand_ins(name, at).things | stand_ins(name, at).doings


def test_a_name_that_wordnet_lacks_has_no_stand_ins() -> None:
    assert stand_ins(("zzqx", "qqzx"), 0) == stand_ins(("zzqx", "qqzx"), 1) == (frozenset(), frozenset())


def test_nouns_defined_by_a_name() -> None:
    assert is_defined_by("cobweb", ("spider", "web"))
    assert is_defined_by("cobwebs", ("spider", "web"))
    assert not is_defined_by("spider", ("spider", "web"))
    assert not is_defined_by("qqzx", ("spider", "web"))
