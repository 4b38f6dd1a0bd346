from __future__ import annotations

import subprocess
import sys

import pytest

from scoring.answers import (
    JUDGE_VERSION,
    RULES,
    UNDECIDED,
    Judgement,
    Lexicon,
    judge,
    judge_against_all,
    named,
)
from stimuli.errors import UserError

LEXICON = Lexicon.of(
    {
        "sailboat": {"accept": ["yacht", "sailing ship"], "partial": ["boat"], "reject": ["sailbot"]},
        "fire": {"accept": ["flame"]},
        "raised hand": {"partial": ["palm"], "reject": ["hand"]},
    }
)
OTHERS = ("fire", "hand", "plane")


@pytest.mark.parametrize(
    ("concept", "response", "hard", "soft", "rule"),
    [
        ("sailboat", "Sailboat", True, 1.0, "exact"),
        ("sailboat", "sail boat", True, 1.0, "exact"),
        ("sailboat", "sailboats", True, 1.0, "inflection"),
        ("sailboat", "sialboat", True, 1.0, "spelling"),
        ("sailboat", "sialboats", True, 1.0, "spelling"),
        ("sailboat", "sailbot", False, 0.0, "lexicon_reject"),
        ("sailboat", "yachts", False, 1.0, "lexicon_accept"),
        ("sailboat", "yatch", False, 1.0, "lexicon_accept"),
        ("sailboat", "sailing ship", False, 1.0, "lexicon_accept"),
        ("sailboat", "boats", False, 0.5, "lexicon_partial"),
        ("sailboat", "sailbot yacht", False, 1.0, "lexicon_accept"),
        ("sailboat", "car", False, 0.0, "no_match"),
        ("sailboat", "sailingboat", False, 1.0, "synonym"),
        ("sailboat", "seasailboat", True, 1.0, "spelling"),
        ("sailboat", "sailing", False, 0.5, "part"),
        ("sailboat", "masts", False, 0.5, "part"),
        ("sailboat", "", False, 0.0, "no_answer"),
        ("sailboat", "  ?", False, 0.0, "no_answer"),
        ("sailboat", "I don't know", False, 0.0, "no_answer"),
        ("sailboat", "I do not know", False, 0.0, "no_answer"),
        ("fire", "frame", False, 0.0, "no_match"),
        ("fire", "campfires", False, 1.0, "subordinate"),
        ("fire", "firetruck", False, 0.0, "no_match"),
        ("fashion model", "models", False, 1.0, "synonym"),
        ("fashion model", "mannequins, shop", False, 1.0, "synonym"),
        ("fashion model", "manequin", False, 1.0, "synonym"),
        ("fashion model", "modelpurple", False, 1.0, "synonym"),
        ("fashion model", "woman", False, 0.0, "no_match"),
        ("puppies", "puppy, basket", True, 1.0, "inflection"),
        ("puppies", "dogs", False, 0.5, "superordinate"),
        ("puppies", "animal", False, 0.0, "no_match"),
        ("dog", "puppies", False, 1.0, "subordinate"),
        ("raindrops", "drop", False, 0.5, "superordinate"),
        ("raindrops", "rain", False, 0.5, "part_of_name"),
        ("drop", "raindrops", False, 1.0, "subordinate"),
        ("raindrops", "drops,rain", True, 1.0, "inflection"),
        ("spongebob squarepants", "sponge,bob", False, 1.0, "distinctive_part"),
        ("spongebob squarepants", "spungebob", False, 1.0, "distinctive_part"),
        ("spongebob squarepants", "sponge", False, 0.0, "no_match"),
        ("fire", "FİRE", True, 1.0, "exact"),
        ("fire", "fi\u200bre", True, 1.0, "exact"),
        ("fire", "firee", True, 1.0, "spelling"),
        ("dog", "dogg", True, 1.0, "spelling"),
        ("ear", "earring", False, 0.0, "no_match"),
        ("carpet", "pet", False, 0.0, "no_match"),
        ("butterfly", "fly", False, 0.0, "no_match"),
        ("mushroom", "toadstool", False, 0.5, "related"),
        ("mushroom", "fungus", False, 0.5, "superordinate"),
        ("raised hand", "hand,raise", True, 1.0, "inflection"),
        ("raised hand", "raised arm", False, 0.5, "part_of_name"),
        ("raised hand", "hands", False, 0.0, "lexicon_reject"),
        ("raised hand", "Raised-Hand", True, 1.0, "exact"),
        ("mushroom", "shrooms", True, 1.0, "spelling"),
        ("mushroom", "room", False, 0.0, "no_match"),
        ("dragon", "dragonfy", False, 0.0, "no_match"),
        ("apple", "pinapple", False, 0.0, "no_match"),
        ("saw", "sawmill", False, 0.0, "no_match"),
        ("lake", "lakefront", False, 0.0, "no_match"),
        ("fire", "volley", False, 0.0, "no_match"),
        ("bed", "screw", False, 0.0, "no_match"),
        ("toilet", "bedroom", False, 0.0, "no_match"),
        ("motorcycle", "car", False, 0.0, "no_match"),
        ("raindrops", "droplets", False, 0.5, "superordinate"),
        ("flying bird", "bird, wing", False, 0.5, "part_of_name"),
        ("running dog", "dog, fox, hare", False, 0.5, "part_of_name"),
        ("running dog", "dogs jogging", False, 1.0, "paraphrase"),
        ("red car", "red vehicle", False, 0.5, "part_of_name"),
        ("hot dog", "hot puppy", False, 0.5, "part_of_name"),
        ("strawberry", "berry", False, 0.5, "superordinate"),
        ("crying baby", "sobbing infant", False, 0.5, "related"),
        ("crying baby", "crying toddler", False, 0.5, "part_of_name"),
        ("crying baby", "newborn, crying", False, 1.0, "paraphrase"),
        ("crying baby", "baby screaming", False, 1.0, "paraphrase"),
        ("tennis player", "tennis, athlete", False, 1.0, "paraphrase"),
        ("tennis player", "playing tennis", False, 1.0, "paraphrase"),
        ("fire truck", "fire, person", False, 0.5, "part_of_name"),
        ("spider web", "cobwebs", False, 0.5, "related"),
        ("wedding", "getting married", False, 0.5, "related"),
        ("raised hand", "palms", False, 0.5, "lexicon_partial"),
    ],
)
def test_rules(concept: str, response: str, hard: bool, soft: float, rule: str) -> None:
    found = judge(concept, response, LEXICON)
    assert (found.hard, found.soft, found.rule) == (hard, soft, rule)


