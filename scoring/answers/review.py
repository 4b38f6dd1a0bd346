"""Answers that the judge leaves open: a queue for two raters, their agreement, and what they decided."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from scoring.answers.judge import UNDECIDED, Judgement, judge, named
from scoring.answers.lexicon import Lexicon, concept_key
from scoring.answers.sheets import (
    Answers,
    Pair,
    Sheet,
    check_columns,
    check_concepts,
    harmless,
    listed,
    pair_of,
    read_sheet,
)
from scoring.answers.words import normalise
from stimuli.errors import UserError

QUEUE = ("item", "concept", "response", "score", "note")
#: columns of what was decided; score_3 is a third rater's
RATED_COLUMNS = ("concept", "response", "score", "score_1", "score_2", "score_3", "agreed")
#: the scores that a rater may give
SCORES = (0.0, 0.5, 1.0)
#: rule of an answer that two readers decided
RATED = "rated"

CONVENTIONS = (
    "1 = names it, a synonym, a misspelling, a translation, or a subordinate that fits only if it was "
    "recognised; 0.5 = the right superordinate or a strongly related thing; 0 = neither"
)


@dataclass(frozen=True)
class Item:
    """One answer to read: a stable id of its pair, and its texts as most often written."""

    id: str
    concept: str
    response: str


@dataclass(frozen=True)
class Rated:
    """What raters decided, a mean score in [0, 1] for each pair, and a digest of all of it."""

    scores: Mapping[Pair, float] = field(default_factory=dict, hash=False)
    digest: str = ""

    @classmethod
    def of(cls, scores: Mapping[Pair, float]) -> Rated:
        """Decisions with their digest, which no order changes."""
        content = repr(sorted((*pair, float(score)) for pair, score in scores.items()))
        return cls(dict(scores), hashlib.sha256(content.encode()).hexdigest()[:8])

    def apply(self, judgement: Judgement, concept: str, response: str) -> Judgement:
        """Let the decision on this pair, if there is one, go before the judge's.

        ``soft`` becomes the mean score, ``rule`` becomes RATED, and there are no ``word_scores``, since
        the answer was read as a whole; ``hard`` stays. The version gets the digest, decided or not.
        """
        if not self.scores:
            return judgement
        version = f"{judgement.version}+{self.digest}"
        score = self.scores.get(pair_of(concept, response))
        if score is None:
            return Judgement(judgement.hard, judgement.soft, judgement.rule, version, judgement.word_scores)
        return Judgement(judgement.hard, score, RATED, version)


def open_items(
    answers: Answers,
    lexicon: Lexicon | None = None,
    *,
    everything: bool = False,
    only: Sequence[str] = (),
    rated: Rated | None = None,
) -> list[Item]:
    """One item for each distinct pair that the judge leaves open, in the order of their ids.

    ``everything``: those too that it decided, but for answers that say nothing. ``only``: for these
    concepts. ``rated``: pairs that are in no need of another reading. Answers that were chosen among
    alternatives, had an identifier removed, or are of rows that do not count are left out. Raises
    UserError for a concept in ``only`` that the file does not have.
    """
    wanted = _wanted(answers, only)
    known = rated.scores if rated else {}
    written: dict[Pair, Counter[tuple[str, str]]] = {}
    for (concept, response), n in _typed(answers).items():
        pair = pair_of(concept, response)
        if pair[0] in wanted and pair not in known:
            written.setdefault(pair, Counter())[concept, response] += n
    usual = {pair: texts.most_common(1)[0][0] for pair, texts in written.items()}
    items = [
        Item(item_id(pair), *texts)
        for pair, texts in usual.items()
        if _is_open(judge(*texts, lexicon, others=answers.concepts), everything=everything)
    ]
    return sorted(items, key=lambda item: item.id)


def _wanted(answers: Answers, only: Sequence[str]) -> frozenset[str]:
    there = frozenset(map(concept_key, answers.concepts))
    for concept in only:
        if concept_key(concept) not in there:
            raise UserError(
                f"{answers.sheet.path} has no concept {concept!r}; it has {listed(sorted(answers.concepts))}"
            )
    return frozenset(map(concept_key, only)) or there


def _typed(answers: Answers) -> Counter[tuple[str, str]]:
    rows = zip(answers.pairs, answers.typed, answers.counted, strict=True)
    return Counter(pair for pair, typed, counts in rows if typed and counts)


def _is_open(judgement: Judgement, *, everything: bool) -> bool:
    return judgement.rule != "no_answer" if everything else judgement.rule in UNDECIDED


def names_another(item: Item, answers: Answers, lexicon: Lexicon | None = None) -> bool:
    """Whether an answer names another of the file's concepts, so that it hardly needs reading."""
    name = named(item.response, answers.concepts, lexicon)
    return name is not None and concept_key(name) != concept_key(item.concept)


