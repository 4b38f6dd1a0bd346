"""The rules: which of an answer's words name a concept, and by which of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from scoring.answers.inflection import PLURAL_ENDS, base_forms, same_word, singulars
from scoring.answers.kin import is_real_word
from scoring.answers.lexicon import Phrase
from scoring.answers.spelling import is_misspelling, is_slip_of_a_word
from scoring.answers.stand_ins import StandIns, is_defined_by
from scoring.answers.target import Target
from scoring.answers.wordnet import senses

#: rules by which the name itself was typed, the surest first
NAMING = ("exact", "inflection", "spelling")

#: letters of the shorter of two words that were run together, and of both
_SHORTEST_PART, _LONGEST_RUN = 3, 40
#: letters of a name that was cut short, and its share of the whole
_SHORTEST_PIECE, _PIECE_OF_WHOLE = 5, 0.6


class Match(NamedTuple):
    """A rule that applies to the typed words at these positions."""

    rule: str
    positions: tuple[int, ...]


def matches(words: Phrase, target: Target) -> Iterator[Match]:
    """Every rule that applies to a run of neighbouring words, or to the name's words apart."""
    for start, stop in runs(len(words)):
        rule = rule_of_run(words[start:stop], target)
        if rule is not None:
            yield Match(rule, tuple(range(start, stop)))
    if len(target.name) > 1:
        yield from _matches_of_parts(words, target)
        yield from _distinctive(words, target)
    else:
        yield from _matches_of_halves(words, target)


@lru_cache(maxsize=16)
def runs(n_words: int) -> tuple[tuple[int, int], ...]:
    """Where the runs of neighbouring words begin and end."""
    return tuple((start, stop) for start in range(n_words) for stop in range(start + 1, n_words + 1))


def rule_of_run(run: Phrase, target: Target) -> str | None:
    """The rule for one run of words: as written or inflected, then what it means, then misspelt."""
    typed = "".join(run)
    found = _as_listed(run, typed, target) or _as_kin(typed, target) or _as_slip(run, typed, target)
    if found is None and len(run) == 1:
        found = (
            _as_modifier(typed, target)
            or _as_two_words(typed, target)
            or _as_piece(typed, target)
            or _as_defined(typed, target)
        )
    return found


def _as_piece(typed: str, target: Target) -> str | None:
    """No word, but most of the name from its beginning or to its end (shroom)."""
    name = target.name[0]
    ways = (typed, typed[:-1]) if typed.endswith("s") else (typed,)
    most = max(_SHORTEST_PIECE, _PIECE_OF_WHOLE * len(name))
    if len(target.name) > 1 or not any(len(one) >= most and _begins_or_ends(name, one) for one in ways):
        return None
    known = not target.protected_forms.isdisjoint(base_forms(typed)) or is_real_word(typed)
    return None if known or any(is_misspelling(typed, one) for one in target.others) else "spelling"


def _begins_or_ends(name: str, piece: str) -> bool:
    return name.startswith(piece) or name.endswith(piece)


def _as_defined(typed: str, target: Target) -> str | None:
    """A noun whose definition mentions all of a name of several words."""
    if len(target.name) == 1 or typed in target.protected:
        return None
    return "related" if is_defined_by(typed, target.name) else None


def _as_listed(run: Phrase, typed: str, target: Target) -> str | None:
    """The name, a phrase of the lexicon or a synonym, as it is or inflected."""
    if typed in target.exact:
        return _rule("exact", target.exact[typed])
    places = [target.inflected[form] for form in base_forms(typed) if form in target.inflected]
    if len(run) > 1:
        places += (at for at, phrase in target.phrases if _same_words(run, phrase))
    return _rule("inflection", target.listed[min(places)][0]) if places else None


def _same_words(run: Phrase, phrase: Phrase) -> bool:
    return len(run) == len(phrase) and all(map(same_word, run, phrase))


def _rule(how: str, where: str) -> str:
    if where in ("name", "synonym"):
        return how if where == "name" else where
    return f"lexicon_{where}"


def _as_kin(typed: str, target: Target) -> str | None:
    kin = target.kin
    if typed in kin:
        return kin[typed]
    return next((kin[form] for form in sorted(base_forms(typed)) if form in kin), None)


def _as_slip(run: Phrase, typed: str, target: Target) -> str | None:
    for where, forms in _near(typed, target):
        if _misspelt(typed, forms, target):
            return _rule("spelling", where) if target.protected.isdisjoint(run) else None
    return None


