"""Choosing severities that mean something: equal physical steps, equal steps in similarity, human thresholds.

A ladder is a family's severities, mildest first. Whatever it was chosen by, it must pass the gate: mean
distance from clean grows at every step, but for chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import t as student

from stimuli.conditions import Condition
from stimuli.corruptions.pixels import Pixels
from stimuli.errors import UserError
from stimuli.ladder_gate import falls
from stimuli.measures import distance, luma
from stimuli.perturbations import PERTURBATIONS, Perturbation
from stimuli.picture_sample import Picture

Measure = Literal["ssim", "rms"]
Scale = Literal["linear", "log"]

#: similarity is met when it is this close on the sample
TOLERANCE = 5e-4
#: where severities need not be whole, a similarity that is missed by more was jumped over; so was one that
#: is missed by more than this share of the smallest step
_JUMP, _JUMP_OF_STEP = 0.02, 0.25
#: similarities that differ by less are one, added up in another order
_SAME = 1e-9
#: halvings after which the search gives up on coming closer
_HALVINGS = 40

#: of the human anchors: alternatives to choose from, and proportions that they can be asked for (beyond
#: lies extrapolation)
CHANCE = 1 / 16
LOWEST_CORRECT, HIGHEST_CORRECT = 0.30, 0.85
#: side in pixels of the pictures that they were measured with; the toolbox of the eidolons worked at 256
ANCHOR_SIZE, EIDOLON_ANCHOR_SIZE = 224, 256
#: how near to the best that people do, as a share of what lies above chance, the curve is too flat to read
_FLAT = 0.97


class Mean(NamedTuple):
    """A mean over pictures with its 95% interval; NaN where there are fewer than two clusters."""

    value: float
    low: float
    high: float


class Chosen(NamedTuple):
    """A severity that was chosen for what was wanted of it.

    ``wanted`` is the similarity or the proportion correct asked for, None for a physical ladder;
    ``reached`` is the similarity that the search came to, None for the other ladders.
    """

    severity: float
    wanted: float | None = None
    reached: float | None = None

    @property
    def missed(self) -> bool:
        """Whether the similarity wanted is one that no severity gives."""
        return (
            self.wanted is not None
            and self.reached is not None
            and abs(self.reached - self.wanted) > TOLERANCE
        )


@dataclass(frozen=True)
class Rung:
    """One severity of a ladder, and what it does to ``n`` pictures in ``clusters`` independent groups."""

    chosen: Chosen
    ssim: Mean
    rms: Mean
    n: int
    clusters: int

    @property
    def severity(self) -> float:
        """In the unit of the family."""
        return self.chosen.severity

    @property
    def wanted(self) -> float | None:
        """The similarity or the proportion correct asked for; None for a physical ladder."""
        return self.chosen.wanted


# Severities


def physical_ladder(
    family: Perturbation, levels: int, start: float | None, stop: float | None, scale: Scale
) -> list[float]:
    """Severities at equal steps from ``start`` to ``stop``, by default the first and last level.

    Raises UserError for severities without order, a logarithm of 0, and equal severities after rounding.
    """
    _refuse_family(family)
    first = family.levels[0] if start is None else start
    last = family.levels[-1] if stop is None else stop
    for severity in (first, last):
        family.refuse(severity)
    if family.direction * (last - first) <= 0:
        raise UserError(
            f"severity {last:g} of {family.name} is not stronger than {first:g}; exchange --from and --to"
        )
    if scale == "log" and min(first, last) <= 0:
        raise UserError("a logarithmic scale has no 0; give severities above it, or use --scale linear")
    space = np.geomspace if scale == "log" else np.linspace
    return _distinct(family, [_rounded(family, value) for value in space(first, last, levels)])


def similarity_ladder(
    family: Perturbation,
    wanted: Sequence[float] | None,
    levels: int,
    pictures: Sequence[Picture],
    measure: Measure,
    seed: int,
    ends: tuple[float | None, float | None] = (None, None),
) -> list[Chosen]:
    """Severities at which the mean similarity of the pictures to clean takes the values wanted.

    ``wanted`` are similarities, most similar first; None for ``levels`` of them in equal steps between
    ``ends``, which are by default those of the first and the last level. Similarity is SSIM, or 1 - RMS
    distance. All severities are compared on the same pictures and the same draws. Where similarity moves in
    small jumps, the nearest is taken. Raises UserError where it is out of reach, does not fall with severity,
    or jumps by too much.
    """
    _refuse_family(family)
    curve = SimilarityCurve(family, pictures, measure, seed)
    if wanted is None:
        first = curve(family.levels[0]) if ends[0] is None else ends[0]
        last = curve(family.levels[-1]) if ends[1] is None else ends[1]
        if not last < first:
            raise UserError(
                f"similarity is to fall, not to go from {first:.4g} to {last:.4g}; "
                "name others by --from and --to, or use --by physical"
            )
        wanted = [float(value) for value in np.linspace(first, last, levels)]
    slack = _slack(wanted)
    chosen = [curve.choose(value, slack) for value in wanted]
    _distinct(family, [one.severity for one in chosen])
    _refuse_one_jump(family, chosen)
    return chosen


def _slack(wanted: Sequence[float]) -> float:
    """How far from a similarity one may end where there are jumps."""
    steps = [abs(milder - stronger) for milder, stronger in pairwise(wanted)]
    return max(TOLERANCE, min([_JUMP, *(_JUMP_OF_STEP * step for step in steps)]))


def _refuse_one_jump(family: Perturbation, chosen: Sequence[Chosen]) -> None:
    for milder, stronger in pairwise(chosen):
        middle = _rounded(family, _middle(milder.severity, stronger.severity))
        if middle in (milder.severity, stronger.severity) and not family.whole:
            raise UserError(
                f"the similarities {milder.wanted:.4g} and {stronger.wanted:.4g} of {family.name} lie on "
                f"either side of one jump, at {milder.severity:g} and {stronger.severity:g}; "
                "ask for levels further apart"
            )


def human_ladder(family: Perturbation, wanted: Sequence[float], size: int) -> list[tuple[float, float]]:
    """Severities at which people were right so often, in 16 alternatives at 200 ms with a mask.

    Returns (severity, proportion), the mildest first. A severity in pixels is scaled from the size of the
    experiment's pictures to ``size``. Raises UserError for a family without anchors and for proportions
    that the anchors cannot tell.
    """
    _refuse_family(family)
    curve = HumanCurve.of(family)
    scale = size / anchor_size(family) if is_in_pixels(family) else 1.0
    proportions = sorted(wanted, reverse=True)
    severities = [_six_digits(family, scale * curve.severity_at(value)) for value in proportions]
    for severity, proportion in zip(severities, proportions, strict=True):
        _refuse_beyond(family, severity, proportion, size)
    return list(zip(_distinct(family, severities), proportions, strict=True))


def _refuse_beyond(family: Perturbation, severity: float, proportion: float, size: int) -> None:
    if family.low <= severity <= family.high:
        return
    at, change = (f" at {size} px", " or another --size") if is_in_pixels(family) else ("", "")
    raise UserError(
        f"a proportion correct of {proportion:g} takes severity {severity:g} of {family.name}{at}, outside "
        f"its range of {family.low:g} to {family.high:g}; give another proportion{change}"
    )


def anchor_size(family: Perturbation) -> int:
    """Side in pixels of the pictures that a family's human anchors were measured with."""
    return EIDOLON_ANCHOR_SIZE if family.group == "eidolon" else ANCHOR_SIZE


