"""The page of an alignment: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from exports.alignment import tables
from exports.alignment.origin import Origin
from exports.alignment.pictures import Picture, chances
from exports.alignment.wording import MEASURES, TABLES, decimal, ends, natural, percents, plain
from exports.alignment.wording import sentence as sentence_of
from exports.figures.style import data_uri
from exports.report.wording import counted, listed, number
from scoring.alignment.align import NO_LAYERS, NO_MODELS, NO_UNIT, PER_CONDITION, Alignment, Refused
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
#: reasons of what was not given, which is no failure -> what was not given, and what gives it
NOT_GIVEN: dict[str, tuple[str, str]] = {
    NO_MODELS: ("models", "--choices or --neuron-map"),
    NO_LAYERS: ("layers", "--store"),
    NO_UNIT: ("units", "--neuron-map"),
}
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
        "models": bool(found.models),
        "guessing": bool(found.observations.alternatives),
        "chance": any(chances(found).values()),
        "graded": tables.graded(found),
        "not_given": not_given(found.refused),
        "draws": number(found.settings.resamples),
        "weights": list(origin.weights.items()),
        "figures": {part: _shown(pictures, part) for part in PARTS},
        "tables": tables.all_tables(found),
        "refused": refusals([one for one in found.refused if one.reason not in NOT_GIVEN]),
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
    people, models = frame[frame["kind"].eq(HUMAN)], found.models
    shown = [
        (number(people["observer"].nunique()), "people"),
        *([(number(len(models)), "model" if len(models) == 1 else "models")] if models else []),
        (number(frame["stimulus"].nunique()), "pictures"),
        (number(len(people)), "answers of people"),
    ]
    for name, short in (
        ("human_accuracy", "mean score of people" if tables.graded(found) else "accuracy of people"),
        ("", f"error consistency{_within_conditions(found)}, κ"),
        ("reliability", "reliability of pictures within cells"),
    ):
        one = found.estimates.get(name) if name else found.consistency[1]
        if one is not None and not math.isnan(one.value):
            shown.append((decimal(one.value), short))
    return shown


def sentence(found: Alignment) -> str:
    """What was found, in two or three sentences."""
    parts, own = [_recognition(found)], found.consistency[1]
    if not math.isnan(own.value):
        parts.append(
            f"They err on the same pictures with κ = {decimal(own.value)}{_within(own.low, own.high)}, "
            f"0 being what their accuracies{_within_conditions(found)} alone would give."
        )
    if best := _best_model(found):
        parts.append(best)
    return " ".join(parts)


def _within_conditions(found: Alignment) -> str:
    return " within conditions" if found.consistency[0] == PER_CONDITION else ""


def _recognition(found: Alignment) -> str:
    """How often people are right; where answers earn partial credit, their mean score first."""
    accuracy = found.estimates["human_accuracy"]
    guessing = _guessing(found.observations.alternatives)
    span = percents(accuracy.low, accuracy.high)
    if not tables.graded(found):
        within = f" (95% interval {span})" if span else ""
        return f"People are right in {accuracy.value:.1%} of trials{within}{guessing}."
    people = found.observations.of_kind(HUMAN)
    credit = (
        "half credit counts ½" if set(people["score"].dropna()) <= {0.0, 0.5, 1.0} else "credit is graded"
    )
    within = ends(accuracy.low, accuracy.high)
    about = f"95% interval {within}; {credit}" if within else credit
    right = float(people["correct"].dropna().astype(float).mean())
    return (
        f"People's mean score is {decimal(accuracy.value)} ({about}); {right:.1%} of answers are right "
        f"(score .5 or more){guessing}."
    )


def _within(low: float, high: float) -> str:
    return "" if math.isnan(low) else f" (95% interval {ends(low, high)})"


def _guessing(alternatives: int | None) -> str:
    return f", where guessing gives {1 / alternatives:.1%}" if alternatives else ""


def _best_model(found: Alignment) -> str:
    table = found.tables.get("models")
    if table is None:
        return ""
    kept = table[table["expectation"].eq(found.consistency[0]) & table["consistency"].notna()]
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
    offered, conditions = observations.alternatives, frame["condition"].unique()
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
        ("Conditions", listed([plain(name) for name in sorted(map(str, conditions), key=natural)])),
        ("Models", listed(found.models) if found.models else "none"),
        ("Layers", listed([layer.name for layer in found.layers]) if found.layers else "none"),
    ]


def _between(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def not_given(refused: Sequence[Refused]) -> str:
    """What was not given and how it is, in a sentence; empty where nothing is missing."""
    there = [NOT_GIVEN[reason] for reason in NOT_GIVEN if any(one.reason == reason for one in refused)]
    if not there:
        return ""
    how = listed([f"{option} for {what}" for what, option in there])
    return f"No {listed([what for what, _ in there], 'or')} were given; {how}."


def refusals(refused: Sequence[Refused]) -> list[dict[str, str]]:
    """What is refused in words, one entry for each measure and reason."""
    about: dict[tuple[str, str], list[str]] = {}
    for one in refused:
        about.setdefault((_what(one), one.reason), []).append(_of_what(one))
    return [_refusal(*key, [name for name in names if name]) for key, names in about.items()]


def _what(one: Refused) -> str:
    if one.measure in MEASURES:
        return MEASURES[one.measure].title
    named = TABLES.get(one.measure, plain(one.measure))
    if one.parts.get("term") == "cell":
        return f"{named} ({tables.FITS[one.parts['model']]}), cells left out"
    return named


def _of_what(one: Refused) -> str:
    """What is missing of the measure: a cell by its concept and condition, a curve with its severities."""
    if one.parts.get("term") == "cell":
        return plain(" ".join(one.parts[key] for key in ("concept", "condition") if key in one.parts))
    if one.parts.get("effect") and one.parts.get("model") in tables.FITS:
        spread = tables.spread_between(one.parts["term"], one.parts["effect"])
        return f"spread of {spread} ({tables.FITS[one.parts['model']]})"
    shown = one.parts.get("n_severities", "")
    more = f" ({counted(int(shown), 'severity', 'severities')})" if shown else ""
    return plain(one.about) + more


def _refusal(named: str, reason: str, about: Sequence[str]) -> dict[str, str]:
    words = "; ".join(about[:MOST_NAMED])
    more = f"; and {len(about) - MOST_NAMED} more" if len(about) > MOST_NAMED else ""
    return {"what": named, "about": words + more, "why": sentence_of(reason)}
