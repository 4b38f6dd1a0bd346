"""The peer's own virtual environment, made once under ``build/``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "build" / "corruption_peer"
CONSTRAINTS = Path(__file__).with_name("constraints.txt")


class NoPeerError(Exception):
    """The peer could not be installed."""


def peer_python() -> Path:
    """Python of an environment with imagecorruptions. Raises NoPeerError where it can't be installed."""
    python, made_of = FOLDER / "bin" / "python", FOLDER / "made_of.txt"
    wanted = CONSTRAINTS.read_text(encoding="utf-8")
    if made_of.exists() and made_of.read_text(encoding="utf-8") == wanted:
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(CONSTRAINTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = (errors or [f"{command[1:4]} ended with {done.returncode}"])[-1]
            raise NoPeerError(f"imagecorruptions could not be installed to compare with ({reason})")
    made_of.write_text(wanted, encoding="utf-8")
    return python
