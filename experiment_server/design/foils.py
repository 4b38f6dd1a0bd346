"""What a trial with alternatives offers: the right word, and foils that are the same for everybody."""

from __future__ import annotations

from random import Random

from experiment_server.design.allocation import shuffled
from experiment_server.design.study_file import StudyDesign


def offered(design: StudyDesign, concept: str) -> tuple[str, ...]:
    """What a concept's trials offer to choose from; empty when answers are typed.

    Where that is not everything, a concept's foils are the same for all participants. They are words that
    can be right in a test trial, as long as there are enough, so that none of them can be ruled out. The
    words stand in a circle, in an order of the study's own, and a concept's foils lie at distances from
    it that are the same for all: each word is a foil of as many other words as any.
    """
    every, wanted = design.alternatives, design.response.choices
    if not wanted or wanted >= len(every):
        return every
    beside = {*design.practice.concepts, *design.catch.concepts}
    words = [word for word in every if word not in beside]
    if len(words) < wanted:
        words = list(every)
    rng = Random(f"foils:{design.seed}")  # noqa: S311 - reproducible, not secret
    circle = shuffled(words, rng)
    steps = rng.sample(range(1, len(circle)), wanted - 1)
    place = circle.index(concept) if concept in circle else every.index(concept)
    return (concept, *(circle[(place + step) % len(circle)] for step in steps))
