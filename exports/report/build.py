"""A study's report, gathered and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from sqlalchemy import Engine

from experiment_server.services.identities import NO_KEY, Vault
from exports.activations import Activations
from exports.attendance import Attendance
from exports.exclusions import exclusion_counts
from exports.pseudonyms import refuse_leak
from exports.quality import Quality
from exports.report import looks, sections
from exports.report.curves import curves, unit_images
from exports.report.examples import examples
from exports.report.interpscore import controls_beside, default_scores, is_default, read_controls
from exports.report.presentation import presentation
from exports.report.repetition import repetition
from exports.report.scores import read_results, scores, units_of
from exports.report.sections import Missing
from exports.report.wording import in_order, number
from exports.studies import StudyRecord
from exports.study_data import StudyData, read_study
from exports.versions import utc, versions
from scoring.neuron_map import concept_key
from stimuli.errors import UserError
from stimuli.files import replacing, sha256_of_file

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Sources:
    """What a report is made from beside the database; what is None is said to be missing.

    ``images`` is the folder of pictures by hash; ``controls`` are those of ``results``, by default what
    stands beside them; ``units`` maps concepts to units where no results file does; ``clusters`` limits the
    units' curves to sources of these; ``vault`` opens Prolific's IDs.
    """

    images: Path
    results: Path | None = None
    controls: Path | None = None
    activations: Activations | None = None
    units: Mapping[str, int] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()
    manifest: Path | None = None
    vault: Vault = NO_KEY


def write_report(
    engine: Engine,
    name: str,
    out: Path,
    sources: Sources,
    *,
    now: datetime | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a study's report as one HTML file, whole or not at all, and return a summary.

    What the study's rules exclude is recorded first, as of ``now`` (the machine's clock if None). From then
    on the same database and files give the same bytes. Raises UserError if there is no such study, a file is
    not what it should be, ``out`` exists and not ``force``, or a participant's identifier would leave.
    """
    if out.suffix != ".html":
        raise UserError(f"the report is one HTML file; name {out.name} with the ending .html")
    with replacing(out, force=force) as temporary:
        data = read_study(engine, name, sources.vault, manifest=sources.manifest, now=now)
        content = gather(data, sources)
        page = render(content)
        refuse_leak([(out.name, page.encode())], data.secrets)
        temporary.write_text(page, encoding="utf-8")
    missing = {key: value.reason for key, value in content.items() if isinstance(value, Missing)}
    return {
        "study": name,
        "out": str(out),
        "bytes": len(page.encode()),
        "rehearsal": data.study.rehearsal,
        **content["counts"],
        "missing": missing,
    }


def render(content: Mapping[str, Any]) -> str:
    """Fill the template; a value that it lacks is an error."""
    environment = Environment(
        loader=PackageLoader("exports.report", "."),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["missing"] = lambda value: isinstance(value, Missing)
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    return environment.get_template("template.html").render(style=style, **content)


def gather(data: StudyData, sources: Sources) -> dict[str, Any]:
    """All that the template shows."""
    study, trials, stimuli, quality, who = data.study, data.trials, data.stimuli, data.quality, data.who
    found = sections.accuracy(trials, study)
    results = _results(study, sources)
    units = sources.units if results is None else units_of(results)
    no_units = _no_units(sources, units)
    scored = (
        Missing("not scored: no --results file was given") if results is None else _scored(results, sources)
    )
    sentence = "" if isinstance(scored, Missing) else scored.get("sentence", "")
    return {
        "study": study,
        "title": study.title,
        "weights": _weights(sources, scored),
        "summary": f"{_summary(study, who, found, sources, quality)} {sentence}".strip(),
        "counts": exclusion_counts(trials),
        "simulated": who.simulated,
        "answering": who.answering,
        "facts": sections.run_facts(study, who),
        "conditions": sections.condition_rows(study.conditions),
        "measures": _measures(stimuli, study, sources),
        "tiles": sections.people_tiles(who),
        "outcomes": sections.outcome_rows(who),
        "people": sections.people_facts(who, trials),
        "flags": looks.flag_rows(quality.assessed),
        "exclusions": looks.exclusions(study, quality.exclusions, quality.assessed, data.redact),
        "catch": looks.catch(trials, quality.catch_pictures),
        "presentation": presentation(study, trials, data.sessions),
        "accuracy": found,
        "repetition": repetition(trials),
        "curves": _curves(trials, study, stimuli, sources, units, no_units),
        "chance": _chance(study),
        "unit_missing": no_units,
        "dreams": sections.has_dreams(study.conditions),
        "adaptive": sections.adaptive_family(study),
        "clusters": sources.clusters,
        "scores": scored,
        "examples": examples(trials, stimuli, study.conditions, sources.images),
        "credits": _credits(study, stimuli),
        "provenance": _provenance(study, who, sources),
        "versions": versions(),
        "commands": _commands(study, sources),
    }


def _results(study: StudyRecord, sources: Sources) -> pd.DataFrame | None:
    """Read the results file. Raises UserError if it scores a concept that the study lacks."""
    if sources.results is None:
        return None
    table = read_results(sources.results)
    known = {concept_key(concept) for concept in study.frozen.design.concepts}
    foreign = [concept for concept in table["Concept"] if concept_key(concept) not in known]
    if foreign:
        raise UserError(
            f"{sources.results} scores {foreign[0]}, which is no concept of the study {study.name}; "
            "give the results of this study"
        )
    return table


def _scored(results: pd.DataFrame, sources: Sources) -> dict[str, Any]:
    """The section of scores. Raises UserError for controls that are not those of the results."""
    if not is_default(results):
        if sources.controls is not None:
            raise UserError(
                f"{sources.results} is of the published method, which has no controls; leave --controls out"
            )
        return scores(results)
    path = _controls_path(sources)
    return default_scores(results, None if path is None else read_controls(path, results))


def _controls_path(sources: Sources) -> Path | None:
    """The controls that were given, or else those beside the results; None if there are none."""
    if sources.controls is not None or sources.results is None:
        return sources.controls
    beside = controls_beside(sources.results)
    return beside if beside.exists() else None


def _no_units(sources: Sources, units: Mapping[str, int]) -> Missing | None:
    """Why no concept has a curve of its unit; None if they have."""
    if sources.activations is None:
        return Missing("no --store of activations was given")
    if not units:
        return Missing("neither --results nor --neuron-map names the concepts' units")
    return None


def _chance(study: StudyRecord) -> float | None:
    """Accuracy of guessing among the alternatives; None where answers are typed."""
    return 1 / study.offered if study.offered else None


def _summary(
    study: StudyRecord,
    who: Attendance,
    found: dict[str, Any] | Missing,
    sources: Sources,
    quality: Quality,
) -> str:
    return sections.summary(study, who, found, _weights_sentence(sources), len(quality.exclusions))


def _curves(
    trials: pd.DataFrame,
    study: StudyRecord,
    stimuli: pd.DataFrame,
    sources: Sources,
    units: Mapping[str, int],
    missing: Missing | None,
) -> list[dict[str, Any]] | Missing:
    images: pd.DataFrame | Missing = missing or pd.DataFrame()
    if sources.activations is not None and missing is None:
        images = unit_images(stimuli, sources.activations, sources.clusters)
    return curves(trials, study.conditions, images, units, _chance(study))


def _weights(sources: Sources, scored: dict[str, Any] | Missing) -> str:
    """Which weights made the activations and scores, for people."""
    if sources.activations is not None:
        return sources.activations.weights
    return "" if isinstance(scored, Missing) else str(scored["weights"])


def _weights_sentence(sources: Sources) -> str:
    if sources.activations is None:
        return ""
    return f"Units are those of {sources.activations.weights}."


def _measures(stimuli: pd.DataFrame, study: StudyRecord, sources: Sources) -> list[dict[str, str]] | Missing:
    """What the conditions did to the pictures: means over the test stimuli of each."""
    if sources.manifest is None:
        return Missing("no --manifest was given")
    names = ("psnr_db", "ssim", "rms_contrast", "clipped_fraction")
    test = stimuli[stimuli["kind"] == "test"]
    means = test.groupby("condition")[list(names)].mean()
    counts = test.groupby("condition").size()
    return [
        {
            "condition": sections.condition_label(study.conditions, one.key),
            "n": number(counts[one.key]),
            **{name: _measure(means.loc[one.key, name], name) for name in names},
        }
        for one in in_order(study.conditions)
        if one.key in means.index
    ]


def _measure(value: Any, name: str) -> str:
    if pd.isna(value):
        return "–"
    return (
        f"{value:.1f}"
        if name == "psnr_db"
        else f"{value:.1%}"
        if name == "clipped_fraction"
        else f"{value:.2f}"
    )


def _credits(study: StudyRecord, stimuli: pd.DataFrame) -> list[dict[str, str]] | Missing:
    """Whom to credit; with the number of pictures where the manifest tells it."""
    frozen: list[dict[str, str]] = study.definition["credits"]
    if not frozen:
        return Missing("the manifest that the study was created from names no credits")
    if "credit" not in stimuli.columns:
        return [{**line, "pictures": ""} for line in frozen]
    counts = stimuli.groupby(["credit", "credit_url", "licence"])["source"].nunique()
    keys = [(line["credit"], line["credit_url"], line["licence"]) for line in frozen]
    return [{**line, "pictures": number(counts.get(key, 0))} for line, key in zip(frozen, keys, strict=True)]


def _provenance(study: StudyRecord, who: Attendance, sources: Sources) -> list[tuple[str, str]]:
    """Hashes and seeds of everything that went in."""
    lexicon = study.frozen.lexicon
    facts = [
        ("Study definition, SHA-256", study.sha256),
        ("Study seed", str(study.seed)),
        ("Pictures", f"{len(study.definition['stimuli'])} stimuli, {len(study.definition['masks'])} masks"),
        ("Lexicon", f"frozen in the definition, digest {lexicon.digest}" if lexicon else "none"),
        ("Responses up to", utc(who.last_response) if who.last_response else "none yet"),
    ]
    if sources.activations is not None:
        given = sources.activations
        facts += [
            ("Weights", given.weights),
            ("Weights, hash", given.weights_hash),
            ("Layer and preprocessing", f"{given.layer}, {given.preprocess}"),
        ]
    if sources.results is not None:
        facts.append((f"{sources.results.name}, SHA-256", sha256_of_file(sources.results)))
    if (controls := _controls_path(sources)) is not None:
        facts.append((f"{controls.name}, SHA-256", sha256_of_file(controls)))
    return facts


def _commands(study: StudyRecord, sources: Sources) -> Sequence[str]:
    """How to make the export and the report again; files by name only."""
    lines = [f"python manage.py export {study.name} --out dataset"]
    options = [f"--results {sources.results.name}" if sources.results else ""]
    options += [f"--store STORE --layer {sources.activations.layer}" if sources.activations else ""]
    options += [f"--manifest {sources.manifest.name}" if sources.manifest else ""]
    options += [f"--cluster {cluster}" for cluster in sources.clusters]
    lines.append(
        f"python manage.py report {study.name} --out report.html {' '.join(filter(None, options))}".strip()
    )
    return lines
