"""Beyond English words and WordNet: other languages, and nearness in meaning. Both only where asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from scoring.answers.kin import is_real_word
from scoring.answers.lexicon import Phrase
from scoring.answers.matching import NAMING, Match, rule_of_run, runs
from scoring.answers.meaning import Meaning
from scoring.answers.target import Target
from scoring.answers.translations import Translations

#: rules by which a translated word names the concept
_FULLY = frozenset({*NAMING, "lexicon_accept", "synonym", "subordinate", "paraphrase"})
_PARTLY = frozenset({"lexicon_partial", "part_of_name", "superordinate", "part", "related"})


@dataclass(frozen=True)
class Beyond:
    """What else words are compared by, where no other rule knows them.

    ``translations``: a word that is no English one counts as what it means in another language
    (``translation``, 1, or ``translated_kin``, 0.5); one that is English too (*cane*) only if it names the
    concept itself. ``meaning``: a word whose cosine with the concept's name is at least ``nearness`` gets
    half credit (``meaning``).
    """

    translations: Translations | None = None
    meaning: Meaning | None = None
    nearness: float = 0.5

    @property
    def version(self) -> str:
        """What is added to a judge's version: languages, and the encoder with its threshold."""
        languages = self.translations.languages if self.translations else ()
        encoder = (f"{self.meaning.encoder}>={self.nearness:g}",) if self.meaning else ()
        return "".join(f"+{part}" for part in (*languages, *encoder))

    def matches(self, words: Phrase, open_at: frozenset[int], target: Target) -> Iterator[Match]:
        """The rules that apply to words at positions that no other rule decided."""
        for start, stop in runs(len(words)) if self.translations else ():
            if open_at.issuperset(range(start, stop)):
                rule = self._translated(words[start:stop], target)
                if rule is not None:
                    yield Match(rule, tuple(range(start, stop)))
        for at in sorted(open_at) if self.meaning else ():
            if self._is_near(words[at], target):
                yield Match("meaning", (at,))

    def _translated(self, run: Phrase, target: Target) -> str | None:
        assert self.translations is not None
        english = sorted(self.translations.english(" ".join(run)))
        rules = {rule_of_run(tuple(one.split()), target) for one in english}
        if "lexicon_reject" in rules:
            return None
        if len(run) == 1 and is_real_word(run[0]):
            return None if rules.isdisjoint(NAMING[:2]) else "translation"
        if not rules.isdisjoint(_FULLY):
            return "translation"
        return None if rules.isdisjoint(_PARTLY) else "translated_kin"

    def _is_near(self, word: str, target: Target) -> bool:
        assert self.meaning is not None
        if word in target.protected:
            return False
        return _cosine(self.meaning, word, " ".join(target.name)) >= self.nearness


@lru_cache(maxsize=65536)
def _cosine(meaning: Meaning, word: str, name: str) -> float:
    return meaning.similarity([word], [name])[0][0]
