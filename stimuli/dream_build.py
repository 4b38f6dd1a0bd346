"""From units of a model to a build of their dreams."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stimuli.build_folder import Pixels, hashed, versions, write_masks
from stimuli.conditions import Condition
from stimuli.dreams.dream import Climb, Dream, Track, dream, untracked
from stimuli.dreams.objective import SMOOTHNESS, Unit, Units
from stimuli.dreams.starts import STARTS
from stimuli.errors import UserError
from stimuli.files import sha256_of_bytes
from stimuli.manifest import Stimulus, write_manifest
from stimuli.model_builds import (
    RECIPE_VERSION,
    ModelIdentity,
    opaque_id,
    read_image,
    start_folder,
    written,
)
from stimuli.seeds import stimulus_seed

#: a dream's sign -> its perturbation
PERTURBATION_OF = {1: "dream", -1: "dream_negative"}


class MeasuredUnits(Units, Protocol):
    """Units that also say how active they really are."""

    def measured(self, pictures: Sequence[Pixels], layer: str) -> npt.NDArray[np.float64]:
        """Activations (n, channels) of a layer through the model's real preprocessing."""


@dataclass(frozen=True)
class Subject:
    """A unit to dream of: what it is said to stand for, and its activations on natural pictures.

    ``concept`` is empty where nothing was said; ``highest`` and ``lowest`` are NaN without pictures.
    """

    unit: Unit
    concept: str = ""
    highest: float = math.nan
    lowest: float = math.nan

    def natural(self, sign: int) -> float:
        """Activation on the best natural picture for a sign."""
        return self.highest if sign > 0 else self.lowest


@dataclass(frozen=True)
class Request:
    """What is asked for: starts, signs, how to climb, and a seed; ``together`` dreams are made at a time."""

    starts: tuple[str, ...] = ("grey",)
    signs: tuple[int, ...] = (1,)
    climb: Climb = field(default_factory=Climb)
    seed: int = 0
    together: int = 16


@dataclass(frozen=True)
class Dreamt:
    """A dream that was made, its row and what its unit's activation on it is, through the real model."""

    subject: Subject
    dream: Dream
    row: Stimulus
    activation: float

    @property
    def beats_nature(self) -> bool | None:
        """Whether the unit is more (or, negative, less) active than on any picture.

        None without pictures, and for a unit that one of them silences already: none is less than silent.
        """
        natural = self.subject.natural(self.dream.sign)
        if math.isnan(natural) or (self.dream.sign < 0 and natural == 0):
            return None
        return self.dream.sign * (self.activation - natural) > 0


def dream_build(
    out: Path,
    units: MeasuredUnits,
    identity: ModelIdentity,
    subjects: Sequence[Subject],
    request: Request,
    force: bool = False,
    track: Track = untracked,
) -> list[Dreamt]:
    """Dream of every unit from every start in every sign, and write a build folder.

    It gets images, masks that are as bright and contrasty as the average dream, the manifest and
    ``build.json``. ``track`` is handed the steps of the climbs, all in all, and yields them on. Raises
    UserError for a unit that is there twice, and if ``out`` is not empty and not ``force``, or no build.
    """
    _refuse_twice(subjects)
    start_folder(out, _inputs(identity, subjects, request), force)
    todo = [
        (subject, _dream(identity, subject, start, sign, request))
        for subject in subjects
        for sign in request.signs
        for start in request.starts
    ]
    groups = [todo[at : at + request.together] for at in range(0, len(todo), request.together)]
    steps = iter(track(range(len(groups) * request.climb.steps), len(groups) * request.climb.steps))
    done = [one for group in groups for one in _make(out, units, identity, group, request, steps)]
    write_masks(out, request.seed, request.climb.size, [one.row for one in done])
    write_manifest(out, [one.row for one in done], force=True)
    return done


def _refuse_twice(subjects: Sequence[Subject]) -> None:
    seen: set[Unit] = set()
    for subject in subjects:
        if subject.unit in seen:
            raise UserError(f"the unit {subject.unit} is asked for twice; name it once")
        seen.add(subject.unit)


