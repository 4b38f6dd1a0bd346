"""Was the concept named? Normalise a typed answer and judge it, without numpy, pandas or torch.

The server uses this for practice feedback and catch trials, and the trial table for
``hard_correct`` and ``soft_correct``, so that a live check and a paper use one normaliser.
"""

from __future__ import annotations

from scoring.answers.judge import (
    JUDGE_VERSION,
    MAX_WORDS,
    RULES,
    UNDECIDED,
    Judgement,
    judge,
    judge_against_all,
    named,
)
from scoring.answers.lexicon import Entry, Lexicon, load_lexicon
from scoring.answers.words import normalise

__all__ = [
    "JUDGE_VERSION",
    "MAX_WORDS",
    "RULES",
    "UNDECIDED",
    "Entry",
    "Judgement",
    "Lexicon",
    "judge",
    "judge_against_all",
    "load_lexicon",
    "named",
    "normalise",
]
