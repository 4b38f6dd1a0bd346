"""No operator goes without a slow twin."""

from __future__ import annotations

from stimuli.perturbations import PERTURBATIONS
from tests.reference.corruptions.twins import all_twins


def test_every_operator_has_a_twin() -> None:
    assert set(all_twins()) == {row.name for row in PERTURBATIONS.values() if not row.needs_model}