def _inputs(identity: ModelIdentity, subjects: Sequence[Subject], request: Request) -> dict[str, object]:
    return hashed(
        RECIPE_VERSION,
        {
            "kind": "dream",
            "seed": request.seed,
            "size": request.climb.size,
            "conditions": [_condition(sign, request).key for sign in request.signs],
            "starts": list(request.starts),
            "units": [str(subject.unit) for subject in subjects],
            "climb": asdict(request.climb),
            "model": identity.parameters(),
        },
    )


def _condition(sign: int, request: Request) -> Condition:
    return Condition(PERTURBATION_OF[sign], float(request.climb.steps))


def _dream(identity: ModelIdentity, subject: Subject, start: str, sign: int, request: Request) -> Dream:
    replicate = list(STARTS).index(start)
    seed = stimulus_seed(
        _unit_sha256(identity, subject.unit), _condition(sign, request), replicate, request.seed
    )
    return Dream(subject.unit, start, sign, seed)


def _unit_sha256(identity: ModelIdentity, unit: Unit) -> str:
    return sha256_of_bytes(f"{identity.weights_sha256}/{unit.layer}/{unit.channel}".encode())


def _make(
    out: Path,
    units: MeasuredUnits,
    identity: ModelIdentity,
    group: Sequence[tuple[Subject, Dream]],
    request: Request,
    steps: Iterator[int],
) -> Iterator[Dreamt]:
    def track(numbers: Iterable[int], total: int) -> Iterator[int]:
        for number in numbers:
            next(steps, None)
            yield number

    images = dream(units, [one for _, one in group], request.climb, track)
    for (subject, one), image in zip(group, images, strict=True):
        row = written(out, _row(identity, subject, one, request), image, None)
        activation = float(units.measured([read_image(out, row)], one.unit.layer)[0, one.unit.channel])
        yield Dreamt(subject, one, _with_activation(row, subject, one, activation), activation)


def _row(identity: ModelIdentity, subject: Subject, one: Dream, request: Request) -> Stimulus:
    condition, sha256 = _condition(one.sign, request), _unit_sha256(identity, one.unit)
    parameters = {
        **identity.parameters(),
        "layer": one.unit.layer,
        "channel": one.unit.channel,
        "start": one.start,
        "sign": one.sign,
        "smoothness": SMOOTHNESS,
        "build_seed": request.seed,
        **asdict(request.climb),
    }
    identifier = opaque_id("dream", json.dumps(parameters, sort_keys=True))
    return Stimulus(
        stimulus=identifier,
        image=f"images/{identifier}.png",
        image_sha256="",
        source=sha256[:12],
        source_sha256=sha256,
        source_path=str(one.unit),
        concept=subject.concept or f"unit {one.unit.layer} {one.unit.channel}",
        cluster=str(one.unit),
        perturbation=condition.perturbation,
        severity=condition.severity,
        severity_unit=condition.unit,
        condition=condition.key,
        replicate=list(STARTS).index(one.start),
        seed=one.seed,
        width=request.climb.size,
        height=request.climb.size,
        clipped_fraction=math.nan,
        rms_contrast=math.nan,
        mean_luminance=math.nan,
        psnr_db=math.nan,
        ssim=math.nan,
        parameters=json.dumps(parameters, sort_keys=True),
        versions=versions("torch"),
        licence="",
        credit="",
        credit_url="",
    )


def _with_activation(row: Stimulus, subject: Subject, one: Dream, activation: float) -> Stimulus:
    """Put what was achieved into the parameters; null for the best natural picture where there is none."""
    natural = subject.natural(one.sign)
    known = json.loads(row.parameters) | {
        "activation": round(activation, 6),
        "best_natural_activation": None if math.isnan(natural) else round(natural, 6),
    }
    return replace(row, parameters=json.dumps(known, sort_keys=True))
