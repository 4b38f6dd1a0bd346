"""The state diagrams of docs/allocation.md, read back."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "allocation.md"
START = "[*]"


def arrows(heading: str) -> set[tuple[str, str, str]]:
    """(state, event, state after it) for each arrow of the diagram under a heading; no event is ""."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    diagram = section.partition("```mermaid\nstateDiagram-v2\n")[2].partition("```")[0]
    found = [re.fullmatch(r"    (\S+) --> (\S+)(?: : (\S+))?", line) or line for line in diagram.splitlines()]
    assert found
    assert [line for line in found if isinstance(line, str)] == []
    return {(one[1], one[3] or "", one[2]) for one in found if not isinstance(one, str)}
