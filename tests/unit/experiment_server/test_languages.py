from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from experiment_server import languages
from experiment_server.languages import Speech, of_study

ROOT = Path(__file__).parents[3]
FRONTEND = ROOT / "experiment_server" / "frontend" / "src"
SOURCES = (FRONTEND, ROOT / "experiment_server" / "participant")
CATALOGUES = sorted(languages.TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))
#: as `make words` names them
KEYWORDS = {**DEFAULT_KEYWORDS, "many": (2, 3)}

Id = str | tuple[str, ...]


def in_the_source() -> Iterator[tuple[str, Id]]:
    """Each of the page's own words, with the file that it stands in."""
    with (languages.TRANSLATIONS / "babel.cfg").open() as file:
        mapping, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    for folder in SOURCES:
        for found in extract_from_dir(folder, mapping, options, keywords=KEYWORDS):
            yield found[0], found[2]


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def forms(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ("",))


def placeholders(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in re.findall(r"\{\w+\}", text)}


def test_the_page_speaks_english_italian_and_spanish() -> None:
    assert {"en", "es", "it"} <= set(languages.tags())


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
class TestCatalogue:
    def test_has_every_message_of_the_source_and_no_other(self, path: Path) -> None:
        assert {message.id for message in read(path) if message.id} == {id for _, id in in_the_source()}
        assert not read(path).obsolete

    def test_translates_every_message(self, path: Path) -> None:
        lacking = [message.id for message in read(path) if not all(forms(message.string))]
        assert lacking == []
        assert [message.id for message in read(path) if message.fuzzy] == []

    def test_keeps_every_placeholder(self, path: Path) -> None:
        wrong = [message.id for message in read(path) if message.id and not keeps_placeholders(message)]
        assert wrong == []

    def test_has_a_form_for_every_number(self, path: Path) -> None:
        catalogue = read(path)
        plural = [message for message in catalogue if message.pluralizable]
        assert {len(forms(message.string)) for message in plural} == {catalogue.num_plurals}

    def test_leaves_space_around_as_it_is(self, path: Path) -> None:
        for message in read(path):
            assert [text for text in forms(message.string) if text != text.strip()] == [] or not message.id


def keeps_placeholders(message: Message) -> bool:
    """One form may leave a number out ("one word"), the last says all that the English one says."""
    english, translated = forms(message.id), forms(message.string)
    known = placeholders(english)
    return placeholders(translated) <= known and placeholders(translated[-1:]) == placeholders(english[-1:])


def test_extraction_finds_every_message_of_the_front_end() -> None:
    """By counting the calls in another way: Babel reads TypeScript as if it were JavaScript."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in FRONTEND.glob("*.ts")}
    called = {
        name: len(re.findall(r"(?<![\w.])(?:_|many)\(\s*(?![\s)])", without_comments(text)))
        for name, text in sources.items()
        if name != "words.ts"
    }
    found = [name for name, _ in in_the_source()]
    assert {name: found.count(name) for name in called} == called
    assert called["strings.ts"] > 80


def without_comments(source: str) -> str:
    return re.sub(r"/\*.*?\*/|^\s*//.*?$", "", source, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("study", "page"),
    [
        ("en", "en"),
        ("it", "it"),
        ("IT", "it"),
        ("it-CH", "it"),
        ("es-419", "es"),
        ("en-GB", "en"),
        ("eo", "en"),
        ("ita", "en"),
        ("zh-Hant-TW", "en"),
    ],
)
def test_a_study_has_its_language_or_a_wider_one_or_english(study: str, page: str) -> None:
    assert of_study(study) == Speech(study, page)


def test_a_catalogue_for_a_region_or_script_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pt", "pt_BR", "zh_Hant"):
        (tmp_path / name / "LC_MESSAGES").mkdir(parents=True)
        (tmp_path / name / "LC_MESSAGES" / "messages.po").touch()
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path)
    assert languages.tags() == ["en", "pt", "pt-BR", "zh-Hant"]
    pages = {tag: of_study(tag).page for tag in ("pt-br", "pt-PT", "zh-Hant-TW", "zh")}
    assert pages == {"pt-br": "pt-BR", "pt-PT": "pt", "zh-Hant-TW": "zh-Hant", "zh": "en"}
    assert of_study("pt-BR").locale == "pt_BR"


@pytest.mark.parametrize(("page", "direction"), [("en", "ltr"), ("it", "ltr"), ("ar", "rtl"), ("he", "rtl")])
def test_direction_is_that_of_the_pages_own_words(page: str, direction: str) -> None:
    assert Speech(page, page).direction == direction


def compiled(folder: Path, locale: str, plural: tuple[str, ...]) -> Path:
    catalogue = Catalog(locale=locale)
    catalogue.add("Thank you!", "</script>&")
    catalogue.add(("one word", "{n} words"), plural)
    content = BytesIO()
    write_mo(content, catalogue)
    (folder / "messages.mo").write_bytes(content.getvalue())
    return folder / "messages.mo"


@pytest.mark.parametrize(
    ("locale", "plural", "expected"),
    [
        (
            "it",
            ("una parola", "{n} parole"),
            {"one": "una parola", "other": "{n} parole", "many": "{n} parole"},
        ),
        ("pl", ("słowo", "{n} słowa", "{n} słów"), {"one": "słowo", "few": "{n} słowa", "many": "{n} słów"}),
        ("ja", ("{n}語",), {"other": "{n}語"}),
    ],
)
def test_each_plural_category_has_its_form(
    tmp_path: Path, locale: str, plural: tuple[str, ...], expected: dict[str, str]
) -> None:
    found = languages.messages(compiled(tmp_path, locale, plural), locale)
    assert found == {"Thank you!": "</script>&", "one word": expected}


def test_words_cannot_end_the_element_that_they_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ja" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    compiled(folder, "ja", ("{n}語",))
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path)
    words = '"Thank you!":"\\u003c/script\\u003e\\u0026","one word":{"other":"{n}語"}'
    assert languages.words(Speech("ja", "ja")) == f'{{"language":"ja","messages":{{{words}}}}}'
