"""How well participants looked: flags, exclusions, and the pictures that everybody names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Row

from experiment_server.services.exclude import MANUAL, STUDY_FILE
from experiment_server.services.quality import Assessed, CatchPicture
from exports.exclusions import rule_label
from exports.pseudonyms import Redactor
from exports.quality import FLAGS, flags_in_use
from exports.report.sections import Missing
from exports.report.wording import REASONS, counted, listed, moment, number, share, span
from exports.studies import StudyRecord
from scoring.accuracy import two_way_mean_interval

#: a catch picture is doubted if fewer name it, of so many at least
NAMED_BY, SEEN_BY = 0.8, 5


def flag_rows(assessed: Sequence[Assessed]) -> list[dict[str, str]] | Missing:
    """Each flag that applies: what it means, and in how many sessions it is raised."""
    names = flags_in_use(list(assessed))
    if not names:
        return Missing("nobody has answered a test or catch trial yet")
    return [_flag_row(name, assessed) for name in names]


def _flag_row(name: str, assessed: Sequence[Assessed]) -> dict[str, str]:
    judged = [flag for one in assessed for flag in one.flags if flag.name == name]
    raised = sum(flag.raised for flag in judged)
    return {
        "name": name,
        "meaning": FLAGS[name],
        "raised": number(raised),
        "of": number(len(judged)),
        "share": f"{raised / len(judged):.0%}",
    }


def exclusions(
    study: StudyRecord,
    found: Mapping[int, Sequence[Row[Any]]],
    assessed: Sequence[Assessed],
    redact: Redactor,
) -> dict[str, Any]:
    """Who is excluded: a row for each rule, and what the study's file says; reasons without identifiers."""
    answering = {one.participant_id for one in assessed}
    records = [row for rows in found.values() for row in rows]
    rules = sorted({(row.rule, row.version, row.decided_by) for row in records})
    flags = study.frozen.design.exclusion.flags
    return {
        "rows": [_exclusion_row(rule, records, redact) for rule in rules],
        "excluded": number(len(found)),
        "answering": counted(len(answering | set(found)), "participant"),
        "frozen": f"flag {listed([f'“{flag}”' for flag in flags], 'or')}" if flags else "",
    }


def _exclusion_row(
    rule: tuple[str, str, str], records: Sequence[Row[Any]], redact: Redactor
) -> dict[str, Any]:
    name, version, decided_by = rule
    own = [row for row in records if (row.rule, row.version, row.decided_by) == rule]
    first, last = min(row.decided_at for row in own), max(row.decided_at for row in own)
    return {
        "rule": rule_label(name, version),
        "meaning": FLAGS.get(name, "A person's decision"),
        "participants": number(len(own)),
        "decided_by": "the study's file, before the data" if decided_by == STUDY_FILE else redact(decided_by),
        "reasons": [redact(row.evidence["reason"]) for row in own if row.rule == MANUAL],
        "recorded": moment(first) if first == last else f"{moment(first)} to {moment(last)}",
    }


def catch(trials: pd.DataFrame, pictures: Sequence[CatchPicture]) -> dict[str, Any] | Missing:
    """How the catch trials went: over those who are not excluded, and how many of all missed how many."""
    rows = trials[trials["trial_category"].eq("catch").fillna(False).astype(bool)]
    if rows.empty:
        return Missing("the study has no catch trials, or nobody has answered one")
    kept = rows[~rows["excluded"].fillna(False).astype(bool)]
    interval = two_way_mean_interval(kept["soft_correct"], kept["participant"], kept["source"])
    return {
        "mean": share(interval.mean),
        "span": span(interval.low, interval.high),
        "reason": REASONS.get(interval.reason, interval.reason),
        "n": number(len(kept)),
        "participants": counted(kept["participant"].nunique(), "participant"),
        "misses": _misses(rows),
        "concepts": ", ".join(sorted(rows["concept"].unique())),
        "doubted": [
            f"{one.concept} ({one.stimulus}): named by {one.named} of {one.seen}"
            for one in pictures
            if one.seen >= SEEN_BY and one.named < NAMED_BY * one.seen
        ],
    }


def _misses(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """How many participants missed how many: missed, not excluded, excluded."""
    wrong = (1 - rows["soft_correct"].astype(float)).groupby(rows["participant"]).sum().round().astype(int)
    out = rows.groupby("participant")["excluded"].first().fillna(False).astype(bool)
    return [
        (f"{missed}", number((wrong[~out] == missed).sum()), number((wrong[out] == missed).sum()))
        for missed in sorted(wrong.unique())
    ]
