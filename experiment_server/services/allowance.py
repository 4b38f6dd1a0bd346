"""Allowances: how many requests somebody may still make. Pure; the services keep them in the database.

A token bucket: it holds as many requests as are allowed in a minute, each request takes one, and it fills
again at that rate. So everybody may make a burst after a pause, and no more than the rate in the long run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from experiment_server.errors import ApiError

#: a time this far back is another server's clock, or a request that waited for its turn; one farther back
#: is a clock that was set back
DISORDER = timedelta(seconds=10)


@dataclass(frozen=True)
class Allowance:
    """What was left, in requests, and when that was counted."""

    left: float
    at: datetime


def spend(before: Allowance | None, now: datetime, per_minute: int) -> Allowance | float:
    """Take one request; gives what is left, or the seconds to wait if there is none. None is a full bucket.

    It never holds more than ``per_minute``. A clock that was set back fills it; times that are out of order
    by less than ``DISORDER`` neither fill it nor let the same seconds count twice.
    """
    if before is None or now < before.at - DISORDER:
        return Allowance(per_minute - 1.0, now)
    at = max(before.at, now)
    left = min(float(per_minute), before.left + (at - before.at).total_seconds() * per_minute / 60)
    if left >= 1:
        return Allowance(left - 1, at)
    return (at - now).total_seconds() + (1 - left) * 60 / per_minute


def exhausted(code: str, message: str, wait: float) -> ApiError:
    """The refusal of a request that comes ``wait`` seconds too early."""
    return ApiError(429, code, message, retryable=True, retry_after=math.ceil(wait))
