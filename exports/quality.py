"""The flags of a study's sessions, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from experiment_server.services.exclude import excluded
from experiment_server.services.quality import Assessed, CatchPicture, assess_study, catch_pictures
from experiment_server.services.studies import Catalogue

#: flag -> what is true of a session where it is raised; the study's definition has the thresholds
FLAGS = {
    "catch": "Named fewer catch pictures than the study asks for",
    "instructed": "Did as told in fewer instructed items than the study asks for",
    "comprehension": "Never answered all questions about the instructions right",
    "practice": "Did not meet the practice's criterion in any round",
    "too_fast": "Answered sooner than one can look and answer",
    "repeated": "Gave one answer far more often than it was right",
    "pasted": "Pasted answers",
    "machine_typed": "Sent typed answers whose keys no hand pressed",
    "unfocused": "Left the page during trials",
}


@dataclass(frozen=True)
class Quality:
    """What is known of how well a study's participants looked.

    ``assessed``: every session with an answer to a test or catch trial, and its flags; ``exclusions``: those
    on record, by the participant's id; ``catch_pictures``: how often each was named.
    """

    assessed: list[Assessed]
    exclusions: dict[int, list[Row[Any]]]
    catch_pictures: list[CatchPicture]


def study_quality(connection: Connection, study_id: int) -> Quality:
    """Read the flags and exclusions of a study."""
    catalogue = Catalogue()
    assessed = assess_study(connection, catalogue, study_id)
    pictures = catch_pictures(connection, catalogue, study_id, assessed)
    return Quality(assessed, excluded(connection, study_id), pictures)


def flags_in_use(assessed: list[Assessed]) -> list[str]:
    """The flags that apply to at least one session, in the order of ``FLAGS``."""
    there = {flag.name for one in assessed for flag in one.flags}
    return [name for name in FLAGS if name in there]
