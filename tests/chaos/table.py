"""The table of a kill test."""

from __future__ import annotations

from collections import Counter

from tests.chaos.jobs import GAVE_UP, NO_DATABASE
from tests.chaos.kills import KINDS
from tests.chaos.run import Result


def table(result: Result) -> str:
    """What was killed, what the participants saw, and the verdict, as text."""
    plan, log, tally, verdict = result.plan, result.log, result.tally, result.verdict
    given = [one for visit in log.visits for one in visit.given]
    ends = Counter(visit.outcome for visit in log.visits)
    again = [one for one in given if one.sent > 1]
    after_kill = [one for one in given if one.duplicate and not one.cut]
    hung_up = [one for one in given if one.duplicate and one.cut]
    rows = [
        ("responses given", len(given)),
        ("responses acknowledged", len([one for one in given if one.acknowledged_at])),
        ("responses in the database", result.stored),
        ("sent more than once", len(again)),
        ("first commit made, reply lost to a kill", len(after_kill)),
        ("first commit made, participant hung up", len(hung_up)),
        ("longest wait for an acknowledgement", f"{log.longest_outage:.1f} s"),
        ("workers outlived their master by at most", f"{tally.orphans:.2f} s"),
        ("starts that failed", result.failed_starts),
        ("tokens superseded by a repeated arrival", log.superseded),
        ("sessions begun", len(log.visits)),
        ("  completed", ends["completed"]),
        ("  of these vanished, and gone on with", result.resumed),
        ("  withdrawn", ends["withdrawn"]),
        ("  vanished, and abandoned by the server", result.abandoned),
        ("jobs added", len(result.jobs)),
        ("  done", sum(job.state == "done" for job in result.jobs)),
        ("  of these begun more than once", sum(job.attempts > 1 for job in result.jobs)),
        ("  given up after three deaths", sum(GAVE_UP in (job.error or "") for job in result.jobs)),
        ("  failed for want of a database", sum(NO_DATABASE in (job.error or "") for job in result.jobs)),
        ("replies", ", ".join(f"{status}: {n}" for status, n in sorted(log.replies.items()))),
        ("LOST", len(verdict.lost)),
        ("DOUBLED", len(verdict.doubled)),
        ("ALTERED", len(verdict.altered)),
        ("OUT OF ORDER", len(verdict.out_of_order)),
        ("COULD NOT GO ON", len(result.stuck)),
        ("JOBS NOT DONE ONCE", len(result.broken_jobs)),
        ("INVARIANTS BROKEN", len(result.broken.splitlines())),
    ]
    head = (
        f"{plan.backend}: {plan.kills} kills, {plan.participants} participants at a time, "
        f"seed {plan.seed}, {result.seconds:.0f} s"
    )
    kills = [
        f"  {kind:<42}{tally.kills[kind]:>8}{tally.outage[kind]:>12.1f} s" for kind in KINDS[plan.backend]
    ]
    columns = f"  {'killed by SIGKILL':<42}{'times':>8}{'outage':>14}"
    return "\n".join([head, columns, *kills, *(f"  {name:<42}{value:>8}" for name, value in rows)])
