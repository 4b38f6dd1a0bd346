"""The page of an alignment: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from exports.alignment import tables
from exports.alignment.origin import Origin
from exports.alignment.pictures import Picture
from exports.alignment.wording import MEASURES, TABLES, decimal, ends, natural
from exports.alignment.wording import sentence as sentence_of
from exports.figures.style import data_uri
from exports.report.wording import counted, listed, number
from scoring.alignment.align import Alignment, Refused
from scoring.alignment.observations import HUMAN

HERE = Path(__file__).parent
#: the parts of the page
PARTS: dict[str, str] = {
    "data": "The data",
    "estimates": "The estimates",
    "accuracy": "Accuracy",
    "consistency": "Consistency of errors",
    "confusions": "Confusions",
    "curves": "Psychometric curves",
    "mixed": "What answers depend on",
    "layers": "Layers of models",
    "refused": "What is not printed, and why",
    "provenance": "Provenance",
}
#: what stands where everybody was simulated, or a study was tried out
BANNERS = ("simulated", "rehearsal")
#: refused things of one kind that are named
MOST_NAMED = 12


def page(found: Alignment, origin: Origin, pictures: Sequence[Picture], summary: Mapping[str, Any]) -> str:
    """Fill the template; a value that it lacks is an error."""
    environment = Environment(
        loader=PackageLoader("exports.alignment", "."),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE.parent / "report" / "style.css").read_text(encoding="utf-8")
    style += (HERE / "alignment.css").read_text(encoding="utf-8")
    content = gather(found, origin, pictures, summary)
    return environment.get_template("template.html").render(style=style, **content)


def gather(
    found: Alignment, origin: Origin, pictures: Sequence[Picture], summary: Mapping[str, Any]
) -> dict[str, Any]:
    """All that the template shows."""
    notes = list(summary["notes"])
    banners = [note for note in notes if any(word in note for word in BANNERS)]
    return {
        "title": origin.title,
        "parts": PARTS,
        "banners": banners,
        "notes": [note for note in notes if note not in banners],
        "summary": sentence(found),
        "tiles": tiles(found),
        "facts": facts(found),
        "weights": list(origin.weights.items()),
        "figures": {part: _shown(pictures, part) for part in PARTS},
        "tables": tables.all_tables(found),
        "refused": refusals(found.refused),
        "settings": found.settings,
        "files": list(origin.files.items())[: tables.MOST_FILES],
        "more_files": max(len(origin.files) - tables.MOST_FILES, 0),
        "command": origin.command,
        "versions": summary["versions"],
    }


def _shown(pictures: Sequence[Picture], part: str) -> list[dict[str, str]]:
    return [
        {
            "title": one.title,
            "words": one.words,
            "wide": data_uri(one.wide.encode(), "svg+xml"),
            "narrow": data_uri(one.narrow.encode(), "svg+xml"),
        }
        for one in pictures
        if one.section == part
    ]


def tiles(found: Alignment) -> list[tuple[str, str]]:
    """The numbers at the top: value and name."""
    frame = found.observations.frame
    people = frame[frame["kind"].eq(HUMAN)]
    shown = [
        (number(people["observer"].nunique()), "people"),
        (number(len(found.models)), "models"),
        (number(frame["stimulus"].nunique()), "pictures"),
        (number(len(people)), "answers of people"),
    ]
    for name, short in (
        ("human_accuracy", "accuracy of people"),
        ("error_consistency", "error consistency, κ"),
        ("error_consistency_all_pairs", "error consistency of all pairs, κ"),
        ("reliability", "reliability of pictures within cells"),
    ):
        one = found.estimates.get(name)
        if one is not None and not math.isnan(one.value):
            shown.append((decimal(one.value), short))
    return shown


def sentence(found: Alignment) -> str:
    """What was found, in two or three sentences."""
    estimates, parts = found.estimates, []
    accuracy = estimates["human_accuracy"]
    parts.append(
        f"People are right in {accuracy.value:.1%} of trials{_within(accuracy.low, accuracy.high)}"
        f"{_guessing(found.observations.alternatives)}."
    )
    own = estimates["error_consistency"]
    if math.isnan(own.value):
        own = estimates.get("error_consistency_all_pairs", own)
    if not math.isnan(own.value):
        parts.append(
            f"They err on the same pictures with κ = {decimal(own.value)}{_within(own.low, own.high)}, "
            "0 being what their accuracies alone would give."
        )
    if best := _best_model(found):
        parts.append(best)
    return " ".join(parts)


def _within(low: float, high: float) -> str:
    return "" if math.isnan(low) else f" (95% interval {ends(low, high)})"


def _guessing(alternatives: int | None) -> str:
    return f", where guessing gives {1 / alternatives:.1%}" if alternatives else ""


def _best_model(found: Alignment) -> str:
    table = found.tables.get("models")
    if table is None:
        return ""
    kept = table[table["expectation"].eq("pooled") & table["consistency"].notna()]
    if kept.empty:
        return ""
    best = kept.sort_values("consistency", ascending=False).iloc[0]
    which = f"the highest of {len(kept)} models" if len(kept) > 1 else "the model"
    return (
        f"With {best['model']}, {which}, their κ is {decimal(float(best['consistency']))}"
        f"{_within(float(best['consistency_low']), float(best['consistency_high']))}."
    )


def facts(found: Alignment) -> list[tuple[str, str]]:
    """What the data are: pairs of a name and a value."""
    observations = found.observations
    frame = observations.frame
    people = frame[frame["kind"].eq(HUMAN)]
    raters = people.groupby("stimulus").size()
    offered = observations.alternatives
    return [
        ("Data", observations.origin),
        ("Task", f"a forced choice among {offered} words" if offered else "answers are typed"),
        (
            "People",
            f"{counted(people['observer'].nunique(), 'person', 'people')}, {number(len(people))} answers",
        ),
        (
            "Pictures",
            f"{number(frame['stimulus'].nunique())} of {counted(frame['source'].nunique(), 'source')}, each "
            f"answered by {_between(int(raters.min()), int(raters.max()))} people",
        ),
        ("Concepts", f"{len(observations.concepts)}: {listed(list(observations.concepts))}"),
        ("Conditions", listed(sorted((str(name) for name in frame["condition"].unique()), key=natural))),
        ("Models", listed(found.models) if found.models else "none"),
        ("Layers", listed([layer.name for layer in found.layers]) if found.layers else "none"),
    ]


def _between(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def refusals(refused: Sequence[Refused]) -> list[dict[str, str]]:
    """What is refused in words, one entry for each measure and reason."""
    about: dict[tuple[str, str], list[str]] = {}
    for one in refused:
        about.setdefault((one.measure, one.reason), []).append(one.about)
    return [_refusal(*key, [name for name in names if name]) for key, names in about.items()]


def _refusal(measure: str, reason: str, about: Sequence[str]) -> dict[str, str]:
    named = MEASURES[measure].title if measure in MEASURES else TABLES.get(measure, measure.replace("_", " "))
    words = "; ".join(name.replace("_", " ") for name in about[:MOST_NAMED])
    more = f"; and {len(about) - MOST_NAMED} more" if len(about) > MOST_NAMED else ""
    return {"what": named, "about": words + more, "why": sentence_of(reason)}
