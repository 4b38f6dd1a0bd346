"""What an answer is compared with: a concept's name, the study's lexicon for it, and the name's kin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

from scoring.answers.inflection import base_forms, same_word
from scoring.answers.kin import SYNONYM, is_real_word, kin, modifiers
from scoring.answers.lexicon import Entry, Phrase
from scoring.answers.stand_ins import StandIns, stand_ins
from scoring.answers.wordnet import senses
from scoring.answers.words import normalise
from stimuli.errors import UserError

#: a phrase and where it stands: "name", a list of the lexicon, or "synonym"
Listed = tuple[str, Phrase]


@dataclass(frozen=True)
class Target:
    """What an answer is compared with.

    ``others``: the other concepts' names, written together; ``protected``: every word that is known in
    its own right, and therefore no misspelling of another; ``listed``: the name, the lexicon's phrases
    and the synonyms, what is rejected before what is not.
    """

    name: Phrase
    entry: Entry
    others: frozenset[str]
    protected: frozenset[str]
    listed: tuple[Listed, ...]

    @cached_property
    def kin(self) -> Mapping[str, str]:
        """Words that WordNet relates to the name -> rule, but not what names another concept."""
        return _apart_from(self.others, kin(self.name))

    @cached_property
    def modifiers(self) -> frozenset[str]:
        """The first parts of a name that is written as one word, but not what names another concept."""
        own = modifiers(self.name[0]) if len(self.name) == 1 else frozenset()
        return frozenset(_apart_from(self.others, dict.fromkeys(own, "")))

    @cached_property
    def halves(self) -> tuple[tuple[str, str], ...]:
        """The parts of a name that is written as one word, as rain and drops."""
        own = self.name[0]
        return tuple(
            (part, own.removeprefix(part)) for part in sorted(self.modifiers) if own.startswith(part)
        )

    @cached_property
    def distinctive(self) -> tuple[str, ...]:
        """Words of a name of several words, unknown as a whole, that no other name has (spongebob)."""
        if len(self.name) == 1 or senses(" ".join(self.name)):
            return ()
        own = (word for word in self.name if not any(word in other for other in self.others))
        return tuple(word for word in own if len(word) > 3 and not is_real_word(word))

    @cached_property
    def stand_ins(self) -> tuple[StandIns, ...]:
        """For each word of the name, the words that mean it there."""
        return tuple(stand_ins(self.name, at) for at in range(len(self.name)))

    @cached_property
    def protected_forms(self) -> frozenset[str]:
        """What is known in its own right, and whatever that may be an inflection of."""
        return frozenset(form for word in self.protected for form in base_forms(word))

    @cached_property
    def phrases(self) -> tuple[tuple[int, Phrase], ...]:
        """The listed phrases of several words, and their places among the listed."""
        return tuple((at, phrase) for at, (_, phrase) in enumerate(self.listed) if len(phrase) > 1)

    @cached_property
    def exact(self) -> Mapping[str, str]:
        """Every listed phrase, written together -> where it stands; the first place counts."""
        return {"".join(phrase): where for where, phrase in reversed(self.listed)}

    @cached_property
    def inflected(self) -> Mapping[str, int]:
        """Every base form of a listed phrase, written together -> its place among the listed."""
        places = reversed(list(enumerate(self.listed)))
        return {form: at for at, (_, phrase) in places for form in base_forms("".join(phrase))}

    @cached_property
    def words(self) -> frozenset[str]:
        """Everything that a word may be, as it is or after inflection, to match by more than a slip."""
        return frozenset(self.exact) | frozenset(self.inflected) | frozenset(self.kin)

    @cached_property
    def by_letter(self) -> Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]:
        """What a misspelt word may have meant by its first letter: where it stands, and its base forms."""
        forms = [
            (where, tuple(sorted(base_forms("".join(phrase)))))
            for where, phrase in self.listed
            if where != "reject"
        ]
        letters = {forms[0][0] for _, forms in forms}
        return {letter: tuple(one for one in forms if one[1][0][0] == letter) for letter in letters}


@lru_cache(maxsize=512)
def target(concept: str, entry: Entry, others: tuple[str, ...]) -> Target:
    """Prepare a concept for comparison; ``others`` are the study's other concepts.

    Raises UserError if the concept has no letter or digit.
    """
    name = tuple(normalise(concept))
    if not name:
        raise UserError(f"the concept {concept!r} has no letter or digit to compare with; name it in words")
    names = {tuple(normalise(other)) for other in others} - {name}
    known = (name, *names, *entry.accept, *entry.partial, *entry.reject)
    protected = frozenset(chain(("".join(phrase) for phrase in known), *known))
    whole = frozenset("".join(other) for other in names)
    own = _apart_from(whole, kin(name))
    synonyms = [(word,) for word, rule in own.items() if rule == SYNONYM and word not in protected]
    synonyms = [one for one in synonyms if not same_word(one[0], "".join(name))]
    return Target(name, entry, whole, protected, _listed(name, entry, synonyms))


def _listed(name: Phrase, entry: Entry, synonyms: Iterable[Phrase]) -> tuple[Listed, ...]:
    lists: dict[str, Iterable[Phrase]] = {
        "reject": entry.reject,
        "name": (name,),
        "accept": [phrase for phrase in entry.accept if not same_word("".join(phrase), "".join(name))],
        "partial": entry.partial,
        "synonym": synonyms,
    }
    return tuple((where, phrase) for where, phrases in lists.items() for phrase in phrases)


def _apart_from(others: frozenset[str], words: Mapping[str, str]) -> dict[str, str]:
    """Leave out words that are forms of other concepts' names."""
    taken = {form for other in others for form in base_forms(other)}
    return {word: rule for word, rule in words.items() if taken.isdisjoint(base_forms(word))}
