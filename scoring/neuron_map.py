"""The neuron map: which unit is said to stand for which concept, JSON ``{"89": "Trump", …}``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stimuli.errors import UserError
from stimuli.files import written_text

_FORM = 'a neuron map is a JSON object such as {"89": "Trump"}'


def concept_key(concept: str) -> str:
    """A concept's name as files are matched by it: lower case, without outer blanks.

    >>> concept_key(" Apple")
    'apple'
    """
    return concept.strip().lower()


@dataclass(frozen=True)
class Pair:
    """A unit (its channel in the layer) and the concept that it is scored for, spelt as in the map."""

    channel: int
    concept: str

    @property
    def key(self) -> str:
        """The concept as it is matched."""
        return concept_key(self.concept)


def read_neuron_map(path: Path) -> list[Pair]:
    """Read the pairs of a neuron map, in the file's order.

    Raises UserError if the file is not such a map, names a unit twice, or is empty.
    """
    try:
        entries = json.loads(written_text(path), object_pairs_hook=_Entries)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path of the neuron map") from None
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}); {_FORM}") from None
    if not isinstance(entries, _Entries) or not entries:
        raise UserError(f"{path} holds no pairs; {_FORM}")
    return _pairs(path, entries)


class _Entries(list[tuple[str, Any]]):
    """The members of a JSON object in order, repeated names kept."""


def _pairs(path: Path, entries: _Entries) -> list[Pair]:
    for channel, concept in entries:
        if not channel.isdecimal():
            raise UserError(f"{path}: {channel!r} is not a unit's number; {_FORM}")
        if not isinstance(concept, str) or not concept.strip():
            raise UserError(f"{path}: unit {channel} has no concept's name; {_FORM}")
    pairs = [Pair(int(channel), concept) for channel, concept in entries]
    unit, times = Counter(pair.channel for pair in pairs).most_common(1)[0]
    if times > 1:
        raise UserError(f"{path}: unit {unit} is there {times} times; give each unit one concept")
    return pairs
