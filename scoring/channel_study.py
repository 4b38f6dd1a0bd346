"""Measuring what channels do, image by image, under every intervention that ``causality`` reports.

The clean images are looked at once, and their maps kept in a temporary file, since two interventions need
other images' maps: the mean ablation their mean, the resample ablation that of a picture of another concept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.causal_effects import CleanImage
from scoring.matched_controls import matched_controls
from scoring.statistics import Floats, Integers
from stimuli.errors import UserError

if TYPE_CHECKING:
    from scoring.activations.concept_logits import ConceptLogits
    from scoring.activations.model import LoadedModel
    from scoring.activations.suffix import Look, Readout

#: the dose: z is followed over these scales, and over 1, where nothing changes
DOSE = (0.0, 0.5, 1.5, 2.0)
MEAN, RESAMPLE = "mean", "resample"
ABLATIONS = (MEAN, RESAMPLE)

Single = NDArray[np.float32]
#: shows progress: is given what is done for each image, what it is called, and how many there are
Track = Callable[[Iterable[Any], str, int], Iterable[Any]]


class DegradedImage(NamedTuple):
    """A degraded image, and the place of its clean one among the clean images."""

    clean: int
    path: Path
    sha256: str | None = None


@dataclass(frozen=True)
class Request:
    """What is to be measured: for which units (None: all), and under which interventions."""

    units: tuple[int, ...] | None = None
    #: scales that the embedding's change is reported at
    scales: tuple[float, ...] = (0.0, 2.0)
    ablations: tuple[str, ...] = ABLATIONS
    controls: int = 100
    #: of the draw of each image's donor
    seed: int = 0


@dataclass(frozen=True)
class ChannelStudy:
    """What was measured. n clean images, m degraded ones, J units, D channels of the layer, C concepts."""

    images: tuple[CleanImage, ...]
    degraded: tuple[DegradedImage, ...]
    concepts: tuple[str, ...]
    request: Request
    #: (J,) channels, and (J, controls) those that each is compared with
    units: Integers
    controls: Integers
    #: (D,) mean spatial mean over the clean images
    mean_activation: Floats
    #: (n, D, C): z_c(1) - z_c(0); NaN for channels that are neither units nor controls
    silenced: Single
    #: intervention -> (n, J, C): z_c before minus z_c after; a scale is named ``scale 0.5``
    falls: dict[str, Single]
    #: scale -> (n, J): ||e' - e|| / ||e||
    changes: dict[float, Single]
    #: (m, J, C): z_c of the degraded image with the unit's clean map, less z_c without it
    restored: Single
    #: (m, C): z_c of the clean image less z_c of the degraded one
    lost: Single
    weights: str
    layer: str
    method: str
    preprocess: str


@dataclass
class _Clean:
    """The clean images' maps (n, D, tokens), in a file, and their mean (D, tokens)."""

    maps: NDArray[np.float32]
    mean: NDArray[np.float32]
    logits: list[Single] = field(default_factory=list)

    @property
    def mean_activation(self) -> Floats:
        """Mean over images and tokens (D,)."""
        return np.asarray(self.mean.mean(axis=1, dtype=np.float64))


def measure_channels(
    loaded: LoadedModel,
    images: Sequence[CleanImage],
    degraded: Sequence[DegradedImage],
    concepts: Sequence[str],
    layer: str | None,
    preprocess: str,
    request: Request,
    track: Track,
) -> ChannelStudy:
    """Measure every intervention of a request on every image. ``concepts`` may be none: then no logits.

    Raises UserError for an unknown layer or unit, an unreadable image, a word that the model lacks and a
    model that gives NaN.
    """
    from scoring.activations.concept_logits import ConceptLogits
    from scoring.activations.hooks import canonical_layer
    from scoring.activations.suffix import readout

    name = canonical_layer(loaded.model, layer)
    run = _Run(
        loaded,
        readout(loaded, name),
        ConceptLogits(loaded, concepts) if concepts else None,
        images,
        preprocess,
        request,
        track,
    )
    _refuse_units(request, run)
    with tempfile.TemporaryDirectory(prefix="interpscore-maps-") as folder:
        clean = run.look_at_all(Path(folder))
        units = np.arange(len(clean.mean)) if request.units is None else np.array(request.units, np.intp)
        controls = matched_controls(clean.mean_activation, units, request.controls)
        silenced, falls, changes = run.intervene(clean, units, controls)
        restored, lost = run.patch(clean, units, degraded)
    return ChannelStudy(
        tuple(images),
        tuple(degraded),
        tuple(concepts),
        request,
        units,
        controls,
        clean.mean_activation,
        silenced,
        falls,
        changes,
        restored,
        lost,
        loaded.label,
        name,
        run.reader.method,
        preprocess,
    )


def scale_name(scale: float) -> str:
    """The name of an intervention that multiplies a channel.

    >>> scale_name(0.5)
    'scale 0.5'
    """
    return f"scale {scale:g}"


