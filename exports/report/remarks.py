"""What the notes of a results file mean, in sentences that name the concepts they hold for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from exports.report.wording import REASONS, listed

#: the letter of a component -> its name
COMPONENT_NAMES = {
    "S": "selectivity",
    "C": "causality",
    "R": "robustness",
    "H": "human consistency",
}
#: what is said of a component that is there, by how the note begins
_REMARKS = {
    "no_interval_since_resamples_do_not_vary": "has no interval, since it is the same in every resample",
    "undefined in ": "is undefined in {rest} (left out of its interval)",
    "recognition has a reliability of only ": "is divided by the root of a low reliability: {rest}",
}
#: what stands between two notes
_BETWEEN = "; "
_FEW = re.compile(r"fewer_than_(\d+)_sources: .*")
_STUCK = re.compile(r"null: (\d+) of its (\d+) sources share their conditions with no other concept")
_NO_NULL = "null: no_source_of_another_concept_has_the_same_conditions"


def remarks(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Put the notes of rows (``Concept``, ``Neuron``, ``Notes``) into sentences, each once.

    A sentence ends with the concepts that it holds for, unless it holds for all of several.
    """
    holds: dict[str, list[str]] = {}
    for row in rows:
        for note in filter(None, str(row["Notes"] or "").split(_BETWEEN)):
            holds.setdefault(note, []).append(str(row["Concept"]))
    return [_with_concepts(sentence(note), whom, len(rows)) for note, whom in holds.items()]


def _with_concepts(words: str, whom: Sequence[str], rows: int) -> str:
    if len(whom) == rows > 1:
        return f"{words}."
    return f"{words} ({listed(list(dict.fromkeys(whom)))})."


def sentence(note: str) -> str:
    """One note in words, without its full stop.

    >>> sentence("C: no_control_channels")
    'No C (causality): there are no other channels to compare with'
    """
    symbol, colon, said = note.partition(": ")
    if few := _FEW.fullmatch(note):
        return (
            f"Fewer than {few[1]} pictures: a unit that was chosen on them can be perfect by chance; "
            "read p(max)"
        )
    if stuck := _STUCK.fullmatch(note):
        return (
            f"{stuck[1]} of {stuck[2]} pictures of the concept have conditions that no other concept has, so "
            "they stay among themselves in the null"
        )
    if note == _NO_NULL:
        return "No null: no picture of another concept has the same conditions to exchange activations with"
    if colon and (remark := _of_component(symbol, said)):
        return remark
    return note[:1].upper() + note[1:]


def _of_component(symbol: str, said: str) -> str:
    name = f"{symbol} ({COMPONENT_NAMES[symbol]})" if symbol in COMPONENT_NAMES else symbol
    if said in REASONS:
        return f"No {name}: {REASONS[said]}"
    for beginning, words in _REMARKS.items():
        if said.startswith(beginning):
            return f"{name} {words.format(rest=said.removeprefix(beginning))}"
    return ""
