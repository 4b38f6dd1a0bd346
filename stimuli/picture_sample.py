"""A few pictures of a folder, read as a build reads them, and the stimuli that a build would make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from stimuli.conditions import Condition, ConditionsFile
from stimuli.corruptions.pixels import Pixels
from stimuli.degrade import degraded, render
from stimuli.errors import UserError
from stimuli.matching import CannotMatchError, matched_at
from stimuli.measures import Reference
from stimuli.perturbations import CLEAN
from stimuli.pictures import load_picture
from stimuli.seeds import stimulus_seed
from stimuli.sources.folder import LeftOut, Source, scan


@dataclass(frozen=True)
class Picture:
    """One picture that was read: where it comes from, how it is built, and its pixels (size, size, 3).

    ``pixels`` are those that are degraded: matched already, where pictures are matched before that.
    """

    source: Source
    how: ConditionsFile = field(repr=False)
    pixels: Pixels = field(repr=False)

    @cached_property
    def clean(self) -> Pixels:
        """The clean stimulus."""
        return self._matched(self.pixels, Condition(CLEAN))

    @cached_property
    def reference(self) -> Reference:
        """The clean stimulus, for comparing others with it."""
        return Reference(self.clean)

    def stimulus(self, condition: Condition, seed: int) -> Pixels:
        """The pixels that a build with this seed writes in a condition (replicate 0)."""
        image, _ = render(self.how, self.source.sha256, self.pixels, condition, seed)
        return self._matched(image, condition)

    def in_common(self, condition: Condition, seed: int, draw: int = 0) -> Pixels:
        """The same with the chance of the clean stimulus, so that all severities draw alike; or another."""
        chance = stimulus_seed(self.source.sha256, Condition(CLEAN), draw, seed)
        return self._matched(degraded(self.how, self.pixels, condition, chance), condition)

    def _matched(self, image: Pixels, condition: Condition) -> Pixels:
        return matched_at("stimulus", image, self.how.matching, f"{self.source.path} in {condition.key}")


@dataclass(frozen=True)
class PictureSample:
    """Pictures that were read, and files that could not be used, each with its reason."""

    pictures: tuple[Picture, ...]
    left_out: tuple[LeftOut, ...]


def sample_pictures(
    folder: Path,
    how: ConditionsFile,
    number: int | None,
    *,
    concepts: Sequence[str] = (),
    per_concept: int | None = None,
    seed: int = 0,
) -> PictureSample:
    """Read some pictures of a folder: one of each concept in turn, then a second of each, and so on.

    ``number`` is how many (None: all), or ``per_concept`` how many of each concept; clusters take turns.
    Only ``concepts`` are taken, or all but those that ``how`` keeps clean. The same folder gives the same
    pictures. One of which a build with this ``seed`` would make nothing is passed over, and said so. Raises
    UserError for a concept that is not there or is kept clean, and if no picture is left.
    """
    sources, misplaced = scan(folder)
    ranks = _ranks(_wanted(folder, sources, concepts, how.clean_only))
    read: list[Picture] = []
    left_out: list[LeftOut] = []
    for rank in ranks:
        for source in rank:
            counted = sum(picture.source.concept == source.concept for picture in read)
            full = counted >= per_concept if per_concept else len(read) == number
            if not full:
                _read(folder, source, how, seed, read, left_out)
    if not read:
        raise UserError(f"no picture of {folder} could be used, the first because {left_out[0].reason}")
    return PictureSample(tuple(read), (*misplaced, *left_out))


def read_picture(folder: Path, source: Source, how: ConditionsFile) -> Picture:
    """Read one picture of a folder. Raises UserError if it cannot be used."""
    read_in = load_picture(folder / source.path, how.size, source.path)
    return Picture(source, how, matched_at("source", read_in, how.matching, source.path))


def _read(
    folder: Path,
    source: Source,
    how: ConditionsFile,
    seed: int,
    read: list[Picture],
    left_out: list[LeftOut],
) -> None:
    try:
        picture = read_picture(folder, source, how)
    except UserError as error:
        left_out.append(LeftOut(source.path, str(error)))
        return
    try:
        if how.matching is not None and how.matching.stage == "stimulus":
            for condition in how.conditions:
                picture.stimulus(condition, seed)
    except CannotMatchError as error:
        left_out.append(LeftOut(source.path, str(error)))
        return
    read.append(picture)


def _wanted(
    folder: Path, sources: Sequence[Source], concepts: Sequence[str], without: Sequence[str]
) -> list[Source]:
    there = sorted({source.concept for source in sources})
    for concept in concepts:
        if concept not in there:
            raise UserError(f"{folder} has no concept {concept}; it has {', '.join(there)}")
        if concept in without:
            raise UserError(
                f"{concept} is kept clean, so that there is no more of it to show; "
                "name another concept, or take it out of clean_only"
            )
    kept = concepts or [concept for concept in there if concept not in without]
    wanted = [source for source in sources if source.concept in kept]
    if not wanted:
        raise UserError(f"all concepts of {folder} are kept clean; take one out of clean_only")
    return wanted


def _ranks(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """The first picture of every concept, then the second of every concept, and so on."""
    concepts: dict[str, list[Source]] = {}
    for source in sources:
        concepts.setdefault(source.concept, []).append(source)
    for turn, (concept, rows) in enumerate(concepts.items()):
        concepts[concept] = _clusters_in_turn(rows, turn)
    for rank in zip_longest(*concepts.values()):
        yield [source for source in rank if source is not None]


def _clusters_in_turn(sources: Sequence[Source], first: int) -> list[Source]:
    """One source of each cluster, then a second of each; the cluster to begin with is given by its number.

    So a few pictures of several concepts are of several clusters.
    """
    clusters: dict[str, list[Source]] = {}
    for source in sources:
        clusters.setdefault(source.cluster, []).append(source)
    names = list(clusters)
    begin = first % len(names)
    in_turn = (clusters[name] for name in (*names[begin:], *names[:begin]))
    return [row for rank in zip_longest(*in_turn) for row in rank if row is not None]
