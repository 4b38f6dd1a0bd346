"""Gradients of a loaded model: how a picture's own pixels change its units, and what it is taken for.

``stimuli.attacks`` and ``stimuli.dreams`` are handed what is made here and load no model themselves. The
preprocessing is computed anew as matrices, with Pillow's own resampling weights, so that gradients pass;
what came out is then measured through the model's real preprocessing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from open_clip.transform import PreprocessCfg
from PIL import Image
from torch.nn.functional import leaky_relu

from scoring.activations.extract import layer_reader
from scoring.activations.hooks import collect, spatial_mean
from scoring.activations.model import LoadedModel, image_embeddings
from scoring.activations.preprocess import SQUASH, transform
from scoring.activations.zero_shot import concept_embeddings
from stimuli.dreams.objective import Drives, Unit
from stimuli.errors import UserError

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

#: what of a unit's input below zero still counts, where a ReLU gives 0: a silent unit would have no gradient
LEAK = 0.1
#: pictures that are measured at a time
BATCH_SIZE = 16

#: resampling filters as Pillow has them: name -> (half width in pixels, weight at a distance)
_FILTERS: dict[str, tuple[float, Callable[[Floats], Floats]]] = {
    "bilinear": (1.0, lambda x: np.clip(1 - np.abs(x), 0, None)),
    "bicubic": (2.0, lambda x: _cubic(np.abs(x))),
    "lanczos": (3.0, lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)),
}


class DifferentiableInput:
    """A named preprocessing of square pictures, through which gradients pass.

    The same as the real one but for the rounding to whole grey levels between and after its two passes.
    """

    def __init__(self, loaded: LoadedModel, preprocess: str) -> None:
        """Raise UserError for another name than the preprocessings have."""
        transform(loaded, preprocess)
        self._loaded = loaded
        self.filter = "lanczos" if preprocess == SQUASH else _own_filter(loaded)
        self._mean, self._std = (
            torch.tensor(values, device=loaded.device)[:, None, None] for values in (loaded.mean, loaded.std)
        )

    @property
    def description(self) -> str:
        """In words, for the manifest."""
        side = self._loaded.image_size
        return f"antialiased {self.filter} to {side} x {side} in float32, without rounding"

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Turn pictures (n, 3, side, side) of 0 to 255 into the model's inputs."""
        if pictures.shape[-1] != pictures.shape[-2]:
            raise ValueError(f"pictures are square, not {tuple(pictures.shape)}")
        matrix = resampling(pictures.shape[-1], self._loaded.image_size, self.filter).to(pictures.device)
        across = (pictures @ matrix.T).clamp(0, 255)
        values = (matrix @ across).clamp(0, 255)
        return (values / 255 - self._mean) / self._std


def _own_filter(loaded: LoadedModel) -> str:
    config = PreprocessCfg(**loaded.model.visual.preprocess_cfg)  # type: ignore[union-attr,arg-type]
    return "bilinear" if config.interpolation == "bilinear" else "bicubic"


