"""What silencing each unit does to each concept's logit, image by image: the raw material of causality.

No torch is imported until effects are measured, so that what reads them stays light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.neuron_map import concept_key
from scoring.published.causality import SCALES
from scoring.statistics import Floats
from stimuli.errors import UserError

if TYPE_CHECKING:
    from scoring.activations.concept_logits import ConceptLogits
    from scoring.activations.model import LoadedModel
    from scoring.activations.suffix import Look, Readout


class CleanImage(NamedTuple):
    """A clean image: its source, its concept, its file, and that file's SHA-256 if it is to be checked."""

    source: str
    concept: str
    path: Path
    sha256: str | None = None


#: shows progress: is given what is done for each image and how many there are, and hands it on
Track = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class CausalEffects:
    """The effect of every unit of a layer on every concept's logit, for every clean image."""

    #: (n,) the images, by their source
    sources: tuple[str, ...]
    #: (C,) lower case
    concepts: tuple[str, ...]
    #: (U,) channels of the layer
    units: tuple[int, ...]
    #: (n, U, C): z_c(1) - z_c(0), how much the concept's logit falls when the unit is silenced; see
    #: ``scoring.activations.concept_logits``. Exactly 0 for a unit that is silent on the image
    effect: NDArray[np.float32]
    #: (n, U): mean over the published scales of ||e' - e|| / ||e||; NaN where it was not asked for
    change: NDArray[np.float32]
    #: (U,) mean over the images of the unit's spatial mean
    mean_activation: Floats
    #: the model and its weights, for people
    weights: str
    #: how the embeddings were computed; see ``scoring.activations.suffix``
    method: str


def _untracked(steps: Iterable[Any], total: int) -> Iterable[Any]:
    return steps


def measure_effects(
    loaded: LoadedModel,
    images: Sequence[tuple[str, str, Path, str | None]],
    concepts: Sequence[str],
    layer: str | None = None,
    preprocess: str = "squash",
    *,
    changes: bool = False,
    track: Track = _untracked,
) -> CausalEffects:
    """Silence every unit of a layer, one at a time, on every clean image; measure all concepts' logits.

    ``images`` are (source, concept, path, SHA-256 or None), ``concepts`` the names that logits are measured
    of, at least two. ``changes`` adds the published change, at the price of a second scale. Raises UserError
    for an unknown layer, a word that the model lacks, no image, an unreadable one, and a NaN of the model.
    """
    from scoring.activations.concept_logits import ConceptLogits
    from scoring.activations.hooks import canonical_layer
    from scoring.activations.looks import Image, looks
    from scoring.activations.suffix import readout

    rows = [CleanImage(*image) for image in images]
    if not rows:
        raise UserError("there is no clean image to measure effects on; give a manifest with clean stimuli")
    keys = tuple(dict.fromkeys(concept_key(concept) for concept in concepts))
    logits, reader = ConceptLogits(loaded, keys), readout(loaded, canonical_layer(loaded.model, layer))
    seen = looks(loaded, reader, (Image(row.path, row.sha256) for row in rows), preprocess)
    scales = SCALES if changes else SCALES[:1]
    parts = [_of_image(look, reader, logits, scales) for look in track(seen, len(rows))]
    effect, change, activation = (np.stack(part) for part in zip(*parts, strict=True))
    return CausalEffects(
        sources=tuple(row.source for row in rows),
        concepts=keys,
        units=tuple(range(effect.shape[1])),
        effect=effect,
        change=change if changes else np.full_like(change, np.nan),
        mean_activation=activation.mean(axis=0),
        weights=loaded.label,
        method=reader.method,
    )


def _of_image(
    look: Look, reader: Readout, logits: ConceptLogits, scales: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32], Floats]:
    """Effect (U, C) of silencing, mean change (U,) over the scales, and spatial mean (U,) of all units."""
    import torch

    from scoring.activations.effects import effects
    from scoring.activations.interventions import scaled

    channels = torch.arange(len(look.maps), device=look.maps.device)
    fall, change = effects(reader, look, channels, scaled(look.maps, scales), logits)
    return fall[0], change.mean(axis=0), look.maps.double().mean(-1).cpu().numpy()