def item_id(pair: Pair) -> str:
    """A pair's id, the same in each queue: ``a`` and ten hexadecimal digits, so that it is never a number."""
    return "a" + hashlib.sha256("\t".join(pair).encode()).hexdigest()[:10]


def queue_rows(items: Sequence[Item], rater: int, seed: int = 0) -> list[tuple[str, ...]]:
    """The rows of one rater's queue (columns QUEUE, the last two to be filled in), in an order of its own."""
    order = Random(f"queue:{seed}:{rater}")  # noqa: S311 - reproducible, not secret
    shuffled = order.sample(items, len(items))
    return [(item.id, harmless(item.concept), harmless(item.response), "", "") for item in shuffled]


@dataclass(frozen=True)
class Rating:
    """One rater's score of one item, and the line of the file where it stands."""

    item: Item
    score: float
    line: int


@dataclass(frozen=True)
class Decision:
    """What came of one item: both scores, and the third rater's where the two differ and it was asked for."""

    item: Item
    first: float
    second: float
    third: float | None = None

    @property
    def agreed(self) -> bool:
        """Whether the two raters gave one score."""
        return self.first == self.second

    @property
    def score(self) -> float:
        """The third rater's score, else the mean of the two."""
        return self.third if self.third is not None else (self.first + self.second) / 2


def read_ratings(path: Path | str) -> dict[str, Rating]:
    """Read a filled queue (CSV, commas or semicolons), by item.

    Raises UserError, naming the file and the line, for a score that is missing or none of 0, 0.5 and 1,
    for an item that is missing or there twice, and for a file without rows.
    """
    path = Path(path)
    sheet = read_sheet(path, QUEUE[:4])
    check_columns(sheet, QUEUE[:4])
    if not sheet.rows:
        raise UserError(f"{path} has a header and no items; give a queue that has answers to read")
    _check_filled(sheet)
    ratings: dict[str, Rating] = {}
    for line, item, score in zip(sheet.lines, _items(sheet), sheet.column("score"), strict=True):
        if not item.id:
            raise UserError(f"{path} has no item in line {line}; put back the one of the queue")
        if item.id in ratings:
            raise UserError(
                f"{path} has the item {item.id} in lines {ratings[item.id].line} and {line}; keep one"
            )
        ratings[item.id] = Rating(item, _score(path, line, score), line)
    return ratings


def _items(sheet: Sheet) -> Iterator[Item]:
    columns = (map(str.strip, sheet.column("item")), sheet.column("concept"), sheet.column("response"))
    return map(Item, *columns)


def _check_filled(sheet: Sheet) -> None:
    empty = [
        line for line, score in zip(sheet.lines, sheet.column("score"), strict=True) if not score.strip()
    ]
    if len(empty) == 1:
        raise UserError(f"{sheet.path} has no score in line {empty[0]}; fill in 0, 0.5 or 1")
    if empty:
        raise UserError(
            f"{sheet.path} has no score in {len(empty)} lines, the first of them line {empty[0]}; "
            "fill in 0, 0.5 or 1"
        )


