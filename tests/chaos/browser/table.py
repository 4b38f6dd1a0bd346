"""The table of a browser chaos test."""

from __future__ import annotations

from collections import Counter

from tests.chaos.browser.run import Result


def table(result: Result) -> str:
    """What happened to servers, requests and browsers, what was given, and the verdict, as text."""
    plan, journal, verdict = result.plan, result.journal, result.verdict
    sittings = journal.sittings
    pressed = [one for sitting in sittings for one in sitting.pressed]
    given = [one for sitting in sittings for one in sitting.given]
    told = [seconds for sitting in sittings for seconds in sitting.told]
    rows: list[tuple[str, object]] = [
        ("sessions with a completion code", sum(sitting.code is not None for sitting in sittings)),
        ("older tabs told to stop", len(told)),
        ("  slowest of them, from the newer's first byte", f"{max(told, default=0):.1f} s"),
        ("Enter pressed", len(pressed)),
        ("GIVEN (the page went on to the next step)", len(given)),
        ("STORED", result.stored),
        ("LOST", len(verdict.lost)),
        ("DOUBLED", len(verdict.doubled)),
        ("ALTERED", len(verdict.altered)),
        ("OUT OF ORDER", len(verdict.out_of_order)),
        ("CODES THAT DO NOT FIT THE ANSWERS", len(verdict.codes)),
        ("COULD NOT GO ON", sum(len(sitting.problems) for sitting in sittings)),
        ("records stored (warnings and breaks)", result.records),
        ("RECORDS LOST OR OUT OF ORDER", len(verdict.records)),
        ("INVARIANTS BROKEN", len(result.broken.splitlines())),
    ]
    people = f"{plan.sessions} sessions in Chromium, {plan.at_a_time} at a time"
    head = f"{people}, seed {plan.seed}, {result.seconds:.0f} s"
    parts = [
        head,
        *_counted("killed by SIGKILL", journal.kills),
        *_counted("happened to browsers", journal.browsers),
        *_counted("happened to requests", journal.requests),
        *_lines(rows),
    ]
    return "\n".join(parts)


def _counted(title: str, counts: Counter[str]) -> list[str]:
    return [
        f"  {title + ' (' + str(counts.total()) + ')':<46}",
        *_lines([(f"  {k}", n) for k, n in sorted(counts.items())]),
    ]


def _lines(rows: list[tuple[str, object]]) -> list[str]:
    return [f"  {name:<50}{value!s:>8}" for name, value in rows]