def test_every_word_keeps_a_score() -> None:
    assert judge("sailboat", "water boat yacht", LEXICON).word_scores == (0.0, 0.5, 1.0)


def test_words_after_the_third_do_not_count() -> None:
    found = judge("dog", "cat horse cow dog")
    assert found == Judgement(False, 0.0, "no_match", JUDGE_VERSION, (0.0, 0.0, 0.0))


def test_a_part_of_the_name_is_partial_unless_it_is_another_concept() -> None:
    assert judge("raised hand", "hands").soft == 0.5
    assert judge("raised hand", "hand", others=OTHERS).soft == 0.0


def test_a_paraphrase_takes_no_word_that_the_lexicon_or_another_concept_has() -> None:
    assert judge("raised hand", "raised fist").rule == "paraphrase"
    assert judge("raised hand", "raised fist", others=["fist"]).soft == 0.5
    assert judge("raised hand", "raised fist", others=["raised fists"]).soft == 0.5
    for lexicon in (
        {"reject": ["fists"]},
        {"partial": ["raised fist"]},
        {"reject": ["raise"], "partial": ["fist"]},
    ):
        assert judge("raised hand", "raised fist", Lexicon.of({"raised hand": lexicon})).soft == 0.5


def test_a_piece_of_the_name_is_no_other_concept() -> None:
    assert judge("mushroom", "shroom", others=["shrooms"]).soft == 0.0