@dataclass(frozen=True)
class _Run:
    """One model at work on one set of images."""

    loaded: LoadedModel
    reader: Readout
    logits: ConceptLogits | None
    images: Sequence[CleanImage]
    preprocess: str
    request: Request
    track: Track

    def channels(self) -> int:
        """How many channels the layer has, by a pass of a blank input."""
        import torch

        side = self.loaded.image_size
        return len(self.reader.look(self.loaded.to_device(torch.zeros(1, 3, side, side))).maps)

    def look_at_all(self, folder: Path) -> _Clean:
        """Look at every clean image, and keep its map and its logits."""
        kept: _Clean | None = None
        steps = self.track(self._looks(self.images), "looked at", len(self.images))
        for row, look in enumerate(steps):
            kept = kept or _empty(folder, (len(self.images), *look.maps.shape))
            maps = look.maps.cpu().numpy()
            kept.maps[row] = maps
            kept.mean += maps / len(self.images)
            kept.logits.append(self._z(look))
        assert kept is not None
        return kept

    def _looks(self, images: Sequence[CleanImage | DegradedImage]) -> Iterator[Look]:
        from scoring.activations.looks import Image, looks

        files = (Image(image.path, image.sha256) for image in images)
        return looks(self.loaded, self.reader, files, self.preprocess)

    def _again(self, clean: _Clean) -> Iterator[Look]:
        """Look at the clean images again; where the map is all that is needed, without running the model."""
        from scoring.activations.suffix import PoolReadout

        if not isinstance(self.reader, PoolReadout):
            yield from self._looks(self.images)
            return
        for maps in clean.maps:
            yield self.reader.resume(_tensor(maps, self.loaded))

    def _z(self, look: Look) -> Single:
        if self.logits is None:
            return np.empty(0, np.float32)
        return np.asarray(self.logits(look.embedding).cpu().numpy())

    def intervene(
        self, clean: _Clean, units: Integers, controls: Integers
    ) -> tuple[Single, dict[str, Single], dict[float, Single]]:
        """Silence units and controls; scale and ablate the units."""
        wanted = np.union1d(units, controls)
        shape = (len(self.images), len(clean.mean), len(clean.logits[0]))
        silenced = np.full(shape, np.nan, np.float32)
        names = [*map(scale_name, self._scales()), *self.request.ablations]
        falls = np.empty((len(self.images), len(names), len(units), shape[2]), np.float32)
        change = np.empty(falls.shape[:3], np.float32)
        donors = _donors(self.images, self.request.seed)
        for row, look in enumerate(self.track(self._again(clean), "changed", len(self.images))):
            silenced[row, wanted] = self._effects(look, wanted, self._silence(look, wanted))[0][0]
            deltas = self._deltas(look, units, clean, clean.maps[donors[row]])
            falls[row], change[row] = self._effects(look, units, deltas)
        by_name = {name: falls[:, place] for place, name in enumerate(names)}
        changes = {scale: change[:, self._scales().index(scale)] for scale in self.request.scales}
        return silenced, by_name, changes

    def _scales(self) -> list[float]:
        """The scales that are measured: without concepts no dose."""
        dose = DOSE if self.logits is not None else ()
        return sorted({*dose, *self.request.scales})

    def _silence(self, look: Look, channels: Integers) -> Any:
        from scoring.activations.interventions import scaled

        return scaled(look.maps[_tensor(channels, self.loaded)], [0.0])

    def _deltas(self, look: Look, units: Integers, clean: _Clean, donor: Single) -> Any:
        """Deltas of every intervention, in the order of their names."""
        import torch

        from scoring.activations.interventions import mean_ablated, resampled, scaled

        maps = look.maps[_tensor(units, self.loaded)]
        parts = [scaled(maps, self._scales())]
        if MEAN in self.request.ablations:
            parts.append(mean_ablated(maps, _tensor(clean.mean[units], self.loaded)))
        if RESAMPLE in self.request.ablations:
            parts.append(resampled(maps, _tensor(donor[units], self.loaded)))
        return torch.cat(parts)

    def _effects(self, look: Look, channels: Integers, deltas: Any) -> tuple[Single, Single]:
        from scoring.activations.effects import effects

        return effects(self.reader, look, _tensor(channels, self.loaded), deltas, self.logits)

    def patch(
        self, clean: _Clean, units: Integers, degraded: Sequence[DegradedImage]
    ) -> tuple[Single, Single]:
        """Put each unit's clean map into the passes of the degraded images."""
        from scoring.activations.interventions import patched

        concepts = len(clean.logits[0])
        restored = np.empty((len(degraded), len(units), concepts), np.float32)
        lost = np.empty((len(degraded), concepts), np.float32)
        for row, look in enumerate(self.track(self._looks(degraded), "patched", len(degraded))):
            own = clean.maps[degraded[row].clean][units]
            deltas = patched(look.maps[_tensor(units, self.loaded)], _tensor(own, self.loaded))
            restored[row] = -self._effects(look, units, deltas)[0][0]
            lost[row] = clean.logits[degraded[row].clean] - self._z(look)
        return restored, lost


def _refuse_units(request: Request, run: _Run) -> None:
    """Raise UserError for a unit that the layer lacks, before any image is looked at."""
    if request.units is None:
        return
    channels = run.channels()
    for unit in request.units:
        if not 0 <= unit < channels:
            raise UserError(f"the layer has no unit {unit}; its units are 0 to {channels - 1}")


def _empty(folder: Path, shape: tuple[int, ...]) -> _Clean:
    maps = np.memmap(folder / "maps", np.float32, "w+", shape=shape)
    return _Clean(maps, np.zeros(shape[1:], np.float32))


def _tensor(array: NDArray[Any], loaded: LoadedModel) -> Any:
    import torch

    return torch.from_numpy(np.array(array)).to(loaded.device)


def _donors(images: Sequence[CleanImage], seed: int) -> Integers:
    """For each image, another one to take maps from: of another concept where there is one."""
    rng = np.random.default_rng(seed)
    names = np.array([image.concept for image in images])
    found = np.arange(len(images))
    for row in range(len(images)):
        others = np.flatnonzero(names != names[row])
        if not others.size:
            others = np.delete(np.arange(len(images)), row)
        if others.size:
            found[row] = rng.choice(others)
    return found
