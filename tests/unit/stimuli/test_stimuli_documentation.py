"""Each column of the manifest and each key of a conditions file stands on the documentation's page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stimuli.conditions_file import FILE_KEYS
from stimuli.manifest import COLUMNS
from stimuli.sources.artwork import HANDS

PAGE = (Path(__file__).parents[3] / "docs" / "stimuli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*COLUMNS, *HANDS])
def test_it_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("key", FILE_KEYS)
def test_keys_of_the_conditions_file_are_explained(key: str) -> None:
    assert re.search(rf"`\[?{key}\b|^\[*{key}\b", PAGE, re.MULTILINE)