def _near(typed: str, target: Target) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a slip may have meant: the first letter is right, or the first two are swapped."""
    found = target.by_letter.get(typed[:1], ())
    return found if typed[:1] == typed[1:2] else found + target.by_letter.get(typed[1:2], ())


def _misspelt(typed: str, forms: tuple[str, ...], target: Target) -> bool:
    """Whether what was typed, or its singular, is a slip of one of these forms and no word of its own."""
    tried = (typed, typed[:-1]) if typed.endswith("s") else (typed,)
    close = any(is_misspelling(one, form) for form in forms for one in tried)
    return close and typed not in target.protected and not is_real_word(typed)


def _as_modifier(typed: str, target: Target) -> str | None:
    """The first part of a name that is written as one word."""
    return None if target.modifiers.isdisjoint(base_forms(typed)) else "part_of_name"


def _as_two_words(typed: str, target: Target) -> str | None:
    """Two words that were run together, one of which is the name or akin to it, the other one real."""
    if target.words.isdisjoint(_forms_of_halves(typed)) or is_real_word(typed):
        return None
    for left, right in _halves(typed):
        for one, other in ((left, right), (right, left)):
            rule = _as_listed((one,), one, target) or _as_kin(one, target)
            if rule and is_real_word(other) and not senses(f"{left} {right}"):
                named = "spelling" if rule in NAMING else rule
                return None if is_slip_of_a_word(typed) else named
    return None


def _halves(typed: str) -> list[tuple[str, str]]:
    if len(typed) > _LONGEST_RUN:
        return []
    cuts = range(_SHORTEST_PART, len(typed) - _SHORTEST_PART + 1)
    return [(typed[:cut], typed[cut:]) for cut in cuts]


@lru_cache(maxsize=4096)
def _forms_of_halves(typed: str) -> frozenset[str]:
    halves = set(chain.from_iterable(_halves(typed)))
    plurals = [half for half in halves if half.endswith(PLURAL_ENDS)]
    return frozenset(halves.union(*map(singulars, plurals)))


def _matches_of_parts(words: Phrase, target: Target) -> Iterator[Match]:
    """Words of a name of several words: all of them, in any order, name it; some are a part of it."""
    found = [_how_named(part, words, target) for part in target.name]
    positions = tuple(sorted({at for _, at in filter(None, found)}))
    if not positions:
        return
    if None not in found and len(positions) == len(target.name):
        yield Match(max((how for how, _ in filter(None, found)), key=NAMING.index), positions)
    else:
        yield from _partly(words, positions, target)
        missing = [at for at, one in enumerate(found) if one is None]
        yield from _paraphrase(missing, positions, words, target)


def _paraphrase(
    missing: list[int], positions: tuple[int, ...], words: Phrase, target: Target
) -> Iterator[Match]:
    """The one word that is missing of a name, by another that means it (crying infant, of crying baby)."""
    if len(missing) != 1 or len(positions) != len(target.name) - 1:
        return
    if not all(_is_free(words[at], target) for at in positions):
        return
    for at, word in enumerate(words):
        if at not in positions and _stands_for(word, target.stand_ins[missing[0]], target):
            yield Match("paraphrase", tuple(sorted((*positions, at))))


def _stands_for(word: str, ways: StandIns, target: Target) -> bool:
    """Whether a word means one of the name's; what may be a noun is a verb only if it is inflected as one."""
    forms, as_noun = base_forms(word), {word, *singulars(word)}
    if not target.protected_forms.isdisjoint(forms):
        return False
    as_verb = forms - as_noun if any(map(senses, as_noun)) else forms
    return not ways.things.isdisjoint(forms) or not ways.doings.isdisjoint(as_verb)


def _matches_of_halves(words: Phrase, target: Target) -> Iterator[Match]:
    """Both parts of a name that is written as one word, in any order (drops, rain)."""
    for halves in target.halves:
        places = [next((at for at, word in enumerate(words) if same_word(word, half)), -1) for half in halves]
        if -1 not in places:
            yield Match("inflection", tuple(places))


def _distinctive(words: Phrase, target: Target) -> Iterator[Match]:
    """A word that only the name has, typed as one or as two (sponge bob)."""
    for part in target.distinctive:
        forms = tuple(sorted(base_forms(part)))
        for start, stop in runs(len(words)):
            typed = "".join(words[start:stop])
            listed = typed in target.exact
            if not listed and (same_word(typed, part) or _misspelt(typed, forms, target)):
                yield Match("distinctive_part", tuple(range(start, stop)))


def _how_named(part: str, words: Phrase, target: Target) -> tuple[str, int] | None:
    forms = tuple(sorted(base_forms(part)))
    for at, word in enumerate(words):
        if word == part:
            return "exact", at
    alike = ("inflection" if same_word(word, part) else "" for word in words)
    near = (word if part[0] in word[:2] else "" for word in words)
    slips = ("spelling" if word and _misspelt(word, forms, target) else "" for word in near)
    ways = ((how, at) for kind in (alike, slips) for at, how in enumerate(kind) if how)
    return next(ways, None)


def _partly(words: Phrase, positions: tuple[int, ...], target: Target) -> Iterator[Match]:
    yield from (Match("part_of_name", (at,)) for at in positions if _is_free(words[at], target))


def _is_free(word: str, target: Target) -> bool:
    """Whether a word of the name is neither rejected nor another concept's name."""
    rejected = ("".join(one) for one in target.entry.reject)
    return not any(same_word(word, other) for other in (*rejected, *target.others))
