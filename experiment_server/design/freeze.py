"""Freezing a study: what its file, its stimuli, its masks and its lexicon are, as one hashed document.

The frozen definition holds no path: a study whose files were moved is the same study, and one whose
pictures changed by a byte is another.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any

from experiment_server.design.allocation import Candidate, Kind, NotFeasibleError, apart, deal, pick
from experiment_server.design.study_file import StudyFile, read_study_file
from scoring.answers import load_lexicon
from scoring.answers.lexicon import concept_key
from stimuli.errors import UserError
from stimuli.files import sha256_of_file, written_text
from stimuli.manifest import Stimulus, read_manifest
from stimuli.perturbations import CLEAN

#: how stimuli are chosen from candidates
Choose = Callable[[Sequence[Candidate], int, Random], list[Candidate]]
#: largest picture that is copied, bytes: more is no stimulus, and would be slow to load
LARGEST_IMAGE = 20_000_000


@dataclass(frozen=True)
class FrozenStimulus:
    """A stimulus that takes part, and as what."""

    kind: Kind
    row: Stimulus
    path: Path


@dataclass(frozen=True)
class FrozenStudy:
    """A checked study: its file, its stimuli, its masks (SHA-256 -> file), its lexicon."""

    file: StudyFile
    stimuli: tuple[FrozenStimulus, ...]
    masks: dict[str, Path]
    lexicon: dict[str, Any] | None

    @cached_property
    def definition(self) -> str:
        """Canonical JSON: sorted keys, no blanks, UTF-8. Its keys are described in docs/schema.md."""
        return canonical(
            {
                "format_version": self.file.format_version,
                "study": self.file.model_dump(mode="json", exclude=self._left_out),
                "stimuli": [_identity(one) for one in self.stimuli],
                "masks": list(self.masks),
                "lexicon": self.lexicon,
                "credits": _credits(one.row for one in self.stimuli),
            }
        )

    @property
    def _left_out(self) -> set[str]:
        """Paths; and a table that is not there, so that the hashes of studies from before it stay."""
        return {"manifest", "lexicon"} | ({"adaptive"} if self.file.adaptive is None else set())

    @property
    def sha256(self) -> str:
        """SHA-256 of the definition, 64 hexadecimal digits."""
        return hashlib.sha256(self.definition.encode()).hexdigest()

    @property
    def images(self) -> dict[str, Path]:
        """Every picture that the study shows: SHA-256 -> file."""
        return {**{one.row.image_sha256: one.path for one in self.stimuli}, **self.masks}


def canonical(document: dict[str, Any]) -> str:
    """JSON that is the same for the same content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def freeze(path: Path) -> FrozenStudy:
    """Read a study file and all that it names, and check that they fit together.

    Raises UserError, in one sentence, for the first thing that does not.
    """
    file = read_study_file(path)
    manifest = path.parent / file.manifest
    folder = manifest if manifest.is_dir() else manifest.parent
    rows = read_manifest(manifest)
    _check_concepts(path, file, rows)
    stimuli = tuple(_taking_part(file, rows, folder))
    _check_sources(path, stimuli)
    _check_shared(path, file, stimuli)
    _check_feasible(path, file, stimuli)
    _check_images(stimuli)
    return FrozenStudy(file, stimuli, _masks(path, file, folder), _lexicon(path, file))


def _check_concepts(path: Path, file: StudyFile, rows: Sequence[Stimulus]) -> None:
    cells = {(row.concept, row.condition) for row in rows}
    known = {concept for concept, _ in cells}
    for concept in file.all_concepts:
        if concept not in known:
            raise UserError(
                f"the study file {path}: the concept {concept!r} is not in the manifest; "
                f"it has {', '.join(sorted(known))}"
            )
        needed = [row.condition.key for row in file.condition] if concept in file.concepts else [CLEAN]
        for condition in needed:
            if (concept, condition) not in cells:
                raise UserError(
                    f"the study file {path}: the manifest has no {condition} stimulus of {concept!r}; "
                    "build the stimuli with this condition, or leave it out of the study"
                )


def _taking_part(file: StudyFile, rows: Sequence[Stimulus], folder: Path) -> Iterable[FrozenStimulus]:
    """Test stimuli in the study's conditions; practice and catch stimuli are clean."""
    kinds: dict[str, Kind] = {
        **dict.fromkeys(file.concepts, "test"),
        **dict.fromkeys(file.practice.concepts, "practice"),
        **dict.fromkeys(file.catch.concepts, "catch"),
    }
    conditions = {row.condition.key for row in file.condition}
    for row in sorted(rows, key=lambda row: row.stimulus):
        kind = kinds.get(row.concept)
        if kind and row.condition in (conditions if kind == "test" else {CLEAN}):
            yield FrozenStimulus(kind, row, folder / row.image)


