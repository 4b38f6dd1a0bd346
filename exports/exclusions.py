"""Who is kept out of the analysis, by which rule: recorded before anything leaves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine

from experiment_server.models.database import writing
from experiment_server.services.exclude import apply_rules, excluded
from experiment_server.services.studies import Catalogue


def record_exclusions(engine: Engine, study_id: int, now: datetime | None = None) -> None:
    """Let the study's frozen rules be on record for every session that they judge by now.

    In a transaction of its own, so that no export ever shows an exclusion that is not recorded. ``now`` is
    the machine's clock if None.
    """
    with writing(engine) as connection:
        apply_rules(connection, Catalogue(), study_id, now or datetime.now(UTC))


def exclusion_rules(connection: Connection, study_id: int) -> dict[int, tuple[str, ...]]:
    """Participant's id in the database -> the rules that exclude them, each as ``rule_label`` writes it."""
    found = excluded(connection, study_id)
    return {who: tuple(rule_label(row.rule, row.version) for row in rows) for who, rows in found.items()}


def rule_label(rule: str, version: str) -> str:
    """Name a rule with its version.

    >>> rule_label("catch", "1")
    'catch-1'
    """
    return f"{rule}-{version}"


def exclusion_counts(trials: pd.DataFrame) -> dict[str, Any]:
    """Count the sessions of a trial table that are excluded: over all, and by rule."""
    sessions = trials.drop_duplicates("session")
    rules = [rule for text in sessions["exclusion_rule"].dropna() for rule in text.split("; ")]
    return {
        "excluded_sessions": int(sessions["excluded"].sum()),
        "excluded_sessions_by_rule": dict(sorted(Counter(rules).items())),
    }


def exclusions_in_words(counts: dict[str, Any]) -> str:
    """Say how many sessions are excluded, and by what; ``counts`` as ``exclusion_counts`` gives them.

    >>> exclusions_in_words({"excluded_sessions": 1, "excluded_sessions_by_rule": {"catch-1": 1}})
    '1 session is excluded (catch-1: 1)'
    """
    number = counts["excluded_sessions"]
    if not number:
        return "no session is excluded"
    by_rule = ", ".join(f"{rule}: {n}" for rule, n in counts["excluded_sessions_by_rule"].items())
    return f"{number} session{' is' if number == 1 else 's are'} excluded ({by_rule})"
