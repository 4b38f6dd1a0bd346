"""Numbers, measures and reasons of an alignment in words."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from exports.report.wording import REASONS as REPORT_REASONS
from exports.report.wording import signed
from stimuli.perturbations import CLEAN


class Measure(NamedTuple):
    """What an estimate is called, and what it says, in a sentence."""

    title: str
    meaning: str


MEASURES: dict[str, Measure] = {
    "human_accuracy": Measure("Accuracy of people", "the mean over people of each one's mean score"),
    "split_half": Measure(
        "Split-half reliability",
        "correlation of pictures' scores between random halves of their raters, stepped up to all of them",
    ),
    "split_half_within_cell": Measure(
        "Split-half reliability, within cells",
        "the same after the mean of each concept in each condition is taken off",
    ),
    "reliability": Measure(
        "Reliability, rel",
        "the part of the variance between pictures of a concept in one condition that is not raters' chance",
    ),
    "reliability_single_rater": Measure("Reliability of one rater", "the same if each picture had one rater"),
    "rater_kappa": Measure(
        "Agreement of raters, κ", "mean over pairs of people, on what they say that the pictures show"
    ),
    "error_consistency": Measure(
        "Error consistency, pooled",
        "κ of right and wrong, mean over pairs of people: whether they err on the same pictures more than "
        "their accuracies make them",
    ),
    "error_consistency_crossed": Measure(
        "Error consistency, pooled, other pictures too",
        "the same number; the interval speaks of other pictures as well",
    ),
    "error_consistency_all_pairs": Measure(
        "Error consistency, all pairs together",
        "one κ over all pairs of people, who share too few pictures for one each",
    ),
    "error_consistency_per_concept": Measure(
        "Error consistency, per concept",
        "with what is expected taken concept by concept: that some concepts are hard for all is no agreement",
    ),
    "error_consistency_per_concept_crossed": Measure(
        "Error consistency, per concept, other pictures too",
        "the same number; the interval speaks of other pictures as well",
    ),
    "error_consistency_per_concept_unbiased": Measure(
        "Error consistency, per concept, unbiased",
        "the same with what fitting accuracies to a concept's few pictures takes off made good",
    ),
    "error_consistency_per_concept_all_pairs": Measure(
        "Error consistency per concept, all pairs together",
        "one κ over all pairs of people, what is expected taken concept by concept",
    ),
    "error_consistency_per_condition": Measure(
        "Error consistency, per condition",
        "with what is expected taken condition by condition: that some are hard for all is no agreement",
    ),
    "error_consistency_per_condition_all_pairs": Measure(
        "Error consistency per condition, all pairs together",
        "one κ over all pairs of people, what is expected taken condition by condition",
    ),
    "unit_slope": Measure(
        "Slope on the concept's unit",
        "log odds of naming a picture for one SD more of the unit, among those of a concept in a condition "
        "(mixed model)",
    ),
    "ability_sd": Measure("Spread of ability", "SD between people, in log odds (1PL)"),
    "difficulty_sd": Measure("Spread of difficulty", "SD between pictures, in log odds (1PL)"),
    "mean_difficulty": Measure("Mean difficulty", "of pictures for the mean person, in log odds (1PL)"),
    "person_separation": Measure(
        "Separation of people", "the share of the spread of ability that the answers resolve (1PL)"
    ),
    "image_separation": Measure(
        "Separation of pictures", "the share of the spread of difficulty that the answers resolve (1PL)"
    ),
}

#: an estimate's unit -> what its n counts, and what else its interval speaks of
UNITS: dict[str, tuple[str, str]] = {
    "observers": ("people", ""),
    "observers × sources": ("people", "interval for other people and sources"),
    "observers and sources": ("people", "interval for other people and sources"),
    "concepts, participants and images": ("concepts", "interval for other concepts, people and pictures"),
    "participants and images": ("pictures", "interval for other people and pictures"),
    "participants": ("people", ""),
    "images": ("pictures", ""),
}

#: what several rows of a table are called where they are refused
TABLES: dict[str, str] = {
    "models": "Error consistency of models",
    "model_pairs": "Error consistency of models with each other",
    "psychometric": "Psychometric curve",
    "threshold_spread": "Spread of participants' thresholds",
    "shifts": "Difference of thresholds, Δα",
    "mixed_model": "Mixed model",
    "rasch": "Ability and difficulty (1PL)",
    "layers": "RSA and CKA of layers",
    "probes": "Probe of a layer",
}

#: reasons for a missing estimate, as the statistics name them -> as a reader is told, beside the report's
REASONS: dict[str, str] = {
    **REPORT_REASONS,
    "no_people": "there are no answers of people",
    "no_models": "there are no decisions of models; give --choices, or --neuron-map with activations",
    "no_layers": "there are no activations; give --store, or a table with activation columns",
    "no_unit": "no --neuron-map names the units of the concepts",
    "no_severity": "the data name no severity, and the number of a level is none",
    "people_typed": (
        "people typed what they saw and the model chose among words, so that chance is another for it; "
        "give people the same forced choice"
    ),
    "alternatives_differ_between_trials": (
        "trials differ in the words that they offered, or do not say them, so that there is no one chance "
        "level"
    ),
    "other_alternatives_than_people": "people and the model chose among different words",
    "chance_levels_differ": "chance is another for people and the model; give them the same forced choice",
    "scales_differ": "the two curves are on different scales",
    "too_few_shared_stimuli": "pairs share fewer than 20 pictures; show the same pictures to more people",
    "fewer_than_2_observers": "there are fewer than 2 people",
    "fewer_than_3_observers": "there are fewer than 3 people",
    "does_not_vary_between_draws": "it is the same in all draws",
    "no_disagreement_expected": (
        "nobody answered what somebody else did, or all were right, or all wrong: κ has nothing to explain"
    ),
    "fewer_than_2_sources_a_concept": "there are fewer than 2 sources of each concept",
    "fewer_than_2_stimuli_with_2_observers": "fewer than 2 pictures (of a cell) were answered by 2 people",
    "stimuli_do_not_differ": "all pictures have the same score",
    "no_item_rated_by_both": "no picture was judged by both raters",
    "fewer_than_2_items": "there are fewer than 2 pictures",
    "both_raters_always_chose_one_category": "both raters always said the same one thing",
    "too_few_severities": (
        "it was shown at fewer than 5 severities, which do not tell a curve; show more severities to each "
        "participant"
    ),
    "severities_between_participants": (
        "most participants saw fewer than 5 severities, so that a curve would compare different people"
    ),
    "severities_have_no_order": "its severities have no order from mild to severe",
    "direction_not_known": "it is not known which severities are harder; say it with --harder",
    "too_few_trials": "there are fewer than 20 trials at its severities",
    "all_right": "nearly every answer was right: severities are too mild",
    "all_wrong": "nearly every answer was wrong: severities are too strong",
    "no_fall": "recognition does not fall with severity",
    "milder_than_tested": "the threshold is milder than every severity shown",
    "harder_than_tested": "the threshold is harder than every severity shown",
    "not_located": "the answers do not tell where the threshold is",
    "interval_open_beyond_severities_shown": "the interval is open beyond the severities shown",
    "no_human_curve": "people have no curve",
    "no_model_curve": "the model has no curve",
    "fewer_than_3_thresholds": "fewer than 3 participants have a threshold",
    "threshold_missing_for_more_than_a_fifth": (
        "more than a fifth of the participants have no threshold, and without them the spread is too small"
    ),
    "no_answers": "there are no answers",
    "all_answers_alike": "all answers are right, or all wrong",
    "all_answers_right": "all its answers are right, so that its effect is infinite; it is left out",
    "all_answers_wrong": "all its answers are wrong, so that its effect is infinite; it is left out",
    "activation_does_not_vary_within_cells": "among pictures of a concept and condition the unit is the same",
    "activation_does_not_vary_in_cells_that_are_sometimes_right": (
        "the unit varies only where all answers are right, or all wrong"
    ),
    "neither_participants_nor_images_repeat": "no participant and no picture has several answers",
    "one_answer_of_each_participant_or_image": "each participant, or each picture, has one answer only",
    "too_few_answers_of_each": "each has fewer than 3 answers on average, which do not tell their spread",
    "too_few_answers_of_each_for_an_interval": (
        "each has fewer than 10 answers on average, with which the interval would be too narrow"
    ),
    "fewer_than_2_images": "there are fewer than 2 pictures",
    "fewer_than_3_concepts": "there are fewer than 3 concepts",
    "one_image_a_cell": "each concept has one picture in a condition",
    "one_participant": "there is one participant",
    "one_answer_of_each_participant": "each participant gave one answer",
    "one_answer_of_each_image": "each picture has one answer",
    "the_search_did_not_converge": "the fit did not converge",
    "the_likelihood_has_no_maximum_here": "the likelihood has no maximum",
    "the_likelihood_has_several_maxima": "the likelihood has several maxima",
    "the_data_do_not_bound_it": "the answers do not bound it",
    "at_the_edge_of_what_is_possible": "it lies at the edge of what is possible",
    "no_spread_beyond_chance_in_the_answers": "answers do not differ beyond chance",
    "no_activations": "there are no activations",
    "interval_below_minus_1": "with so few people its interval runs below −1 and says nothing",
    "model_always_right": "the model is always right and makes no errors to agree on",
    "model_always_wrong": "the model is never right, so that its errors tell nothing",
    "too_few_concepts": "there are fewer than 8 concepts, whose order says little",
    "too_few_observers": "there are fewer than 4 people",
    "concept_without_answers": "a concept has no answers",
    "concept_without_answers_in_half_of_the_observers": "half of the people leave a concept without answers",
    "no_confusions": "people made fewer confusions than there are concepts",
    "ceiling_not_above_zero": (
        "halves of the people do not confuse the same concepts more than by chance, so that there is nothing "
        "for a layer to agree with"
    ),
    "activation_constant_or_missing": "the layer is the same for all concepts, or lacks activations",
    "no_interval_for_equal_orders": "both order all pairs alike",
    "too_few_sources": "there are fewer than 20 sources",
    "recognition_does_not_vary": "people do the same for all pictures of a concept in a condition",
    "no_fold_with_2_sources_of_a_concept": "a concept has too few sources to keep some apart",
    "no_interval_for_equal_predictions": "the probe says the same of all pictures",
}
#: how the reason of a comparison says whose curve is missing
_WHOSE = {"human_": "people: ", "model_": "the model: "}


def in_words(reason: str) -> str:
    """A reason, or several joined by ``; ``, as a reader is told; with blanks where it has no words.

    >>> in_words("human_all_right"), in_words("something_else")
    ('people: nearly every answer was right: severities are too mild', 'something else')
    """
    return "; ".join(_one_in_words(one) for one in reason.split("; "))


def _one_in_words(reason: str) -> str:
    if reason in REASONS:
        return REASONS[reason]
    for head, who in _WHOSE.items():
        if reason.removeprefix(head) in REASONS:
            return f"{who}{REASONS[reason.removeprefix(head)]}"
    return reason.replace("_", " ")


def sentence(reason: str) -> str:
    """A reason as a sentence."""
    words = in_words(reason)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def decimal(value: float, digits: int = 3) -> str:
    """Write a number, without the zero before its point: ``.871``, ``−.02``, ``1.25``; a dash for none.

    >>> decimal(0.8712), decimal(-0.02, 2), decimal(1.25, 2), decimal(0.0), decimal(float("nan"))
    ('.871', '−.02', '1.25', '0', '–')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    text = f"{abs(value):.{digits}f}"
    text = text.removeprefix("0") if text.startswith("0.") else text
    return ("−" if value < 0 and float(f"{value:.{digits}f}") != 0 else "") + text