@cache
def resampling(source: int, target: int, name: str) -> torch.Tensor:
    """Weights (target, source) with which Pillow resamples a line: antialiased when it shrinks."""
    half, weight = _FILTERS[name]
    step = source / target
    stretch = max(step, 1.0)
    centre = (np.arange(target) + 0.5) * step
    first = np.maximum(0, (centre - half * stretch + 0.5).astype(int))
    last = np.minimum(source, (centre + half * stretch + 0.5).astype(int))
    place = np.arange(source)
    weights = weight((place[None, :] + 0.5 - centre[:, None]) / stretch)
    weights *= (place >= first[:, None]) & (place < last[:, None])
    return torch.from_numpy((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def _cubic(x: Floats, a: float = -0.5) -> Floats:
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


class _Measured:
    """Pictures as the model really gets them."""

    def __init__(self, loaded: LoadedModel, preprocess: str) -> None:
        self.loaded = loaded
        self.input = DifferentiableInput(loaded, preprocess)
        self._real = transform(loaded, preprocess)

    @property
    def device(self) -> torch.device:
        """Where pictures have to be."""
        return self.loaded.device

    @property
    def input_side(self) -> int:
        """Side of the model's input in pixels."""
        return self.loaded.image_size

    def _batches(self, pictures: Sequence[Pixels]) -> Iterator[tuple[slice, torch.Tensor]]:
        for start in range(0, len(pictures), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            yield part, torch.stack([self._real(Image.fromarray(one)) for one in pictures[part]])


class ConceptGradients(_Measured):
    """Which of several concepts a model takes a picture for, zero-shot.

    The probabilities are the softmax of the logit scale times the cosines of the picture's embedding and
    the concepts'.
    """

    def __init__(self, loaded: LoadedModel, concepts: Sequence[str], preprocess: str = SQUASH) -> None:
        """Raise UserError for fewer than two concepts, and for words that the model lacks."""
        super().__init__(loaded, preprocess)
        if len(concepts) < 2:
            raise UserError("a picture is taken for one of several concepts; give at least two of them")
        self.concepts = tuple(concepts)
        self._texts = torch.from_numpy(concept_embeddings(loaded, concepts)).to(loaded.device)
        self._scale = math.exp(float(loaded.model.logit_scale))  # type: ignore[arg-type]

    def log_probabilities(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logarithms (n, concepts) for pictures (n, 3, side, side) of 0 to 255, differentiable."""
        embeddings: torch.Tensor = self.loaded.model.encode_image(self.input(pictures))  # type: ignore[operator]
        return self._logits(embeddings).log_softmax(dim=1)

    def measured(self, pictures: Sequence[Pixels]) -> Floats:
        """Probabilities (n, concepts) of pictures (h, w, 3) through the model's real preprocessing."""
        parts = [
            self._logits(torch.from_numpy(image_embeddings(self.loaded, batch)).to(self.device))
            for _, batch in self._batches(pictures)
        ]
        return torch.cat(parts).double().softmax(dim=1).cpu().numpy()

    def _logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        lengths = torch.linalg.vector_norm(embeddings, dim=1, keepdim=True)
        logits: torch.Tensor = self._scale * (embeddings / lengths) @ self._texts.T
        return logits


class UnitGradients(_Measured):
    """How active units are, and which way a picture would make them more so."""

    def __init__(self, loaded: LoadedModel, layers: Sequence[str], preprocess: str = SQUASH) -> None:
        """Prepare some layers (open_clip's names); UserError for one from which no units can be told."""
        super().__init__(loaded, preprocess)
        self._reader = layer_reader(loaded, list(dict.fromkeys(layers)))

    def channels(self, layer: str) -> int:
        """How many units a layer has."""
        return self._reader.units[layer]

    def drives(self, pictures: torch.Tensor, units: Sequence[Unit]) -> Drives:
        """See ``stimuli.dreams.objective.Units``: the spatial means of what the units put out.

        Where the layer is a ReLU, what lies below zero counts by a tenth, so that a silent unit can be
        woken, and one that is to be lowered goes on falling.
        """
        layers = list(dict.fromkeys(unit.layer for unit in units))
        means = self._means(self.input(pictures), layers)
        of_unit = torch.stack([means[unit.layer][row, unit.channel] for row, unit in enumerate(units)])
        size = {layer: values.detach().square().mean(dim=1).sqrt() for layer, values in means.items()}
        return Drives(of_unit, torch.stack([size[unit.layer][row] for row, unit in enumerate(units)]))

    def _means(self, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        model, passes = self.loaded.model, {layer: self._reader.passes[layer] for layer in layers}
        run: Callable[..., object] = model.encode_image  # type: ignore[assignment]
        with _before_relus(model, layers) as before:
            seen = collect(model, layers, spatial_mean, lambda: run(inputs), passes)
        leaking = {layer: spatial_mean(leaky_relu(values, LEAK)) for layer, values in before.items()}
        return {layer: outputs[-1] for layer, outputs in seen.items()} | leaking

    def measured(self, pictures: Sequence[Pixels], layer: str) -> Floats:
        """Activations (n, channels) of a layer for pictures (h, w, 3) through the real preprocessing."""
        parts = [self._reader.read(batch, [layer])[layer] for _, batch in self._batches(pictures)]
        return torch.cat(parts).double().cpu().numpy()


@contextmanager
def _before_relus(model: torch.nn.Module, layers: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
    """While the block runs, keep what goes into those of the layers that are a ReLU, by layer."""
    before: dict[str, torch.Tensor] = {}

    def keep(layer: str, inputs: torch.Tensor) -> torch.Tensor:
        before[layer] = inputs
        return inputs.clone()

    with ExitStack() as hooks:
        for layer in layers:
            module = model.get_submodule(layer)
            if isinstance(module, torch.nn.ReLU):
                handle = module.register_forward_pre_hook(
                    lambda _, inputs, layer=layer: (keep(layer, inputs[0]),)
                )
                hooks.callback(handle.remove)
        yield before