def _check_sources(path: Path, stimuli: Sequence[FrozenStimulus]) -> None:
    """Allocation shows a source once because it belongs to one concept."""
    concept_of: dict[str, str] = {}
    for one in stimuli:
        first = concept_of.setdefault(one.row.source, one.row.concept)
        if first != one.row.concept:
            raise UserError(
                f"the study file {path}: the source {one.row.source} shows both {first!r} and "
                f"{one.row.concept!r}, and would be seen twice; leave out one of these concepts, or correct "
                "the manifest"
            )


def _check_shared(path: Path, file: StudyFile, stimuli: Sequence[FrozenStimulus]) -> None:
    """All conditions but those of dreams are to be of the same pictures, or they could not be compared."""
    shared = {row.condition.key for row in file.condition if row.role != "dream"}
    rows = [one.row for one in stimuli if one.kind == "test" and one.row.condition in shared]
    if found := apart([_candidate(number, row) for number, row in enumerate(rows)]):
        raise UserError(
            f"the study file {path}: no source is there both in {found[0]} and in {found[1]}; build these "
            "conditions of the same pictures (only those with the role dream may have pictures of their own)"
        )


def _check_feasible(path: Path, file: StudyFile, stimuli: Sequence[FrozenStimulus]) -> None:
    """Plan one participant, so that no participant is the first to find that it cannot be done."""
    wanted: dict[str, tuple[Kind, int, Choose]] = {}
    family = file.family(lambda row: row.condition.key)
    wanted["trials.test"] = ("test", file.trials.test, partial(deal, family=family))
    wanted["practice.trials"] = ("practice", file.practice.trials, pick)
    wanted["catch.trials"] = ("catch", file.catch.trials, pick)
    for key, (kind, n, choose) in wanted.items():
        pool = [_candidate(number, one.row) for number, one in enumerate(stimuli) if one.kind == kind]
        try:
            choose(pool, n, Random(0))  # noqa: S311 - any order will do
        except NotFeasibleError as error:
            raise UserError(
                f"the study file {path}: {key} = {n} cannot be done with each picture shown at most once "
                f"({error}); lower it or add pictures"
            ) from error


def _candidate(number: int, row: Stimulus) -> Candidate:
    return Candidate(number, row.concept, row.condition, row.source, 0)


def _check_images(stimuli: Sequence[FrozenStimulus]) -> None:
    for one in stimuli:
        if not one.path.is_file():
            raise UserError(f"the stimulus {one.path} is missing; build the stimuli again")
        if one.path.stat().st_size > LARGEST_IMAGE:
            raise UserError(
                f"the stimulus {one.path} is larger than {LARGEST_IMAGE // 10**6} MB; make it smaller"
            )
        if sha256_of_file(one.path) != one.row.image_sha256:
            raise UserError(
                f"the stimulus {one.path} is not the one that the manifest describes; build the stimuli again"
            )


def _masks(path: Path, file: StudyFile, folder: Path) -> dict[str, Path]:
    if file.presentation.mask == "none":
        return {}
    found = sorted((folder / "masks").glob("*.png"))
    if not found:
        raise UserError(
            f"the study file {path}: presentation.mask is {file.presentation.mask!r}, and there are no masks "
            f'in {folder / "masks"}; build the stimuli again, or write mask = "none"'
        )
    return {sha256_of_file(mask): mask for mask in found}


def _lexicon(path: Path, file: StudyFile) -> dict[str, Any] | None:
    """The lexicon's tables as they are in its file, once it has been checked."""
    if file.lexicon is None:
        return None
    lexicon = path.parent / file.lexicon.file
    load_lexicon(lexicon)
    tables = tomllib.loads(written_text(lexicon))
    known = {concept_key(concept) for concept in file.all_concepts}
    for name in tables:
        if concept_key(name) not in known:
            raise UserError(
                f"the lexicon {lexicon} has the table {name!r}, which is no concept of the study; "
                f"correct or remove it (the concepts are {', '.join(file.all_concepts)})"
            )
    return tables


def _identity(one: FrozenStimulus) -> dict[str, str]:
    row = one.row
    return {
        "kind": one.kind,
        "stimulus": row.stimulus,
        "image_sha256": row.image_sha256,
        "source": row.source,
        "concept": row.concept,
        "cluster": row.cluster,
        "condition": row.condition,
    }


def _credits(rows: Iterable[Stimulus]) -> list[dict[str, str]]:
    lines = {(row.credit, row.credit_url, row.licence) for row in rows if row.credit or row.licence}
    return [
        {"credit": credit, "credit_url": url, "licence": licence} for credit, url, licence in sorted(lines)
    ]