def is_in_pixels(family: Perturbation) -> bool:
    """Whether a severity is a length in pixels of the stimulus, which grows with its size."""
    return family.unit.split()[0] in {"px", "pixels"}


def _refuse_family(family: Perturbation) -> None:
    if family.needs_model:
        raise UserError(
            f"{family.name} is made against a model, so that no ladder can be chosen from pictures; "
            "use `stimuli attack` or `stimuli dream` for it"
        )
    if _is_switch(family):
        raise UserError(
            f"{family.name} is done or is not done, so that there is no ladder of it; "
            f"write its severity {family.levels[-1]:g} into the conditions file"
        )
    if not family.direction:
        raise UserError(
            f"the severities of {family.name} have no order, so that there is no ladder of them; "
            "write those that you want into the conditions file"
        )


def _is_switch(family: Perturbation) -> bool:
    return family.whole and family.high - family.low <= 1


def _rounded(family: Perturbation, severity: float) -> float:
    """A severity with six significant digits, whole where it must be, not beyond the ends of the range."""
    return min(max(_six_digits(family, severity), family.low), family.high)


def _six_digits(family: Perturbation, severity: float) -> float:
    return float(round(severity)) if family.whole else float(f"{severity:.6g}")


def _distinct(family: Perturbation, severities: list[float]) -> list[float]:
    for milder, stronger in pairwise(severities):
        if family.direction * (stronger - milder) <= 0:
            raise UserError(
                f"two levels of {family.name} come to lie at {milder:g} and {stronger:g}; "
                "ask for fewer levels, or for levels further apart"
            )
    return severities


