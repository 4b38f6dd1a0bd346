"""The differentiable preprocessing is the real one, and what it leads to is what is measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from scoring.activations import gradients
from scoring.activations.gradients import ConceptGradients, DifferentiableInput, UnitGradients, resampling
from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import PREPROCESSINGS, transform
from scoring.activations.zero_shot import classify
from stimuli.dreams.objective import Unit
from stimuli.errors import UserError

pytestmark = pytest.mark.model

CONCEPTS = ("dog", "key", "fire")
LAST, EARLY = "visual.layer4.0.act3", "visual.layer2.0.act3"


def pictures(count: int = 3, side: int = 288) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 9, 9, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side))) for one in coarse])


def tensor(images: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("source", "target"), [(288, 96), (96, 288), (121, 96), (50, 50), (3, 7)])
def test_resampling_is_pillows(name: str, source: int, target: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (source, source), dtype=np.uint8)
    matrix = resampling(source, target, name).double().numpy()
    own = np.clip(matrix @ np.clip(image @ matrix.T, 0, 255), 0, 255)
    size, way = (target, target), Image.Resampling[name.upper()]
    assert np.abs(own - np.asarray(Image.fromarray(image).resize(size, way))).max() < 1.6


@pytest.mark.parametrize("preprocess", PREPROCESSINGS)
def test_the_differentiable_input_is_the_real_one_but_for_rounding(
    loaded: LoadedModel, preprocess: str
) -> None:
    real = torch.stack([transform(loaded, preprocess)(Image.fromarray(one)) for one in pictures()])
    given = DifferentiableInput(loaded, preprocess)
    levels = (given(tensor(pictures())) - real).abs().max() * 255 * loaded.std[0]
    assert levels < 1.6
    assert "in float32, without rounding" in given.description


def test_only_square_pictures_are_taken(loaded: LoadedModel) -> None:
    with pytest.raises(ValueError, match="pictures are square"):
        DifferentiableInput(loaded, "squash")(torch.zeros(1, 3, 20, 30))


def test_probabilities_are_those_of_zero_shot_recognition(loaded: LoadedModel) -> None:
    told = ConceptGradients(loaded, CONCEPTS)
    measured = told.measured(list(pictures()))
    assert measured.sum(axis=1) == pytest.approx(1)
    assert (measured.argmax(axis=1) == classify(loaded, pictures(), CONCEPTS)).all()
    differentiable = told.log_probabilities(tensor(pictures())).exp().numpy()
    assert differentiable == pytest.approx(measured, abs=0.03)


def test_one_concept_is_no_choice(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as error:
        ConceptGradients(loaded, ["dog"])
    assert str(error.value) == "a picture is taken for one of several concepts; give at least two of them"


def test_drives_are_the_activations_but_for_the_leak(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = UnitGradients(loaded, [LAST, EARLY])
    wanted = [Unit(LAST, 7), Unit(EARLY, 7), Unit(LAST, 300)]
    leaking = units.drives(tensor(pictures()), wanted).unit
    monkeypatch.setattr(gradients, "LEAK", 0.0)
    dry = units.drives(tensor(pictures()), wanted).unit
    measured = {layer: units.measured(list(pictures()), layer) for layer in (LAST, EARLY)}
    expected = [measured[unit.layer][row, unit.channel] for row, unit in enumerate(wanted)]
    assert dry.numpy() == pytest.approx(np.array(expected), rel=0.05, abs=0.02)
    assert (leaking < dry).all()


def test_layers_watched_together_do_not_disturb_each_other(loaded: LoadedModel) -> None:
    units, images = UnitGradients(loaded, [LAST, EARLY]), tensor(pictures(2))
    both = units.drives(images, [Unit(EARLY, 1), Unit(LAST, 1)])
    alone = units.drives(images, [Unit(LAST, 1), Unit(LAST, 1)])
    torch.testing.assert_close(both.unit[1], alone.unit[1])
    torch.testing.assert_close(both.layer[1], alone.layer[1])
    assert (units.channels(LAST), units.channels(EARLY)) == (512, 128)


def test_every_unit_has_a_gradient_even_a_silent_one(loaded: LoadedModel) -> None:
    units = UnitGradients(loaded, [LAST])
    grey = np.full((1, 96, 96, 3), 128, np.uint8)
    silent = np.flatnonzero(units.measured([grey[0]], LAST)[0] == 0)
    assert silent.size
    image = tensor(grey).requires_grad_(True)
    units.drives(image, [Unit(LAST, int(silent[0]))]).unit.sum().backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert image.grad.abs().max() > 0
