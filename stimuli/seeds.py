"""Seeds: every stimulus has its own, so that any one can be rebuilt alone, in any order."""

from __future__ import annotations

import numpy as np

from stimuli.conditions import Condition
from stimuli.files import sha256_of_bytes


def stimulus_seed(source_sha256: str, condition: Condition, replicate: int, build_seed: int) -> int:
    """Seed of one stimulus, from 0 to 2**63 - 1."""
    return _seed("stimulus", source_sha256, condition.key, replicate, build_seed)


def mask_seed(number: int, build_seed: int) -> int:
    """Seed of one backward mask, from 0 to 2**63 - 1."""
    return _seed("mask", number, build_seed)


def stimulus_id(source_sha256: str, condition: Condition, replicate: int) -> str:
    """Opaque identifier of a stimulus, 16 hexadecimal digits; it does not depend on the seed."""
    return sha256_of_bytes(f"{source_sha256}/{condition.key}/{replicate}".encode())[:16]


def generator(seed: int) -> np.random.Generator:
    """Make the random generator (PCG64) that a seed stands for."""
    return np.random.Generator(np.random.PCG64(seed))


def _seed(*parts: object) -> int:
    return int(sha256_of_bytes("/".join(map(str, parts)).encode())[:16], 16) >> 1
