"""What the published causality needs: the embedding changes of each unit on its concept's clean images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import SQUASH
from scoring.activations.suffix import embedding_change
from scoring.neuron_map import Pair, concept_key
from scoring.published.causality import SCALES
from scoring.statistics import Floats
from stimuli.manifest import Stimulus
from stimuli.perturbations import CLEAN


def changes_by_concept(
    pairs: Sequence[Pair],
    stimuli: Iterable[Stimulus],
    folder: Path,
    loaded: LoadedModel,
    layer: str | None = None,
    preprocess: str = SQUASH,
) -> Iterator[dict[Pair, Floats]]:
    """Yield, concept by concept, each pair's relative embedding changes (clean images, scales 0 and 2).

    ``stimuli`` are those of a manifest in ``folder``; a concept without a clean one gives (0, 2). Raises
    UserError for an unknown layer or unit, and for an unreadable image.
    """
    clean = [stimulus for stimulus in stimuli if stimulus.condition == CLEAN]
    for key in dict.fromkeys(pair.key for pair in pairs):
        ours = [pair for pair in pairs if pair.key == key]
        images = [folder / stimulus.image for stimulus in clean if concept_key(stimulus.concept) == key]
        units = [pair.channel for pair in ours]
        changes = embedding_change(loaded, layer, images, units, SCALES, preprocess)
        yield {pair: changes[:, place] for place, pair in enumerate(ours)}
