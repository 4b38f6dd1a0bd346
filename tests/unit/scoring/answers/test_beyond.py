from __future__ import annotations

import pytest

from scoring.answers import Lexicon, judge, named
from scoring.answers.beyond import Beyond
from scoring.answers.meaning import Meaning
from scoring.answers.translations import Translations


@pytest.fixture(scope="module")
def italian() -> Beyond:
    return Beyond(Translations(["it"]))


@pytest.fixture(scope="module")
def meaning() -> Beyond:
    return Beyond(meaning=Meaning("wordllama"))


@pytest.mark.parametrize(
    ("concept", "response", "rule", "soft"),
    [
        ("fire", "fiamme", "translation", 1.0),
        ("hand", "mani, cartone", "translation", 1.0),
        ("sailboat", "una barca a vela", "translation", 1.0),
        ("sailboat", "barca", "translated_kin", 0.5),
        ("dog", "cane", "translation", 1.0),
        #: an English word too, which does not name the concept itself
        ("puppies", "cane", "no_match", 0.0),
        ("fire", "cartone", "no_match", 0.0),
        ("fire", "flames, fiamme", "synonym", 1.0),
    ],
)
def test_words_of_another_language(
    concept: str, response: str, rule: str, soft: float, italian: Beyond
) -> None:
    found = judge(concept, response, beyond=italian)
    assert (found.rule, found.soft, found.hard) == (rule, soft, False)


def test_without_the_language_they_are_not_known() -> None:
    assert judge("fire", "fiamme").rule == "no_match"


def test_a_translation_may_be_the_lexicons(italian: Beyond) -> None:
    lexicon = Lexicon.of({"sailboat": {"accept": ["boat"]}, "fire": {"reject": ["flame", "fire"]}})
    assert judge("sailboat", "barca", lexicon, beyond=italian).rule == "translation"
    assert judge("fire", "fiamme", lexicon, beyond=italian).soft == 0.0


def test_nearness_in_meaning_gives_half(meaning: Beyond) -> None:
    near = Beyond(meaning=meaning.meaning, nearness=0.3)
    assert judge("sailboat", "sea", beyond=near).rule == "meaning"
    assert judge("sailboat", "sea", beyond=near).soft == 0.5
    assert judge("sailboat", "sea", beyond=meaning).rule == "no_match"
    assert judge("sailboat", "sea", others=["sea"], beyond=near).rule == "no_match"


def test_the_version_says_what_was_used(italian: Beyond, meaning: Beyond) -> None:
    both = Beyond(italian.translations, meaning.meaning, nearness=0.4)
    assert judge("fire", "x", beyond=both).version == "judge-2+it+wordllama>=0.4"


def test_a_concept_is_named_in_another_language(italian: Beyond) -> None:
    assert named("fiamme", ["fire", "hand"]) is None
    assert named("fiamme", ["fire", "hand"], beyond=italian) == "fire"