# Similarity


def similarity(image: Pixels, picture: Picture, measure: Measure) -> float:
    """SSIM to the clean stimulus, or 1 - RMS distance: 1 for equal pictures."""
    if measure == "ssim":
        return picture.reference.ssim(luma(image))
    return 1 - distance(image, picture.clean)


class SimilarityCurve:
    """Mean similarity to clean as a function of severity, on fixed pictures and fixed draws; remembered."""

    def __init__(
        self, family: Perturbation, pictures: Sequence[Picture], measure: Measure, seed: int
    ) -> None:
        self._family, self._pictures, self._measure, self._seed = family, pictures, measure, seed
        self._known: dict[float, float] = {}

    def __call__(self, severity: float) -> float:
        """Mean similarity at a severity; 1 at the one that changes nothing."""
        severity = _rounded(self._family, severity)
        if severity == self._family.identity:
            return 1.0
        if severity not in self._known:
            condition = Condition(self._family.name, severity)
            values = [
                similarity(picture.in_common(condition, self._seed), picture, self._measure)
                for picture in self._pictures
            ]
            self._known[severity] = float(np.mean(values))
        return self._known[severity]

    def choose(self, wanted: float, slack: float = _JUMP) -> Chosen:
        """The severity at which similarity falls to ``wanted``, by halving where it lies.

        Raises UserError if it is not reached, if similarity rises on the way there, or if no severity
        comes nearer than ``slack`` where severities need not be whole.
        """
        severity = self._search(wanted, slack)
        return Chosen(severity, wanted, self(severity))

    def _search(self, wanted: float, slack: float) -> float:
        milder, stronger = self._bracket(wanted)
        for _ in range(_HALVINGS):
            middle = _rounded(self._family, _middle(milder, stronger))
            if middle in (milder, stronger):
                break
            found = self(middle)
            if abs(found - wanted) <= TOLERANCE:
                return middle
            milder, stronger = (middle, stronger) if found > wanted else (milder, middle)
        self._refuse_jump(wanted, milder, stronger, slack)
        return min((milder, stronger), key=lambda severity: abs(self(severity) - wanted))

    def _refuse_jump(self, wanted: float, milder: float, stronger: float, slack: float) -> None:
        missed = min(abs(self(milder) - wanted), abs(self(stronger) - wanted))
        if missed > slack and not self._family.whole:
            raise UserError(
                f"no severity of {self._family.name} gives a mean similarity of {wanted:.4g}: it jumps from "
                f"{self(milder):.4f} to {self(stronger):.4f} at {stronger:g}; name others by --at, or choose "
                "its levels by --by physical"
            )

    def _bracket(self, wanted: float) -> tuple[float, float]:
        points = self._points(wanted)
        if abs(self(points[0]) - wanted) <= _SAME:
            return points[0], points[0]
        if wanted > self(points[0]) + TOLERANCE:
            raise self._out_of_reach(wanted, points[0], "at most", "smaller")
        for milder, stronger in pairwise(points):
            if self(stronger) > self(milder) + TOLERANCE:
                raise UserError(
                    f"the similarity of {self._family.name} does not fall from severity {milder:g} "
                    f"({self(milder):.4f}) to {stronger:g} ({self(stronger):.4f}); "
                    "choose its levels by --by physical"
                )
            if abs(self(stronger) - wanted) <= _SAME:
                return stronger, stronger
            if self(stronger) <= wanted:
                return milder, stronger
        raise self._out_of_reach(wanted, points[-1], "at least", "larger")

    def _points(self, wanted: float) -> list[float]:
        """The levels and the strong end of the range, after the mild end where the levels are too strong."""
        family = self._family
        mild, strong = (family.low, family.high) if family.direction > 0 else (family.high, family.low)
        points = list(family.levels) if strong in family.levels else [*family.levels, strong]
        too_strong = wanted > self(points[0]) + _SAME and mild not in points
        return [mild, *points] if too_strong and self(mild) > self(points[0]) else points

    def _out_of_reach(self, wanted: float, severity: float, bound: str, other: str) -> UserError:
        return UserError(
            f"no severity of {self._family.name} gives a mean similarity of {wanted:.4g}: on these pictures "
            f"it is {bound} {self(severity):.4f}, at {severity:g}; give a {other} one"
        )


