"""From the clean stimuli of a build to a build of attacked ones, each beside the clean one it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stimuli.attacks import FGSM, Attack, Classifier, Goal, attack, noise
from stimuli.build_folder import Pixels, hashed
from stimuli.conditions import Condition
from stimuli.errors import UserError
from stimuli.files import sha256_of_file
from stimuli.manifest import CSV_NAME, PARQUET_NAME, Stimulus, read_manifest, write_manifest
from stimuli.model_builds import (
    RECIPE_VERSION,
    ModelIdentity,
    copy_stimuli,
    opaque_id,
    read_image,
    refuse_same,
    start_folder,
    written,
)
from stimuli.perturbations import CLEAN
from stimuli.seeds import generator, stimulus_seed

#: pictures that are attacked together
BATCH_SIZE = 16

Floats = npt.NDArray[np.float64]
Work = tuple[Attack, Sequence[Stimulus]]
Track = Callable[[Iterable[Work], int], Iterable[Work]]


class MeasuredClassifier(Classifier, Protocol):
    """A classifier that also says what it really takes a picture for."""

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts, in the order of the probabilities."""

    def measured(self, pictures: Sequence[Pixels]) -> Floats:
        """Probabilities (n, concepts) of pictures (h, w, 3) through the model's real preprocessing."""


@dataclass(frozen=True)
class Request:
    """What is asked for: attacks, the concept to be taken for (None: any other one), and a seed."""

    attacks: tuple[Attack, ...]
    target: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Tried:
    """What the model took the pictures for, (n, concepts) each: clean, attacked, and with noise instead.

    ``shown`` (n,) and ``target`` are places among the concepts.
    """

    attack: Attack
    shown: npt.NDArray[np.intp]
    target: int | None
    clean: Floats
    attacked: Floats
    noise: Floats


@dataclass(frozen=True)
class AttackBuild:
    """What was made: the manifest's rows, and how each attack went."""

    stimuli: tuple[Stimulus, ...]
    tried: tuple[Tried, ...]


def _untracked(work: Iterable[Work], total: int) -> Iterable[Work]:
    return work


def clean_stimuli(folder: Path, concepts: Sequence[str], target: str | None = None) -> list[Stimulus]:
    """Clean stimuli of a build that show one of the concepts, other than the target.

    Raises UserError if there is none, or if they differ in size.
    """
    rows = [
        row
        for row in read_manifest(folder)
        if row.condition == CLEAN and row.concept in concepts and row.concept != target
    ]
    if not rows:
        raise UserError(
            f"{folder} has no clean stimulus to attack of {', '.join(concepts)}; name another build"
        )
    if len({(row.width, row.height) for row in rows}) > 1:
        raise UserError(f"the stimuli of {folder} differ in size; build them at one size")
    return rows


def attack_build(
    folder: Path,
    out: Path,
    model: MeasuredClassifier,
    identity: ModelIdentity,
    request: Request,
    force: bool = False,
    track: Track = _untracked,
) -> AttackBuild:
    """Attack the clean stimuli of the build ``folder`` that show one of the model's concepts.

    ``out`` gets the attacked images and the clean ones they come from, whose rows stay as they are, the
    masks, the manifest and ``build.json``. ``track`` is handed the work and yields it on. Raises UserError
    for a target that is none of the concepts, for images that are not those of the manifest, and if ``out``
    is not empty and not ``force``, or no build of ours.
    """
    if request.target is not None and request.target not in model.concepts:
        raise UserError(
            f"the target {request.target!r} is none of {', '.join(model.concepts)}; name one of them"
        )
    refuse_same(out, folder)
    rows = clean_stimuli(folder, model.concepts, request.target)
    start_folder(out, _inputs(folder, model, identity, request), force)
    copy_stimuli(folder, out, rows)
    made: dict[str, list[Stimulus]] = {row.stimulus: [row] for row in rows}
    tried = [
        _run(folder, out, model, identity, request, work, made) for work in _tracked(rows, request, track)
    ]
    stimuli = tuple(row for several in made.values() for row in several)
    write_manifest(out, stimuli, force=True)
    return AttackBuild(stimuli, tuple(_joined(tried, how) for how in request.attacks))