def test_another_concept_is_never_a_misspelling() -> None:
    assert judge("planet", "plane", others=OTHERS).soft == 0.0
    assert judge("xylophone", "xylophony").soft == 1.0
    assert judge("xylophone", "xylophony", others=["xylophony"]).soft == 0.0


def test_what_names_another_concept_is_no_kin_of_this_one() -> None:
    assert judge("puppies", "dog").rule == "superordinate"
    assert judge("puppies", "dog", others=["dog"]).soft == 0.0
    assert judge("raindrops", "rain", others=["rain"]).soft == 0.0


def test_another_concept_is_known_in_all_its_forms() -> None:
    assert judge("puppies", "dog", others=["dogs"]).soft == 0.0
    assert judge("fire", "flame", others=["flame"]).soft == 0.0
    assert judge("fire", "flames", others=["flame"]).soft == 0.0
    assert judge("dog", "puppy", others=["puppies"]).soft == 0.0


def test_a_form_of_the_name_is_hard_though_the_lexicon_has_it_too() -> None:
    lexicon = Lexicon.of({"cactus": {"accept": ["cacti", "saguaro"]}})
    assert judge("cactus", "cacti", lexicon).rule == "inflection"
    assert judge("cactus", "saguaros", lexicon).rule == "lexicon_accept"


def test_a_word_of_two_names_or_of_the_lexicon_names_neither_alone() -> None:
    concept, other = "spongebob squarepants", "spongebob house"
    assert judge(concept, "spongebob").soft == 1.0
    assert judge(concept, "spongebob", others=[other]).soft == 0.5
    assert judge(concept, "squarepants", others=[other]).soft == 1.0
    assert judge(concept, "spongebob", Lexicon.of({concept: {"reject": ["spongebob"]}})).soft == 0.0


def test_a_very_long_answer_takes_no_long_time() -> None:
    assert judge("fire", "x" * 200_000).rule == "no_match"


def test_the_lexicon_is_stronger_than_wordnet() -> None:
    lexicon = Lexicon.of({"fire": {"reject": ["flame"], "partial": ["bonfire"], "accept": ["heat"]}})
    found = [judge("fire", word, lexicon) for word in ("flames", "bonfire", "heat", "campfire")]
    assert [one.rule for one in found] == [
        "lexicon_reject",
        "lexicon_partial",
        "lexicon_accept",
        "subordinate",
    ]


def test_an_answer_is_judged_against_all_concepts() -> None:
    concepts = ("fire", "puppies", "dog", "raised hand")
    found = judge_against_all("a dog, by the campfire", concepts)
    assert {concept: one.rule for concept, one in found.items()} == {
        "fire": "subordinate",
        "puppies": "no_match",
        "dog": "exact",
        "raised hand": "no_match",
    }


@pytest.mark.parametrize(
    ("response", "concept"),
    [
        ("dog", "dog"),
        ("puppy", "puppies"),
        ("campfire", "fire"),
        ("dog fire", "dog"),
        ("campfire dog", "dog"),
        ("sky", None),
        ("", None),
        ("canine", None),
    ],
)
def test_the_concept_that_is_named(response: str, concept: str | None) -> None:
    assert named(response, ("puppies", "dog", "fire")) == concept


def test_undecided_rules_are_rules_and_leave_out_what_is_sure() -> None:
    assert set(RULES) > UNDECIDED
    assert not UNDECIDED & {"exact", "inflection", "spelling", "synonym", "lexicon_accept", "lexicon_reject"}


def test_the_version_says_which_lexicon() -> None:
    assert judge("fire", "fire").version == JUDGE_VERSION
    assert judge("fire", "fire", LEXICON).version == f"{JUDGE_VERSION}+{LEXICON.digest}"


def test_a_concept_without_letters() -> None:
    with pytest.raises(UserError) as error:
        judge("?!", "dog")
    assert str(error.value) == "the concept '?!' has no letter or digit to compare with; name it in words"


def test_the_judge_loads_no_numerical_library() -> None:
    heavy = "{'numpy', 'pandas', 'scipy', 'torch', 'pyarrow'}"
    code = f"import sys, scoring.answers; sys.exit(sorted({heavy} & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
