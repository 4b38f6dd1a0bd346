"""The database schema, one noun a file."""

from __future__ import annotations

from experiment_server.models.base import Base
from experiment_server.models.caller import Caller
from experiment_server.models.event import Event
from experiment_server.models.exclusion import Exclusion
from experiment_server.models.identity import Identity
from experiment_server.models.job import Job
from experiment_server.models.lease import Lease
from experiment_server.models.participant import Participant
from experiment_server.models.record import Record
from experiment_server.models.response import Response
from experiment_server.models.session import Session
from experiment_server.models.stimulus import Stimulus
from experiment_server.models.study import Study
from experiment_server.models.study_condition import StudyCondition
from experiment_server.models.trial import Trial

__all__ = [
    "Base",
    "Caller",
    "Event",
    "Exclusion",
    "Identity",
    "Job",
    "Lease",
    "Participant",
    "Record",
    "Response",
    "Session",
    "Stimulus",
    "Study",
    "StudyCondition",
    "Trial",
]
