from __future__ import annotations

from pathlib import Path

import pytest

from scoring.answers.lexicon import Entry, Lexicon, load_lexicon
from stimuli.errors import UserError


def write(folder: Path, text: str) -> Path:
    path = folder / "lexicon.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_lists_are_normalised(tmp_path: Path) -> None:
    path = write(tmp_path, '["Raised_Hand"]\naccept = ["a Waving hand"]\npartial = ["Palm"]\n')
    entry = load_lexicon(path).entry("raised hand")
    assert entry == Entry(accept=(("waving", "hand"),), partial=(("palm",),))


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeff[sailboat]\naccept = ["yacht"]\n')
    assert load_lexicon(path).entry("sailboat") == Entry(accept=(("yacht",),))


def test_a_concept_that_is_not_in_the_file_has_an_empty_entry(tmp_path: Path) -> None:
    assert load_lexicon(write(tmp_path, "")).entry("sailboat") == Entry()


def test_the_digest_depends_on_the_content_only() -> None:
    one = Lexicon.of({"a": {"accept": ["x"]}, "b": {"accept": ["y"]}})
    same = Lexicon.of({"b": {"accept": ["Y"]}, "a": {"accept": ["x"]}})
    other = Lexicon.of({"a": {"accept": ["x"]}, "b": {"partial": ["y"]}})
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[sailboat]\nacept = ['yacht']\n",
            "has the unknown key 'acept' in [sailboat]; allowed are accept, partial, reject",
        ),
        (
            "[sailboat]\naccept = 'yacht'\n",
            'needs a list of words at \'accept\' in [sailboat]; write such as accept = ["one", "two"]',
        ),
        (
            "[sailboat]\naccept = ['?']\n",
            'needs a list of words at \'accept\' in [sailboat]; write such as accept = ["one", "two"]',
        ),
        (
            "accept = ['yacht']\n",
            "has the key 'accept' outside a table; "
            "write [accept] and below it accept, partial or reject lists",
        ),
        (
            "[sailboat]\naccept = ['yacht']\nreject = ['Yacht']\n",
            "has 'Yacht' in both 'accept' and 'reject' of [sailboat]; keep one",
        ),
        (
            "[sailboat]\n['Sailboat']\n",
            "has [sailboat] and [Sailboat], which are one concept; merge them",
        ),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_lexicon(path)
    assert str(error.value) == f"the lexicon {path} {message}"


def test_no_toml(tmp_path: Path) -> None:
    path = write(tmp_path, "[sailboat\n")
    with pytest.raises(UserError) as error:
        load_lexicon(path)
    assert str(error.value) == (
        f"the lexicon {path} is not valid TOML (Expected ']' at the end of a table declaration "
        "(at line 1, column 10)); correct it or save it as UTF-8"
    )


def test_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(UserError) as error:
        load_lexicon(path)
    assert str(error.value) == (
        f"cannot read the lexicon {path} (No such file or directory); give the path of a TOML file"
    )
