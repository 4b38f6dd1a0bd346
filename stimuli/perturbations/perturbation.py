"""What is known of a perturbation without doing it: its severity, its levels, its needs, its source."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from stimuli.errors import UserError


@dataclass(frozen=True)
class Companion:
    """A parameter that follows from the severity, where a publication changed several at once.

    ``values`` belong to the perturbation's published levels, in their order. Between two levels the value
    is interpolated linearly, or, where it is ``whole``, taken from the nearer level (the milder one at the
    same distance); beyond the ends it is that of the end.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    whole: bool = False


@dataclass(frozen=True)
class HumanAnchors:
    """Severities at which people are right so often: 16 alternatives, 200 ms, then a mask.

    From the fits to the data of Geirhos et al. (2018), Generalisation in humans and deep neural networks,
    NeurIPS; ``midpoint`` lies halfway between chance (1 in 16) and the proportion correct without
    degradation.
    """

    at_75_percent: float
    midpoint: float
    at_35_percent: float


@dataclass(frozen=True)
class Perturbation:
    """One named operator and what its severity means.

    ``does`` says what happens to a picture, ``parameter`` what the severity is, in ``unit``.
    ``direction`` is 1 when a larger severity is a stronger degradation, -1 when a smaller one is (a
    *remaining* contrast), and 0 where severities have no order. ``identity`` is the severity that leaves a
    picture as it is, None where none does; ``low`` and ``high`` are the ends of the allowed range, both
    included. ``published_levels`` are those of ``source``, mildest first (as published, where they have no
    order); ``own_levels`` those of this project for a form that nobody published levels of.

    ``whole``: the severity is a whole number. ``random``: chance is drawn from. ``colour``: only colour is
    changed, so that a grey picture has nothing to lose. ``linear_light``: there is a form that computes in
    linear light. ``needs_model``: made by a command that is handed a model, not by ``stimuli build``.
    ``module`` is the module of ``stimuli.corruptions`` with the operator; by default it has the name of the
    perturbation, without ``_published``. ``mind`` is what to be careful of.
    """

    name: str
    group: str
    does: str
    parameter: str
    unit: str
    direction: int
    identity: float | None
    low: float
    high: float
    source: str
    published_levels: tuple[float, ...] = ()
    own_levels: tuple[float, ...] = ()
    whole: bool = False
    random: bool = False
    colour: bool = False
    linear_light: bool = False
    needs_model: bool = False
    module: str = ""
    companions: tuple[Companion, ...] = ()
    human: HumanAnchors | None = None
    mind: str = ""

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels to choose from, mildest first: the published ones, or ours where there are none."""
        return self.published_levels or self.own_levels

    @property
    def operator_module(self) -> str:
        """Dotted name of the module with the operator."""
        return f"stimuli.corruptions.{self.module or self.name.removesuffix('_published')}"

    def companion(self, name: str, severity: float) -> float:
        """Value of a companion parameter at a severity.

        >>> blur = Perturbation("blur", "", "", "", "px", 1, 0, 0, 9, "", (1.0, 3.0),
        ...                     companions=(Companion("radius", "px", (10, 20)),))
        >>> [blur.companion("radius", severity) for severity in (0.5, 2.0, 3.0)]
        [10.0, 15.0, 20.0]
        """
        chosen = next(companion for companion in self.companions if companion.name == name)
        points = sorted(zip(self.published_levels, chosen.values, strict=True))
        place = bisect_left([level for level, _ in points], severity)
        if place in (0, len(points)):
            return float(points[min(place, len(points) - 1)][1])
        (low, before), (high, after) = points[place - 1], points[place]
        share = (severity - low) / (high - low)
        if not chosen.whole:
            return before + share * (after - before)
        nearer_is_high = share > 0.5 if self.direction >= 0 else share >= 0.5
        return float(after if nearer_is_high else before)

    def parameters(self, severity: float) -> dict[str, float]:
        """Companion parameters at a severity, by name and unit, as ``{"radius_px": 10.0}``."""
        return {
            f"{row.name}_{row.unit}" if row.unit else row.name: self.companion(row.name, severity)
            for row in self.companions
        }

    def refuse(self, severity: float) -> None:
        """Raise UserError for a severity out of range, or with a fraction where it is to be whole."""
        if not self.low <= severity <= self.high:
            raise UserError(
                f"severity {severity:g} of {self.name} is outside its range; "
                f"give a number from {self.low:g} to {self.high:g}"
            )
        if self.whole and severity != int(severity):
            raise UserError(
                f"severity {severity:g} of {self.name} has a fraction; "
                f"give a whole number from {self.low:g} to {self.high:g}"
            )
