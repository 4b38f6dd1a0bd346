"""Write docs/perturbations.md from the registry: ``python docs/make_perturbations_page.py``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from commands.stimuli_list import groups, needs, parameters_at_levels, people, span, stronger_is  # noqa: E402
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation  # noqa: E402

PAGE = ROOT / "docs" / "perturbations.md"
PUBLISHED = "_published"

INTRODUCTION = """# Perturbations

Everything that can be done to a picture, made from the registry by `python docs/make_perturbations_page.py`.
`python manage.py stimuli list` prints the same, and `stimuli list NAME` all about one; `stimuli preview
SOURCE --perturbation NAME --out sheet.png` shows it on your pictures.

A **severity** is a physical parameter with a unit. **Levels** run from mild to strong and are those of the
source; where they are marked *ours*, nobody published any for this form. **Needs**: *colour*, a grey picture
loses nothing; *chance*, each stimulus has draws of its own, from its own seed; *a model*, it is made by a
command that is handed one and not by `stimuli build`. **Light**: there is a form that computes in linear
light. `clean` is a condition too: nothing is done. A form with the suffix `_published` does what the
publication's code does, its faults included; the plain name is the corrected form
([side by side](#published-and-corrected)).
"""


def rows_of(group: str) -> list[Perturbation]:
    """The perturbations of a group, in the registry's order."""
    return [row for row in PERTURBATIONS.values() if row.group == group and row.name != CLEAN]


def pairs() -> list[tuple[Perturbation, Perturbation]]:
    """(corrected, published) forms of one perturbation."""
    return [
        (PERTURBATIONS[row.name.removesuffix(PUBLISHED)], row)
        for row in PERTURBATIONS.values()
        if row.name.endswith(PUBLISHED) and row.name.removesuffix(PUBLISHED) in PERTURBATIONS
    ]


def sources() -> list[str]:
    """The publications, in the order in which the registry first names them."""
    return list(dict.fromkeys(row.source for row in PERTURBATIONS.values() if row.source))


def plain(text: str) -> str:
    """A text of the registry that Markdown, in a table too, shows as it is."""
    return re.sub(r"([|*<\\[\]])", r"\\\1", text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def levels_of(row: Perturbation) -> str:
    """The levels, with a word where they are ours."""
    numbers = " ".join(f"{level:g}" for level in row.levels)
    return numbers if row.published_levels else f"{numbers} (ours)"


def numbers_of_sources(row: Perturbation) -> str:
    """Where in the list of sources this one's is."""
    return f"[{sources().index(row.source) + 1}](#sources)"


def group_section(group: str) -> str:
    """The section of a group: its table, then what is to be said of single ones."""
    header = (
        "perturbation",
        "what it does",
        "severity",
        "stronger",
        "range",
        "levels",
        "needs",
        "light",
        "source",
    )
    rows = [
        (
            f"`{row.name}`",
            plain(row.does),
            plain(f"{row.parameter} ({row.unit})"),
            stronger_is(row),
            span(row),
            levels_of(row),
            needs(row),
            "yes" if row.linear_light else "–",
            numbers_of_sources(row),
        )
        for row in rows_of(group)
    ]
    remarks = "".join(f"\n{text}\n" for row in rows_of(group) if (text := remark(row)))
    return f"\n## {group[0].upper()}{group[1:]}\n\n{table(header, rows)}{remarks}"


def remark(row: Perturbation) -> str:
    """A paragraph on what else changes with the level, what people can do, and what to mind."""
    first, *others = [*map(plain, _parts(row)), ""]
    text = ". ".join((first, *(f"{part[0].upper()}{part[1:]}" for part in others if part)))
    return f"**`{row.name}`**: {text}." if text else ""


def _parts(row: Perturbation) -> Iterator[str]:
    if row.companions:
        yield f"with the levels {' '.join(f'{level:g}' for level in row.published_levels)} go " + "; ".join(
            parameters_at_levels(row)
        )
    if row.human:
        yield f"people: {people(row)}"
    if row.mind:
        yield row.mind


def pairs_section() -> str:
    """The published form of each corrected one beside it."""
    if not pairs():
        return ""
    parts = [
        "\n## Published and corrected\n\nThe published form is there to compare with results that used it; "
        "for a new study take the corrected one.\n"
    ]
    for corrected, published in pairs():
        rows = [(name, one, other) for name, one, other in _sides(corrected, published) if one or other]
        parts.append(f"\n{table(('', f'`{corrected.name}`', f'`{published.name}`'), rows)}")
    return "".join(parts)


def _sides(corrected: Perturbation, published: Perturbation) -> Iterator[tuple[str, str, str]]:
    for name, say in (
        ("does", lambda row: row.does),
        ("severity", lambda row: f"{row.parameter} ({row.unit})"),
        ("stronger is", stronger_is),
        ("levels", levels_of),
        ("with the levels", lambda row: "; ".join(parameters_at_levels(row))),
        ("mind", lambda row: row.mind),
    ):
        yield name, plain(say(corrected)), plain(say(published))


def sources_section() -> str:
    """The publications."""
    lines = "".join(f"{number}. {source}\n" for number, source in enumerate(sources(), 1))
    return f"\n## Sources\n\n{lines}"


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(map(group_section, groups())) + pairs_section() + sources_section()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