def _score(path: Path, line: int, text: str) -> float:
    score = _number(text)
    if score not in SCORES:
        raise UserError(f"{path} has the score {text!r} in line {line}; it must be 0, 0.5 or 1")
    return score


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def decide(first: Path, second: Path, third: Path | None = None) -> list[Decision]:
    """Put two filled queues together, by item, in the order of the items' ids.

    ``third``: a third rater's, of items on which the two differ, all or some. Raises UserError as
    ``read_ratings`` does, for an item that one has and the other does not, and for one whose concept or
    answer is not the same in both.
    """
    one, other = read_ratings(first), read_ratings(second)
    _check_same_items(first, one, second, other)
    last = read_ratings(third) if third else {}
    decisions = [
        Decision(
            one[item].item, one[item].score, other[item].score, last[item].score if item in last else None
        )
        for item in sorted(one)
    ]
    if third:
        _check_third(third, last, first, one, {found.item.id for found in decisions if not found.agreed})
    return decisions


def _check_same_items(
    first: Path, one: Mapping[str, Rating], second: Path, other: Mapping[str, Rating]
) -> None:
    for here, mine, there, theirs in ((first, one, second, other), (second, other, first, one)):
        for item, rating in mine.items():
            if item not in theirs:
                raise UserError(
                    f"{here} has the item {item} in line {rating.line}, which {there} does not have; "
                    "give two queues that were written together"
                )
    _check_same_texts(first, one, second, other)


def _check_same_texts(
    first: Path, one: Mapping[str, Rating], second: Path, other: Mapping[str, Rating]
) -> None:
    for item, rating in other.items():
        mine, theirs = one[item], rating
        if _pair(mine) != _pair(theirs):
            raise UserError(
                f"the item {item} has another concept or response in line {mine.line} of {first} than in "
                f"line {theirs.line} of {second}; put back what the queue had"
            )


def _pair(rating: Rating) -> Pair:
    return pair_of(rating.item.concept, rating.item.response)


def _check_third(
    third: Path, last: Mapping[str, Rating], first: Path, one: Mapping[str, Rating], disputed: set[str]
) -> None:
    for item, rating in last.items():
        if item not in disputed:
            raise UserError(
                f"{third} has the item {item} in line {rating.line}, on which the two raters do not differ; "
                "leave it out"
            )
    _check_same_texts(first, one, third, last)


def read_rated(path: Path | str) -> Rated:
    """Read decisions: a CSV with the columns concept, response and score, a number in [0, 1].

    Raises UserError, naming the file and the line, for a row without a concept or a response, a score that
    is none, and a pair that is there twice.
    """
    path, needed = Path(path), ("concept", "response", "score")
    sheet = read_sheet(path, needed)
    check_columns(sheet, needed)
    check_concepts(sheet, "concept")
    lines: dict[Pair, int] = {}
    scores: dict[Pair, float] = {}
    for line, *texts in zip(sheet.lines, *map(sheet.column, needed), strict=True):
        pair = _rated_pair(path, line, texts[0], texts[1])
        if pair in lines:
            raise UserError(
                f"{path} has one answer to one concept in lines {lines[pair]} and {line}; keep one"
            )
        lines[pair], scores[pair] = line, _mean_score(path, line, texts[2])
    return Rated.of(scores)


def _rated_pair(path: Path, line: int, concept: str, response: str) -> Pair:
    if not normalise(response):
        raise UserError(f"{path} has no response in line {line}; leave the line out")
    return pair_of(concept, response)


def _mean_score(path: Path, line: int, text: str) -> float:
    score = _number(text)
    if score is None or not 0 <= score <= 1:
        raise UserError(f"{path} has the score {text!r} in line {line}; it must be a number from 0 to 1")
    return score


def disputed(decisions: Iterable[Decision]) -> list[Decision]:
    """Those on which the two raters differ and no third decided."""
    return [found for found in decisions if not found.agreed and found.third is None]


def rated_rows(decisions: Iterable[Decision]) -> Iterator[tuple[object, ...]]:
    """The rows of the table of decisions (RATED_COLUMNS), safe for spreadsheets."""
    for found in decisions:
        scores = (found.score, found.first, found.second, found.third)
        written = ("" if score is None else f"{score:g}" for score in scores)
        yield harmless(found.item.concept), harmless(found.item.response), *written, found.agreed