def ends(low: float, high: float, digits: int = 3) -> str:
    """Write an interval: ``.774 to .930``, with ``open`` where it has no end; empty where there is none."""
    if not (math.isfinite(low) or math.isfinite(high)):
        return ""
    return f"{_end(low, digits)} to {_end(high, digits)}"


def _end(value: float, digits: int) -> str:
    if math.isnan(value):
        return "open"
    return {math.inf: "∞", -math.inf: "−∞"}.get(value, decimal(value, digits))


def ends_within(low: float, high: float, shown: tuple[float, float], digits: int = 3) -> str:
    """Write an interval whose missing end lies beyond the values ``shown``: ``8.798 to beyond 12``.

    >>> ends_within(8.798, math.nan, (2, 12)), ends_within(math.nan, 3.0, (2, 12), 1)
    ('8.798 to beyond 12', 'below 2 to 3.0')
    """
    if not (math.isfinite(low) or math.isfinite(high)):
        return ""
    first = f"below {shown[0]:g}" if math.isnan(low) else _end(low, digits)
    return f"{first} to {f'beyond {shown[1]:g}' if math.isnan(high) else _end(high, digits)}"


def percents(low: float, high: float) -> str:
    """Write an interval of shares: ``77.4% to 93.0%``; empty where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"{low:.1%} to {high:.1%}"


def plain(name: object) -> str:
    """Write a condition or perturbation with blanks: ``gaussian blur 2``."""
    return str(name).replace("_", " ")


def thin_thousands(text: str) -> str:
    """Write the numbers of a text as everywhere else: with a thin space for the comma between thousands."""
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "\u202f", text)


def probability(p: float) -> str:
    """Write a p: ``.031``, ``<.001``; empty where there is none."""
    if math.isnan(p):
        return ""
    return "<.001" if p < 0.0005 else decimal(p)


def difference(value: float) -> str:
    """Write a difference with its sign."""
    return signed(value, 3)


def natural(name: str) -> tuple[bool, str, float]:
    """Sort clean first, and ``blur 5`` before ``blur 12``.

    >>> sorted(["blur 12", "blur 5", "clean"], key=natural)
    ['clean', 'blur 5', 'blur 12']
    """
    head, _, last = name.rpartition(" ")
    try:
        return name != CLEAN, head, float(last)
    except ValueError:
        return name != CLEAN, name, -math.inf
