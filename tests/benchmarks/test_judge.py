"""A hundred thousand different answers judged, beside what every judge has to do to them."""

from __future__ import annotations

import string
import time
from itertools import islice

import numpy as np
from rapidfuzz.fuzz import ratio

from scoring.answers import judge, judge_against_all, normalise
from scoring.answers.wordnet import FOLDER
from tests.benchmarks.numbers_table import Numbers

ANSWERS = 100_000
CONCEPTS = (
    *("sailboat", "mushroom", "raised hand", "fire", "puppies", "fashion model", "umbrella", "bicycle"),
    *("butterfly", "arabic alphabet"),
)


def different_answers() -> list[str]:
    """Two nouns each, half of the words with a letter changed, so that no cache helps."""
    rng = np.random.default_rng(1)
    lines = (FOLDER / "index.noun").read_text(encoding="utf-8").splitlines()
    nouns = [name for name in (line.split()[0] for line in lines) if name.isalpha() and len(name) > 3]
    chosen = (nouns[at] for at in iter(lambda: int(rng.integers(len(nouns))), -1))
    letters = iter(lambda: string.ascii_lowercase[rng.integers(26)], "")
    slips = (word[:2] + next(letters) + word[3:] if rng.random() < 0.5 else word for word in chosen)
    found: dict[str, None] = {}
    while len(found) < ANSWERS:
        found[" ".join(islice(slips, 2))] = None
    return list(found)


def seconds(work: object) -> float:
    """Run a callable once and give its CPU time."""
    assert callable(work)
    began = time.process_time()
    work()
    return time.process_time() - began


def test_judging_beside_normalising_and_a_fuzzy_ratio(numbers: Numbers) -> None:
    """CPU seconds for 100,000 different answers: one concept each, ten each, and less than that."""
    answers = different_answers()
    asked = [(CONCEPTS[at % len(CONCEPTS)], one) for at, one in enumerate(answers)]
    floor = seconds(lambda: [normalise(one) for one in answers])
    fuzzy = seconds(lambda: [[ratio(concept, word) for word in one.split()] for concept, one in asked])
    one_each = seconds(lambda: [judge(concept, one, others=CONCEPTS) for concept, one in asked])
    all_each = seconds(lambda: [judge_against_all(one, CONCEPTS) for one in answers])
    numbers.add("normalise 100,000 different answers, s", "the least of it", f"{floor:.1f}")
    numbers.add("fuzzy ratio of every word, s", "rapidfuzz, no rules", f"{fuzzy:.1f}")
    numbers.add("judge them against a concept each, s", "ours", f"{one_each:.1f}", "< 10")
    numbers.add("judge them against ten concepts each, s", "ours", f"{all_each:.1f}")
