"""Each perturbation and each column of the manifest stands on the documentation's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from stimuli.manifest import COLUMNS
from stimuli.perturbations import PERTURBATIONS
from stimuli.sources.artwork import HANDS

PAGE = (Path(__file__).parents[3] / "docs" / "stimuli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*PERTURBATIONS, *COLUMNS, *HANDS])
def test_it_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE
