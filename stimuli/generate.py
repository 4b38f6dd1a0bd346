"""From a folder of pictures to a folder of stimuli with their manifest and masks.

The unit of work is one picture with all of its conditions. Every stimulus has its own seed, so the
order of work and the number of jobs change no byte. Finished pictures are noted in
``.partial.jsonl`` as they come, so that a build that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stimuli.build_folder import (
    BUILD_NAME,
    Pixels,
    delete_stimuli,
    hashed,
    is_whole,
    record_of,
    refuse_to_replace,
    versions,
    write_image,
    write_json,
    write_masks,
)
from stimuli.conditions import Condition, ConditionsFile
from stimuli.degrade import render
from stimuli.errors import UserError
from stimuli.files import make_folder, replacing, sha256_of_bytes
from stimuli.ladder_gate import falls
from stimuli.manifest import CSV_NAME, Stimulus, read_manifest, write_manifest
from stimuli.matching import CannotMatchError, matched_at
from stimuli.measures import Reference
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation
from stimuli.picture_sample import read_picture
from stimuli.pictures import RECIPE, load_picture
from stimuli.seeds import stimulus_id
from stimuli.sources.folder import LeftOut, Source, scan
from stimuli.visual_angle import degrees

PARTIAL_NAME = ".partial.jsonl"
#: what ``build.json`` calls a folder that is made here
KIND = "build"
#: raised whenever the same inputs would give other pixels than before
RECIPE_VERSION = 3
Watch = Callable[[Iterable["Outcome"], int], Iterable["Outcome"]]


@dataclass(frozen=True)
class Job:
    """What a worker is told: where to read and write, what to make, and the build's seed."""

    source: Path
    out: Path
    conditions: ConditionsFile
    seed: int


@dataclass(frozen=True)
class Outcome:
    """One picture done: its stimuli, clean first, or the reason why it has none."""

    source: str
    stimuli: tuple[Stimulus, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Build:
    """What a build made: the manifest's rows, the files left out, how many pictures were rendered now."""

    folder: Path
    stimuli: tuple[Stimulus, ...]
    left_out: tuple[LeftOut, ...]
    rendered: int


def build(
    source: Path,
    out: Path,
    conditions: ConditionsFile,
    seed: int = 0,
    jobs: int = 1,
    force: bool = False,
    watch: Watch | None = None,
) -> Build:
    """Make every stimulus of a folder of pictures, its masks and its manifest.

    ``out`` gets ``images/``, ``masks/00.png`` to ``15.png``, ``manifest.csv``, ``manifest.parquet``
    and ``build.json``, the same bytes for any number of ``jobs`` (processes). ``watch`` is handed the
    outcomes as they come and their number and yields them on, to show progress. A build of the same
    inputs is resumed, or found done; images that are missing or altered are made again. A file that
    cannot be read is left out and reported in the result; the rest goes on.

    Raises UserError if ``out`` holds anything else and not ``force`` (which starts anew),
    if no picture could be read, or if a family's severities are not monotone in their mean distance
    from clean: then what was built is deleted.
    """
    _refuse_overlap(source, out)
    sources, misplaced = scan(source)
    _refuse_unknown_concepts(source, sources, conditions)
    _refuse_unreadable(source, sources, conditions.size)
    inputs = _inputs(sources, conditions, seed)
    outcomes = {outcome.source: outcome for outcome in _prepare(out, inputs, force, sources)}
    todo = [row for row in sources if row.path not in outcomes]
    job = Job(source, out, conditions, seed)
    results = _noted(out, _render_all(job, todo, jobs))
    outcomes |= {outcome.source: outcome for outcome in (watch(results, len(todo)) if watch else results)}
    done = [outcomes[row.path] for row in sources]
    stimuli = tuple(row for outcome in done for row in outcome.stimuli)
    left_out = (*misplaced, *(LeftOut(row.source, row.reason) for row in done if row.reason))
    _finish(job, inputs, sources, stimuli, left_out)
    return Build(out, stimuli, left_out, sum(not outcomes[row.path].reason for row in todo))


def _refuse_overlap(source: Path, out: Path) -> None:
    if out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"the output {out} lies inside the folder of pictures {source}; name another one")


def _refuse_unknown_concepts(folder: Path, sources: Sequence[Source], conditions: ConditionsFile) -> None:
    present = {source.concept for source in sources}
    for concept in conditions.clean_only:
        if concept not in present:
            near = get_close_matches(concept, present, n=1)
            raise UserError(
                f"clean_only names {concept!r}, of which {folder} has no picture; "
                + (f"is {near[0]!r} meant?" if near else "correct the name, or leave it out")
            )


def _refuse_unreadable(folder: Path, sources: Sequence[Source], size: int) -> None:
    """Stop before anything is replaced if not one picture can be read."""
    reasons = []
    for source in sources:
        try:
            load_picture(folder / source.path, size, source.path)
        except UserError as error:
            reasons.append(str(error))
        else:
            return
    raise UserError(f"no picture could be used, the first because {reasons[0]}")


