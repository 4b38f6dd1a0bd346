from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scoring.answers import MAX_WORDS, RULES, Lexicon, judge, normalise
from scoring.answers.inflection import same_word
from scoring.answers.wordnet import FOLDER

CONCEPTS = ("sailboat", "raised hand", "fire", "cactus", "dog")
LEXICON = Lexicon.of({"sailboat": {"accept": ["yacht"], "partial": ["boat"], "reject": ["sailer"]}})
concepts = st.sampled_from(CONCEPTS)
INDEX = (FOLDER / "index.noun").read_text(encoding="utf-8").splitlines()
#: nouns of which WordNet has met every sense in running text, so that they are no rarities
NOUNS = [
    name for name, *facts in map(str.split, INDEX) if name.isalpha() and facts[1] == facts[-int(facts[1]) - 1]
]
nouns = st.sampled_from(NOUNS)


@given(st.text())
def test_normalising_again_changes_nothing(text: str) -> None:
    words = normalise(text)
    assert normalise(" ".join(words)) == words


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_is_split_as_any_other_is(text: str) -> None:
    assert normalise(text) == normalise(f"{text}\u200b")


@given(concepts, st.text(max_size=60))
def test_a_judgement_is_consistent_with_itself(concept: str, response: str) -> None:
    found = judge(concept, response, LEXICON, others=CONCEPTS)
    assert found.soft == RULES[found.rule] == max(found.word_scores, default=0.0)
    assert len(found.word_scores) <= MAX_WORDS
    assert not found.hard or found.soft == 1.0


@given(concepts, st.sampled_from(["{}", "A {}!", "the {}s", " {} ", "{},thing", "thing {}"]))
def test_the_name_is_recognised_in_any_dress(concept: str, dress: str) -> None:
    assert judge(concept, dress.format(concept.upper())).hard


@given(nouns, nouns)
def test_two_common_words_are_never_equated_unless_they_are_one_word(concept: str, typed: str) -> None:
    assert judge(concept, typed).hard == same_word(concept, typed)


@given(nouns, nouns, nouns)
def test_the_order_of_the_words_does_not_change_the_best_score(concept: str, one: str, other: str) -> None:
    together = {judge(concept, f"{a}{b}").rule for a, b in ((one, other), (other, one))}
    if together == {"no_match"}:
        assert judge(concept, f"{one} {other}").soft == judge(concept, f"{other} {one}").soft
