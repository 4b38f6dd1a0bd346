"""The languages that the participant's page speaks: English in the source, others from catalogues.

A study's texts may be in any language. The page's own words are in the study's language where
``translations/`` has a catalogue of it, else in English. Languages are BCP 47 tags; a catalogue's folder
writes them with an underscore (``pt_BR``), as gettext does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import flask
from babel import Locale
from babel.support import Translations
from flask_babel import Babel
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

TRANSLATIONS = Path(__file__).parent / "translations"
DOMAIN = "messages"
ENGLISH = "en"

#: numbers among which every plural category of every language has one
NUMBERS = (*range(200), 1_000_000)


@dataclass(frozen=True)
class Speech:
    """Who speaks which language on a page, as BCP 47 tags."""

    #: of the study's texts
    study: str
    #: of the page's own words
    page: str

    @property
    def locale(self) -> str:
        """The page's language, as gettext writes it."""
        return self.page.replace("-", "_")

    @property
    def mixed(self) -> bool:
        """Whether the study's texts are in another language than the page's own words."""
        return self.study.lower().split("-")[0] != self.page.lower().split("-")[0]

    @property
    def direction(self) -> str:
        """In which direction the page's own words are read: ltr or rtl."""
        return Locale.parse(self.locale).text_direction


def speak(app: flask.Flask) -> None:
    """Let an application's templates speak the language that a request's ``use`` names."""
    Babel(app, default_locale=ENGLISH, default_domain=DOMAIN, locale_selector=_selected)


def use(speech: Speech) -> None:
    """Answer this request in a language."""
    flask.g.speech = speech


def _selected() -> str:
    speech: Speech = flask.g.get("speech") or of_reader()
    return speech.locale


def of_study(language: str) -> Speech:
    """How the pages of a study speak, given the language of its texts."""
    return Speech(language, _nearest(language, tags()) or ENGLISH)


def of_reader() -> Speech:
    """How a page without a study speaks: as the reader's browser asks, where it can."""
    able = [tag for tag in tags() if is_compiled(Speech(tag, tag))]
    asked = (tag for tag, quality in flask.request.accept_languages if quality > 0)
    best = next(filter(None, (_nearest(tag, able) for tag in asked)), ENGLISH)
    return Speech(best, best)


def _nearest(language: str, known: Sequence[str]) -> str | None:
    """The known language that is this one, or says less of it (RFC 4647 lookup): "it" for "it-CH"."""
    folded = {tag.lower(): tag for tag in known}
    parts = language.lower().split("-")
    wider = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((folded[tag] for tag in wider if tag in folded), None)


def tags() -> list[str]:
    """The languages of the page's own words: English, and every one that has a catalogue, in order."""
    found = {path.parts[-3].replace("_", "-") for path in TRANSLATIONS.glob(f"*/LC_MESSAGES/{DOMAIN}.[pm]o")}
    return [ENGLISH, *sorted(found)]


def compiled(speech: Speech) -> Path:
    """Where the compiled catalogue of the page's language is."""
    return TRANSLATIONS / speech.locale / "LC_MESSAGES" / f"{DOMAIN}.mo"


def is_compiled(speech: Speech) -> bool:
    """Whether the page can speak its language; English needs no catalogue."""
    return speech.page == ENGLISH or compiled(speech).is_file()


@functools.cache
def words(speech: Speech) -> Markup | None:
    """The page's own words as JSON that may stand inside a script element; None for English.

    ``{"language": tag, "messages": {English: translation}}``; the translation of a message with a number in
    it is an object, with one for each plural category of the language, as ``Intl.PluralRules`` calls them.
    """
    if speech.page == ENGLISH:
        return None
    document = {"language": speech.page, "messages": messages(compiled(speech), speech.locale)}
    dump = functools.partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
    return htmlsafe_json_dumps(document, dump)


def messages(catalogue: Path, locale: str) -> dict[str, str | dict[str, str]]:
    """Every translation of a compiled catalogue, by its English message."""
    from babel.messages.mofile import read_mo

    with catalogue.open("rb") as file:
        identities = [message.id for message in read_mo(file) if message.id]
    with catalogue.open("rb") as file:
        translations = Translations(file)
    samples = _samples(locale)
    return {
        **{one: translations.gettext(one) for one in identities if isinstance(one, str)},
        **{
            one: {category: translations.ngettext(one, other, n) for category, n in samples.items()}
            for one, other in (pair for pair in identities if not isinstance(pair, str))
        },
    }


def _samples(locale: str) -> dict[str, int]:
    """One number of each plural category of a language."""
    category = Locale.parse(locale).plural_form
    return {category(number): number for number in reversed(NUMBERS)}
