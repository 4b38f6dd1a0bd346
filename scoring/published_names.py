"""The published data set's image names: which picture a file shows, and at which level.

Names are ``<concept>_clean_<i>.jpg``, ``<concept>_noisy_level<k>_<i>.jpg`` (underscores for spaces)
and ``neuron_<channel>_<start>.jpg`` for a feature visualisation. The picture ``i`` of a concept is the
same in levels 1, 2, 3 and 5, so the source is the concept and ``i``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: the level that the published data set gives to undegraded pictures and to feature visualisations
CLEAN_LEVEL = 5
DREAM_LEVEL = 4

#: spellings of a concept in file names -> the concept's name there (one published file is misspelt)
MISSPELT = {"araic_alphabet": "arabic_alphabet"}

_PICTURE = re.compile(r"(?P<concept>.+?)_(?:clean|noisy_level(?P<level>\d+))_(?P<number>\d+)\.jpe?g")
_DREAM = re.compile(r"neuron_(?P<channel>\d+)_(?P<start>.+)\.jpe?g")


@dataclass(frozen=True)
class PublishedName:
    """What a published file name says.

    ``concept`` is lower case with spaces, and None for a feature visualisation; ``level`` is 1 to 5;
    ``source`` names the picture that the image was made from.
    """

    concept: str | None
    level: int
    source: str


def parse(basename: str) -> PublishedName | None:
    """Read a published file name; None if it has not the published form.

    >>> parse("raised_hand_noisy_level2_4.jpg")
    PublishedName(concept='raised hand', level=2, source='raised hand 4')
    """
    dream = _DREAM.fullmatch(basename)
    if dream:
        return PublishedName(None, DREAM_LEVEL, f"neuron {dream['channel']} {dream['start']}")
    picture = _PICTURE.fullmatch(basename)
    if picture is None:
        return None
    stem = picture["concept"].lower()
    concept = MISSPELT.get(stem, stem).replace("_", " ")
    level = int(picture["level"]) if picture["level"] else CLEAN_LEVEL
    return PublishedName(concept, level, f"{concept} {int(picture['number'])}")