def _inputs(sources: Sequence[Source], conditions: ConditionsFile, seed: int) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "kind": KIND,
        "versions": versions(),
        "seed": seed,
        "size": conditions.size,
        "conditions": [condition.key for condition in conditions.conditions],
        "clean_only": list(conditions.clean_only),
        **_options(conditions),
        **({} if conditions.ladder_gate else {"ladder_gate": False}),
        "sources_sha256": sha256_of_bytes(json.dumps([asdict(row) for row in sources]).encode()),
    }
    return hashed(RECIPE_VERSION, inputs)


def _options(conditions: ConditionsFile) -> dict[str, Any]:
    """How stimuli are made beyond the usual, for the record; nothing where nothing was asked."""
    options: dict[str, Any] = {
        "degrees": conditions.degrees,
        "light": "linear" if conditions.linear_light else None,
        "draws": "legacy" if conditions.legacy else None,
        "match": asdict(conditions.matching) if conditions.matching else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _finish(
    job: Job,
    inputs: dict[str, Any],
    sources: Sequence[Source],
    stimuli: Sequence[Stimulus],
    left_out: Sequence[LeftOut],
) -> None:
    out = job.out
    try:
        if not stimuli:
            raise UserError(f"no picture could be used, the first because {left_out[0].reason}")
        if job.conditions.ladder_gate:
            check_ladders(job, sources, stimuli)
    except UserError:
        delete_stimuli(out, PARTIAL_NAME)
        raise
    clean = [row for row in stimuli if row.perturbation == CLEAN]
    write_masks(out, job.seed, job.conditions.size, clean)
    write_json(out / BUILD_NAME, {**inputs, "left_out": [asdict(row) for row in left_out]})
    write_manifest(out, stimuli, force=True)
    (out / PARTIAL_NAME).unlink(missing_ok=True)


# Resuming


def _prepare(out: Path, inputs: dict[str, Any], force: bool, sources: Sequence[Source]) -> list[Outcome]:
    """Make ``out`` ready; return what an earlier build of the same inputs has finished."""
    if force or record_of(out).get("inputs_sha256") != inputs["inputs_sha256"]:
        _clear(out, force)
    for name in ("images", "masks"):
        for leftover in make_folder(out / name).glob(".*.png"):
            leftover.unlink()
    present = {source.path: source for source in sources}
    known = [
        outcome
        for outcome in _known(out)
        if _is_of(present.get(outcome.source), outcome) and all(is_whole(out, row) for row in outcome.stimuli)
    ]
    with replacing(out / PARTIAL_NAME, force=True) as path:
        path.write_text("".join(map(_line_of, known)), encoding="utf-8")
    write_json(out / BUILD_NAME, inputs)
    return known


def _clear(out: Path, force: bool) -> None:
    if out.is_dir() and any(out.iterdir()) and not force:
        raise UserError(
            f"{out} holds something other than a build of these pictures, conditions, seed and versions; "
            "name another folder, or add --force to replace a former build in it"
        )
    refuse_to_replace(out, KIND)
    delete_stimuli(make_folder(out), PARTIAL_NAME)


def _known(out: Path) -> list[Outcome]:
    """List what a former build noted as finished, or has in its manifest."""
    if (out / CSV_NAME).is_file():
        rows: dict[str, list[Stimulus]] = {}
        for row in read_manifest(out):
            rows.setdefault(row.source_path, []).append(row)
        return [Outcome(source, tuple(stimuli)) for source, stimuli in rows.items()]
    path = out / PARTIAL_NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [outcome for line in lines if (outcome := _outcome_of(line)) is not None]


def _line_of(outcome: Outcome) -> str:
    rows = [
        {**asdict(row), "psnr_db": None if math.isnan(row.psnr_db) else row.psnr_db}
        for row in outcome.stimuli
    ]
    return json.dumps(rows, allow_nan=False) + "\n"


def _outcome_of(line: str) -> Outcome | None:
    """Read a line of the list of finished pictures; None for the torn last line of a killed build."""
    try:
        rows = json.loads(line)
    except ValueError:
        return None
    stimuli = [Stimulus(**{**row, "psnr_db": _number(row["psnr_db"])}) for row in rows]
    return Outcome(stimuli[0].source_path, tuple(stimuli))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _is_of(source: Source | None, outcome: Outcome) -> bool:
    """Whether rows say of their picture what is true of it now."""
    return source is not None and all(
        (row.source_sha256, row.concept, row.cluster, row.licence, row.credit, row.credit_url)
        == (source.sha256, source.concept, source.cluster, source.licence, source.credit, source.credit_url)
        for row in outcome.stimuli
    )


def _noted(out: Path, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Append every picture that has stimuli to the list of finished ones, and pass it on."""
    with (out / PARTIAL_NAME).open("a", encoding="utf-8") as stream:
        for outcome in outcomes:
            if outcome.stimuli:
                stream.write(_line_of(outcome))
                stream.flush()
            yield outcome


# Rendering


def _render_all(job: Job, sources: Sequence[Source], jobs: int) -> Iterator[Outcome]:
    """Render pictures in the order given, in this process or in several."""
    work = partial(render_source, job)
    if jobs <= 1 or len(sources) <= 1:
        yield from map(work, sources)
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(min(jobs, len(sources)), context, _end_with_parent) as pool:
            yield from pool.map(work, sources)
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was ended from outside, perhaps for want of memory; "
            "run the same command again with fewer --jobs, and it goes on where it stopped"
        ) from error


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(process: multiprocessing.process.BaseProcess) -> None:
    process.join()
    os._exit(1)


def render_source(job: Job, source: Source) -> Outcome:
    """Write all stimuli of one picture; a picture that cannot be used is told in ``reason``."""
    cv2.setNumThreads(1)
    conditions = job.conditions.of_concept(source.concept)
    try:
        picture = load_picture(job.source / source.path, job.conditions.size, source.path)
        clean = matched_at("source", picture, job.conditions.matching, source.path)
        reference = Reference(matched_at("stimulus", clean, job.conditions.matching, source.path))
    except UserError as error:
        return Outcome(source.path, reason=str(error))
    try:
        return Outcome(source.path, tuple(_render(job, source, clean, reference, one) for one in conditions))
    except CannotMatchError as error:
        for condition in conditions:
            (job.out / _image_name(source, condition)).unlink(missing_ok=True)
        return Outcome(source.path, reason=str(error))


def _image_name(source: Source, condition: Condition) -> str:
    return f"images/{stimulus_id(source.sha256, condition, 0)}.png"


def _render(job: Job, source: Source, clean: Pixels, reference: Reference, condition: Condition) -> Stimulus:
    image, seed = render(job.conditions, source.sha256, clean, condition, job.seed)
    image = matched_at("stimulus", image, job.conditions.matching, f"{source.path} in {condition.key}")
    name = _image_name(source, condition)
    return Stimulus(
        stimulus=stimulus_id(source.sha256, condition, 0),
        image=name,
        image_sha256=write_image(job.out / name, image),
        source=source.id,
        source_sha256=source.sha256,
        source_path=source.path,
        concept=source.concept,
        cluster=source.cluster,
        perturbation=condition.perturbation,
        severity=condition.severity,
        severity_unit=condition.unit,
        condition=condition.key,
        replicate=0,
        seed=seed,
        width=image.shape[1],
        height=image.shape[0],
        **asdict(reference.measures(image)),
        parameters=_parameters(job.conditions, condition, job.seed),
        versions=versions(),
        licence=source.licence,
        credit=source.credit,
        credit_url=source.credit_url,
    )


@cache
def _parameters(conditions: ConditionsFile, condition: Condition, build_seed: int) -> str:
    """How stimuli of a condition are made, as JSON: the recipe, and what goes with the severity."""
    chosen = PERTURBATIONS[condition.perturbation].parameters(condition.severity)
    if conditions.degrees is not None and condition.unit == "px":
        chosen["severity_degrees"] = degrees(condition.severity, conditions.size, conditions.degrees)
    recipe = {**RECIPE, "size": conditions.size, "build_seed": build_seed, **_options(conditions)}
    return json.dumps({**recipe, **chosen}, sort_keys=True)


# The ladder gate


def check_ladders(job: Job, sources: Sequence[Source], stimuli: Sequence[Stimulus]) -> None:
    """Refuse a family in which a stronger severity is, on average, no further from clean.

    The distance is the root-mean-square difference of channel values from the clean stimulus, 0 to 1,
    averaged over the sources. Families whose severities have no order pass, and steps that are wrong by
    chance (``falls``). Raises UserError naming the two severities.
    """
    apart: dict[str, dict[float, list[float]]] = {}
    for row in stimuli:
        apart.setdefault(row.perturbation, {}).setdefault(row.severity, []).append(_distance(row))
    for name, levels in apart.items():
        means = {severity: float(np.mean(levels[severity])) for severity in levels}
        shown = {row.source_path for row in stimuli if row.perturbation == name}
        _check_ladder(job, PERTURBATIONS[name], means, [row for row in sources if row.path in shown])


def _check_ladder(
    job: Job, family: Perturbation, apart: dict[float, float], sources: Sequence[Source]
) -> None:
    if not family.direction:
        return
    ladder = sorted(apart, key=lambda severity: family.direction * severity)
    if not apart[ladder[0]]:
        raise UserError(
            f"{family.name}-{ladder[0]:g} changes no picture; leave it out of the conditions, "
            "or write ladder_gate = false there"
        )
    for milder, stronger in pairwise(ladder):
        if apart[stronger] > apart[milder]:
            continue
        pictures = (read_picture(job.source, source, job.conditions) for source in sources)
        if falls(family, milder, stronger, pictures, job.seed):
            raise UserError(
                f"{family.name}-{stronger:g} is on average no further from clean ({apart[stronger]:.4f}) "
                f"than {family.name}-{milder:g} ({apart[milder]:.4f}); leave one of them out of the "
                "conditions, or write ladder_gate = false there"
            )


def _distance(row: Stimulus) -> float:
    """Root-mean-square difference from clean, which the signal-to-noise ratio in dB stands for."""
    return 0.0 if math.isnan(row.psnr_db) else 10 ** (-row.psnr_db / 20)