def _middle(one: float, other: float) -> float:
    """Halfway on the logarithmic scale far from 0, else on the linear one."""
    low, high = sorted((one, other))
    return math.sqrt(low * high) if low > 0 and high > 4 * low else (low + high) / 2


# Human anchors


@dataclass(frozen=True)
class HumanCurve:
    """Proportion correct against severity: a logistic of its logarithm through a family's three anchors.

    p = 1/16 + (best - 1/16) logistic(-z), z straight in log severity between two anchors and beyond them.
    The midpoint lies halfway between chance and ``best``, which the publication's figures do not name, so
    ``best`` is the value at which the three anchors lie on one line in z, or 1 where that is above 1; then
    the line has a bend at the midpoint. Either way the three anchors are met exactly.
    """

    family: str
    best: float
    #: log severity and z at 75% correct, at the midpoint (z = 0), and at 35% correct
    log_severity: tuple[float, float, float]
    z: tuple[float, float, float]

    @classmethod
    def of(cls, family: Perturbation) -> HumanCurve:
        """The curve of a family. Raises UserError if it has no anchors."""
        if family.human is None:
            raise UserError(
                f"no human thresholds are known of {family.name}; use --by similarity, measure them, or take "
                f"a family that has them: {', '.join(_anchored())}"
            )
        anchors = (family.human.at_75_percent, family.human.midpoint, family.human.at_35_percent)
        first, middle, last = (math.log(anchor) for anchor in anchors)
        best = _best((middle - first) / (last - middle))
        return cls(family.name, best, (first, middle, last), (_z(0.75, best), 0.0, _z(0.35, best)))

    def severity_at(self, proportion: float) -> float:
        """Severity at a proportion correct. Raises UserError for one that the anchors cannot tell."""
        if not LOWEST_CORRECT <= proportion <= HIGHEST_CORRECT:
            raise UserError(
                f"a proportion correct of {proportion:g} lies beyond what the anchors of {self.family} tell "
                f"(35%, midpoint, 75%); give one from {LOWEST_CORRECT:g} to {HIGHEST_CORRECT:g}"
            )
        if proportion - CHANCE > _FLAT * (self.best - CHANCE):
            raise UserError(
                f"people are right {self.best:.2f} of the time at best with {self.family}, and near to that "
                f"the severity that gives {proportion:g} cannot be told; give a smaller proportion"
            )
        z = _z(proportion, self.best)
        side = 0 if z <= 0 else 1
        (x0, x1), (z0, z1) = self.log_severity[side : side + 2], self.z[side : side + 2]
        return math.exp(x0 + (z - z0) / (z1 - z0) * (x1 - x0))

    def proportion_at(self, severity: float) -> float:
        """Proportion correct at a severity."""
        x, (first, middle, last) = math.log(severity), self.log_severity
        side = 1 if (x - middle) * (last - first) > 0 else 0
        (x0, x1), (z0, z1) = self.log_severity[side : side + 2], self.z[side : side + 2]
        z = z0 + (x - x0) / (x1 - x0) * (z1 - z0)
        return float(CHANCE + (self.best - CHANCE) * expit(-z))


