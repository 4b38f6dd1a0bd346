from __future__ import annotations

from pathlib import Path

import pytest

from scoring.answers import wordnet
from scoring.answers.wordnet import (
    BROADER,
    DERIVED,
    FOLDER,
    NARROWER,
    PART,
    closure,
    defined_as,
    gloss,
    is_word,
    senses,
    synset,
)
from stimuli.errors import UserError


def test_every_name_of_an_index_is_found_with_its_senses() -> None:
    lines = (FOLDER / "index.noun").read_text(encoding="utf-8").splitlines()
    names = {line.split()[0]: line.split() for line in lines if not line.startswith(" ")}
    for name in [*list(names)[::997], min(names), max(names)]:
        fields = names[name]
        assert senses(name) == tuple(map(int, fields[-int(fields[2]) :]))


def test_a_synset_reads_as_the_database_says() -> None:
    (sailboat,) = senses("sailboat")
    found = synset(sailboat)
    assert found.words == ("sailboat", "sailing boat")
    assert found.field == 6
    assert gloss(sailboat) == "a small sailing vessel"
    assert found.text.strip() == "a small sailing vessel; usually with a single mast"
    assert [synset(at).words[0] for at in found.to(BROADER)] == ["sailing vessel"]
    assert {synset(at).words[0] for at in found.to(NARROWER)} == {"catboat", "sharpie", "trimaran"}
    assert [synset(at).words[0] for at in found.to(PART)] == ["centerboard"]


def test_a_verb_has_kinds_and_a_noun_verbs_of_its_root() -> None:
    weep = next(at for at in senses("cry", "verb") if "weep" in synset(at, "verb").words)
    assert "sob" in {
        word for at in synset(weep, "verb").to(NARROWER, "verb") for word in synset(at, "verb").words
    }
    assert synset(senses("guitarist")[0]).to(DERIVED) == senses("guitar")
    (marry,) = synset(senses("wedding")[0]).to(DERIVED, "verb")
    assert "marry" in synset(marry, "verb").words


def test_nouns_by_their_definition() -> None:
    kittens = [synset(at).words for at in defined_as("cat", 4)]
    assert ("kitten", "kitty") in kittens
    assert all(gloss(at).endswith(" cat") for at in defined_as("cat", 4))
    assert not list(defined_as("cat", 1))


@pytest.mark.parametrize("word", ["dog", "quickly", "beautiful", "raise", "zebra", "aardvark"])
def test_words(word: str) -> None:
    assert is_word(word)


@pytest.mark.parametrize("word", ["", "dgo", "zzzz", "sailbaot", "\u00e9\u00e9", "1530-1609x"])
def test_no_words(word: str) -> None:
    assert not is_word(word)
    assert senses(word) == ()


def test_a_closure_counts_its_steps_and_stops_at_its_limit() -> None:
    above = closure(senses("puppy")[:1], BROADER, 100)
    steps = {synset(at).words[0]: step for at, step in above.items()}
    assert [steps[word] for word in ("dog", "canine", "carnivore")] == [1, 2, 3]
    assert steps["entity"] == max(steps.values())
    with pytest.raises(OverflowError):
        closure(senses("animal")[:1], NARROWER, 100)


def test_where_wordnet_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wordnet.senses.cache_clear()
    wordnet._file.cache_clear()
    monkeypatch.setattr(wordnet, "FOLDER", tmp_path)
    with pytest.raises(UserError) as error:
        senses("sailboat")
    assert str(error.value) == "WordNet, which answers are judged with, is not installed; run: make setup"
    monkeypatch.undo()
    assert senses("sailboat")
