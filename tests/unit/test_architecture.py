"""The arrows between the packages point one way only, and the server stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: package -> the packages and modules of ours that it may import
ARROWS: dict[str, tuple[str, ...]] = {
    "stimuli": ("stimuli",),
    "scoring": ("scoring", "stimuli"),
    "experiment_server": ("experiment_server", "stimuli", "scoring.answers"),
    "exports": ("exports", "experiment_server", "scoring", "stimuli"),
    "commands": ("commands", "exports", "experiment_server", "scoring", "stimuli"),
}

#: of stimuli, the server knows what was shown and how errors and files are handled, and nothing else
SERVER_STIMULI = (
    "stimuli.conditions",
    "stimuli.perturbations",
    "stimuli.manifest",
    "stimuli.errors",
    "stimuli.files",
)

HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "torch")


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def ours(package: str) -> list[tuple[Path, str]]:
    """List (file, imported module) for each import of our own packages made in a package."""
    return [
        (path, module)
        for path in sorted((ROOT / package).rglob("*.py"))
        if "node_modules" not in path.parts
        for module in imported_modules(path)
        if module.split(".")[0] in ARROWS
    ]


def allowed(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


@pytest.mark.parametrize("package", list(ARROWS))
def test_arrows_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in ours(package)
        if not allowed(module, ARROWS[package])
    ]
    assert not wrong


def test_server_takes_from_stimuli_only_what_was_shown() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in ours("experiment_server")
        if module.startswith("stimuli") and not allowed(module, SERVER_STIMULI)
    ]
    assert not wrong


def test_design_and_trial_state_know_neither_flask_nor_the_database() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for folder in ("design", "trials")
        for path in sorted((ROOT / "experiment_server" / folder).rglob("*.py"))
        for module in imported_modules(path)
        if module.split(".")[0] in ("flask", "sqlalchemy") or "experiment_server.models" in module
    ]
    assert not wrong


@pytest.mark.parametrize(
    "module", ["manage", "commands.db", "commands.study", "commands.serve", "scoring.answers"]
)
def test_light_commands_import_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