def _anchored() -> list[str]:
    return [name for name, family in PERTURBATIONS.items() if family.human is not None]


def _z(proportion: float, best: float) -> float:
    return -float(logit((proportion - CHANCE) / (best - CHANCE)))


def _best(ratio: float) -> float:
    """Proportion correct at no degradation for which 75%, midpoint and 35% lie on one line, at most 1.

    ``ratio`` is the distance of the 75% anchor from the midpoint over that of the 35% anchor.
    """

    def bend(best: float) -> float:
        return _z(0.75, best) + ratio * _z(0.35, best)

    lowest = 0.75 + 1e-9
    if bend(lowest) * bend(1.0) > 0:
        return 1.0
    return float(brentq(bend, lowest, 1.0, xtol=1e-12))


# What a ladder does to pictures


def measured(
    family: Perturbation,
    chosen: Sequence[Chosen],
    pictures: Sequence[Picture],
    seed: int,
    watch: Callable[[Sequence[Chosen]], Iterable[Chosen]] | None = None,
) -> list[Rung]:
    """Measure every severity on the pictures, with the pixels that a build of this seed writes.

    Raises UserError if the ladder does not pass the gate.
    """
    groups = [picture.source.cluster for picture in pictures]
    rungs = []
    for one in watch(chosen) if watch else chosen:
        condition = Condition(family.name, one.severity)
        pairs = [(picture.stimulus(condition, seed), picture) for picture in pictures]
        rungs.append(
            Rung(
                one,
                clustered_mean([similarity(*pair, "ssim") for pair in pairs], groups),
                clustered_mean([distance(image, picture.clean) for image, picture in pairs], groups),
                len(pictures),
                len(set(groups)),
            )
        )
    refuse_flat(family, rungs, pictures, seed)
    return rungs


def refuse_flat(family: Perturbation, rungs: Sequence[Rung], pictures: Sequence[Picture], seed: int) -> None:
    """The gate: raise UserError if mean RMS distance from clean does not grow at a step, but for chance."""
    nothing = Rung(Chosen(family.identity or 0.0), Mean(1, 1, 1), Mean(0, 0, 0), 0, 0)
    for milder, stronger in pairwise((nothing, *rungs)):
        if stronger.rms.value <= milder.rms.value and (
            milder is nothing or falls(family, milder.severity, stronger.severity, pictures, seed)
        ):
            name = "clean" if milder is nothing else f"{family.name}-{milder.severity:g}"
            raise UserError(
                f"{family.name}-{stronger.severity:g} is on average no further from clean "
                f"({stronger.rms.value:.4f}) than {name} ({milder.rms.value:.4f}); choose other severities"
            )


def clustered_mean(values: Sequence[float], clusters: Sequence[str]) -> Mean:
    """Mean with a 95% t interval, whose standard error lets the pictures of one cluster go together.

    The variance is G/(G-1) times the sum over the G clusters of their squared summed residuals, over n
    squared; t has G - 1 degrees of freedom. With a picture in each cluster it is the usual interval. Ends
    are cut off at -1 and 1, beyond which neither SSIM nor RMS distance lies.
    """
    x = np.asarray(values, np.float64)
    mean = float(x.mean())
    names = sorted(set(clusters))
    if len(names) < 2:
        return Mean(mean, math.nan, math.nan)
    of = np.searchsorted(names, list(clusters))
    sums = np.bincount(of, weights=x - mean, minlength=len(names))
    error = math.sqrt(len(names) / (len(names) - 1) * float((sums**2).sum())) / x.size
    reach = float(student.ppf(0.975, len(names) - 1)) * error
    return Mean(mean, max(mean - reach, -1.0), min(mean + reach, 1.0))
