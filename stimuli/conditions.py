"""What is to be made: conditions (a perturbation at a severity), and all that goes into a build.

Only the standard library is imported here, because the server needs this vocabulary and none of the
image code.
"""

from __future__ import annotations

from dataclasses import dataclass

from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, PERTURBATIONS, unknown

#: shortest and longest side of a stimulus, in pixels
SMALLEST_SIZE, LARGEST_SIZE = 32, 2048
DEFAULT_SIZE = 288
#: of the visual angle of a stimulus's side, in degrees
SMALLEST_ANGLE, LARGEST_ANGLE = 0.1, 120.0


@dataclass(frozen=True, order=True)
class Condition:
    """A perturbation at one severity; ``clean`` is a condition too, with severity 0.

    Raises UserError for an unknown perturbation, for a severity outside its range, and for one with
    more than six significant digits, which ``key`` could not tell apart from its neighbour.
    """

    perturbation: str
    severity: float = 0.0

    def __post_init__(self) -> None:
        known = PERTURBATIONS.get(self.perturbation)
        if known is None:
            raise UserError(unknown(self.perturbation))
        object.__setattr__(self, "severity", float(self.severity) + 0.0)
        known.refuse(self.severity)
        if float(f"{self.severity:g}") != self.severity:
            raise UserError(
                f"severity {self.severity!r} of {known.name} has too many digits; write six significant ones"
            )

    @property
    def unit(self) -> str:
        """Unit of the severity; empty for clean."""
        return PERTURBATIONS[self.perturbation].unit

    @property
    def key(self) -> str:
        """Name of the condition in tables: ``clean`` or, for example, ``gaussian_noise-0.18``."""
        return CLEAN if self.perturbation == CLEAN else f"{self.perturbation}-{self.severity:g}"

    @classmethod
    def parse(cls, key: str) -> Condition:
        """Read a condition back from its key. Raises UserError if it is not one."""
        name, dash, severity = key.partition("-")
        if name == CLEAN and not dash:
            return cls(CLEAN)
        try:
            condition = cls(name, float(severity))
        except ValueError as error:
            raise UserError(
                f"{key!r} is not a condition; write clean or perturbation-severity, as gaussian_noise-0.18"
            ) from error
        return condition


@dataclass(frozen=True)
class Matching:
    """Mean luma (0 to 1) and RMS contrast (0 to 0.5) that pictures are given; None leaves one alone.

    ``stage`` says of what: of each ``source`` before it is degraded, or of each ``stimulus`` after.
    """

    luminance: float | None = None
    contrast: float | None = None
    stage: str = "source"


@dataclass(frozen=True)
class ConditionsFile:
    """What to build: the side of a stimulus in pixels, the conditions, the concepts kept clean, and how.

    ``conditions`` always begins with clean and holds no condition twice. ``degrees`` is the visual angle
    that the side will span, None where nobody said. ``linear_light``: perturbations compute on light
    instead of on encoded values. ``legacy``: the published draws and pixels, each stimulus from
    ``RandomState(0)``. ``ladder_gate``: a family whose levels are not monotone is refused.
    """

    size: int = DEFAULT_SIZE
    clean_only: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = (Condition(CLEAN),)
    degrees: float | None = None
    linear_light: bool = False
    legacy: bool = False
    ladder_gate: bool = True
    matching: Matching | None = None

    def of_concept(self, concept: str) -> tuple[Condition, ...]:
        """Conditions in which a concept is rendered."""
        return self.conditions[:1] if concept in self.clean_only else self.conditions


#: what ``stimuli build`` makes when no file is given: four families, a middle and a strong severity
DEFAULT_CONDITIONS = ConditionsFile(
    conditions=(
        Condition(CLEAN),
        Condition("gaussian_noise", 0.18),
        Condition("gaussian_noise", 0.38),
        Condition("gaussian_blur", 3.0),
        Condition("gaussian_blur", 6.0),
        Condition("contrast", 0.2),
        Condition("contrast", 0.05),
        Condition("pixelate", 0.25),
        Condition("pixelate", 0.1),
    )
)


def concept_name(folder: str) -> str:
    """Concept that a folder name stands for: lower case, underscores are spaces."""
    return folder.replace("_", " ").strip().lower()