def _tracked(rows: Sequence[Stimulus], request: Request, track: Track) -> Iterator[Work]:
    work = [
        (how, rows[start : start + BATCH_SIZE])
        for how in request.attacks
        for start in range(0, len(rows), BATCH_SIZE)
    ]
    yield from track(work, len(work))


def _inputs(
    folder: Path, model: MeasuredClassifier, identity: ModelIdentity, request: Request
) -> dict[str, object]:
    manifest = next(path for name in (CSV_NAME, PARQUET_NAME) if (path := folder / name).is_file())
    return hashed(
        RECIPE_VERSION,
        {
            "kind": "attack",
            "seed": request.seed,
            "conditions": [_condition(how).key for how in request.attacks],
            "attacks": [_settings(how) for how in request.attacks],
            "target": request.target,
            "concepts": list(model.concepts),
            "model": identity.parameters(),
            "manifest_sha256": sha256_of_file(manifest),
        },
    )


def _condition(how: Attack) -> Condition:
    return Condition(how.method, float(how.epsilon))


def _settings(how: Attack) -> dict[str, object]:
    steps = 1 if how.method == FGSM else how.steps
    return {"method": how.method, "epsilon": how.epsilon, "steps": steps, "step_size": how.step_size}


def _run(
    folder: Path,
    out: Path,
    model: MeasuredClassifier,
    identity: ModelIdentity,
    request: Request,
    work: Work,
    made: dict[str, list[Stimulus]],
) -> Tried:
    how, rows = work
    clean = np.stack([read_image(folder, row) for row in rows])
    shown = np.array([model.concepts.index(row.concept) for row in rows])
    target = None if request.target is None else model.concepts.index(request.target)
    goal = Goal(shown if target is None else np.full(len(rows), target), target is not None)
    seeds = [stimulus_seed(row.source_sha256, _condition(how), row.replicate, request.seed) for row in rows]
    chances = [generator(seed) for seed in seeds]
    images = attack(model, clean, goal, how, chances)
    null = noise(clean, how.epsilon, chances)
    before, after, instead = (model.measured(list(pictures)) for pictures in (clean, images, null))
    for place, (row, seed) in enumerate(zip(rows, seeds, strict=True)):
        known = _parameters(how, model, identity, request) | {
            "clean_stimulus": row.stimulus,
            "taken_for": model.concepts[int(after[place].argmax())],
            "probability_clean": round(float(before[place, goal.concept[place]]), 6),
            "probability": round(float(after[place, goal.concept[place]]), 6),
        }
        new = _row(row, how, known, seed, identity, model, request)
        made[row.stimulus].append(written(out, new, images[place], clean[place]))
    return Tried(how, shown, target, before, after, instead)


def _parameters(
    how: Attack, model: MeasuredClassifier, identity: ModelIdentity, request: Request
) -> dict[str, object]:
    return {
        **_settings(how),
        **identity.parameters(),
        "target": request.target,
        "concepts": list(model.concepts),
        "build_seed": request.seed,
    }


def _row(
    clean: Stimulus,
    how: Attack,
    parameters: dict[str, object],
    seed: int,
    identity: ModelIdentity,
    model: MeasuredClassifier,
    request: Request,
) -> Stimulus:
    condition = _condition(how)
    recipe = json.dumps(_parameters(how, model, identity, request), sort_keys=True)
    identifier = opaque_id(clean.source_sha256, condition.key, clean.replicate, recipe)
    return replace(
        clean,
        stimulus=identifier,
        image=f"images/{identifier}.png",
        perturbation=condition.perturbation,
        severity=condition.severity,
        severity_unit=condition.unit,
        condition=condition.key,
        seed=seed,
        parameters=json.dumps(parameters, sort_keys=True),
    )


def _joined(tried: Sequence[Tried], how: Attack) -> Tried:
    mine = [one for one in tried if one.attack == how]
    return Tried(
        how,
        np.concatenate([one.shown for one in mine]),
        mine[0].target,
        *(np.concatenate([getattr(one, name) for one in mine]) for name in ("clean", "attacked", "noise")),
    )
