"""Numbers, conditions and reasons in words, the same everywhere in a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from exports.studies import ConditionRecord
from stimuli.perturbations import CLEAN, PERTURBATIONS

#: letters of a unit that stands beside its severity everywhere
LONGEST_UNIT = 5
#: reasons for a missing estimate, as the statistics name them -> as a reader is told
REASONS = {
    "no_responses": "no responses",
    "fewer_than_2_participants": "fewer than 2 participants",
    "fewer_than_2_sources": "fewer than 2 pictures",
    "all_values_equal": "all answers scored the same",
    "fewer_than_2_sources_on_a_side": "fewer than 2 pictures",
    "constant_activation": "constant activation",
    "no_degraded_condition_with_2_sources_on_a_side": (
        "no degraded condition has 2 pictures of the concept and 2 of others"
    ),
    "fewer_than_8_sources_in_every_condition": (
        "no condition has 8 pictures of the concept that somebody answered"
    ),
    "recognition_or_activation_does_not_vary": (
        "people, or the unit, do the same for all pictures of the concept"
    ),
    "recognition_is_not_reliable": (
        "answers do not surely tell one picture of a concept from another (their reliability may be 0)"
    ),
    "no_2_images_of_a_concept_and_condition_have_2_answers": (
        "no two pictures of a concept in one condition were answered twice, so that it is not known how "
        "reliable answers are"
    ),
    "silent_on_every_clean_image": "the unit is silent on every clean picture",
    "not_measured_it_needs_images_and_a_model": "it was not measured; give `score` the images and a model",
    "fewer_than_2_images_with_a_measured_effect_on_a_side": (
        "it was measured on fewer than 2 pictures of the concept, or of others"
    ),
    "unit_not_measured": "this unit was not measured",
    "no_control_channels": "there are no other channels to compare with",
    "not_drawn": "nothing was drawn (--resamples 0)",
    "no_labelled_unit_of_another_concept": "no unit of another concept was scored",
    "no_concept_came_twice": "no participant was shown a concept twice",
    "fewer_than_2_participants_had_a_concept_twice": "fewer than 2 participants were shown a concept twice",
    "later_pictures_of_a_concept_never_came_before_first_ones": (
        "later pictures of a concept came only after the first pictures of all concepts, so that repetition "
        "cannot be told from practice"
    ),
    "repetition_follows_from_what_was_shown_and_when": (
        "first and later pictures differ in what they show, or in their place in the session, so much that "
        "repetition cannot be told from these"
    ),
    "all_answers_of_a_concept_and_condition_scored_the_same": (
        "all answers to a concept in a condition scored the same"
    ),
}


def share(value: float, digits: int = 2) -> str:
    """Write a number in [0, 1] without its leading zero: ``.83``, ``1``; a dash where there is none.

    >>> share(0.834), share(1.0), share(0.999), share(0.0), share(float("nan"))
    ('.83', '1', '1.00', '0', '–')
    """
    if math.isnan(value):
        return "–"
    if value in {0.0, 1.0}:
        return f"{value:.0f}"
    return f"{value:.{digits}f}".removeprefix("0")


def span(low: float, high: float, digits: int = 2) -> str:
    """Write an interval: ``.70–.92``; empty where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"{share(low, digits)}–{share(high, digits)}"


def signed(value: float, digits: int = 2) -> str:
    """Write a difference with its sign: ``+.05``, ``−.12``, ``0``; a dash where there is none.

    >>> signed(0.05), signed(-0.123), signed(0.001), signed(float("nan"))
    ('+.05', '−.12', '0', '–')
    """
    if math.isnan(value):
        return "–"
    size = f"{abs(value):.{digits}f}"
    if float(size) == 0:
        return "0"
    return ("+" if value > 0 else "−") + size.removeprefix("0")


def signed_span(low: float, high: float, digits: int = 2) -> str:
    """Write the interval of a difference: ``−.02 to +.11``; empty where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"{signed(low, digits)} to {signed(high, digits)}"


def number(value: float) -> str:
    """Write a count with a thin space between thousands.

    >>> number(12345)
    '12\\u202f345'
    """
    return f"{value:,.0f}".replace(",", "\u202f")


def counted(n: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: ``1 session``, ``12 sessions``."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def duration(minutes: float) -> str:
    """Write a duration: seconds below a minute, tenths of minutes above.

    >>> duration(0.25), duration(7.52)
    ('15 s', '7.5 min')
    """
    return f"{60 * minutes:.0f} s" if minutes < 1 else f"{minutes:.1f} min"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Write words as a list: ``a, b and c``."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def moment(when: datetime | None) -> str:
    """Write a moment to the minute, in UTC; a dash where there is none."""
    return when.strftime("%Y-%m-%d %H:%M UTC") if when else "–"


def in_order(conditions: Iterable[ConditionRecord]) -> list[ConditionRecord]:
    """Sort conditions for a reader: clean first, then each family from mild to severe."""
    families = list(PERTURBATIONS)
    return sorted(
        conditions,
        key=lambda one: (families.index(one.perturbation), _direction(one) * one.severity, one.level),
    )


def family(condition: ConditionRecord, among: Sequence[ConditionRecord]) -> str:
    """Short name of a condition's family: ``noise`` for gaussian_noise, if no other family ends so."""
    last = condition.perturbation.split("_")[-1]
    same = {one.perturbation for one in among if one.perturbation.split("_")[-1] == last}
    return last if len(same) == 1 else condition.perturbation.replace("_", " ")


def severity(condition: ConditionRecord) -> str:
    """Severity with a short unit: ``5 px``, ``0.38``; empty for clean."""
    if condition.perturbation == CLEAN:
        return ""
    unit = condition.severity_unit if len(condition.severity_unit) <= LONGEST_UNIT else ""
    return f"{condition.severity:g} {unit}".strip()


def label(condition: ConditionRecord, among: Sequence[ConditionRecord]) -> str:
    """Family and severity in one line: ``blur 5 px``."""
    return f"{family(condition, among)} {severity(condition)}".strip()


def _direction(condition: ConditionRecord) -> int:
    return PERTURBATIONS[condition.perturbation].direction or 1
