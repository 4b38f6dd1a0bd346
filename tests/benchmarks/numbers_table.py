"""The table of measured numbers beside their targets, printed at the end of ``make bench``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass
class Numbers:
    """What the benchmarks of this run measured."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, what: str, where: str, measured: str, target: str = "") -> None:
        """Note a number: what it is, of which backend or program, its value, and its target if it has one."""
        load = f"{os.getloadavg()[0]:.1f}"
        self.rows.append((what, where, measured, f"{target:16} {load:>4}"))

    def lines(self) -> list[str]:
        """The table, a line a number."""
        table = [("measured", "of", "number", f"{'target':16} load"), *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(4)]
        return [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in table
        ]
