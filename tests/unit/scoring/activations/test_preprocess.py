from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import MODEL, PREPROCESSINGS, SQUASH, open_image, squash, transform
from stimuli.errors import UserError
from stimuli.files import sha256_of_file

pytestmark = pytest.mark.model


def test_squash_keeps_the_whole_picture() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste(Image.new("RGB", (20, 100), "blue"), (0, 0))
    small = np.asarray(squash(wide, 96))
    assert small.shape == (96, 96, 3)
    assert tuple(small[48, 1]) == (0, 0, 255)
    assert tuple(small[48, 90]) == (255, 0, 0)


def test_squash_is_lanczos_then_rgb() -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40), dtype=np.uint8))
    expected = grey.resize((96, 96), Image.Resampling.LANCZOS).convert("RGB")
    assert np.array_equal(np.asarray(squash(grey, 96)), np.asarray(expected))


def test_squash_interpolates_the_colours_of_a_palette_and_not_its_indices() -> None:
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8))
    palette = colours.quantize(16)
    assert np.array_equal(np.asarray(squash(palette, 24)), np.asarray(squash(palette.convert("RGB"), 24)))


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_each_preprocessing_gives_the_models_input(loaded: LoadedModel, name: str) -> None:
    made = transform(loaded, name)(Image.new("RGB", (200, 120), (255, 128, 0)))
    assert tuple(made.shape) == (3, loaded.image_size, loaded.image_size)
    expected = (np.array([1.0, 128 / 255, 0.0]) - loaded.mean) / loaded.std
    assert np.allclose(made[:, 40, 40].numpy(), expected, atol=1e-5)


def test_the_two_preprocessings_differ(loaded: LoadedModel, pictures: dict[str, Path]) -> None:
    image = Image.open(next(iter(pictures.values())))
    assert not np.allclose(transform(loaded, SQUASH)(image), transform(loaded, MODEL)(image))


def test_unknown_preprocessing(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as caught:
        transform(loaded, "crop")
    assert str(caught.value) == "there is no preprocessing 'crop'; use squash or model"


def test_missing_image(tmp_path: Path) -> None:
    path = tmp_path / "none.png"
    with pytest.raises(UserError) as caught:
        open_image(path)
    assert str(caught.value) == (
        f"cannot read the image {path} (No such file or directory); build the stimuli again"
    )


def test_damaged_image(tmp_path: Path, pictures: dict[str, Path]) -> None:
    path = tmp_path / "half.png"
    whole = next(iter(pictures.values())).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError) as caught:
        open_image(path, sha256_of_file(path))
    assert str(caught.value) == f"the image {path} is broken or cut short; replace or remove it"


def test_a_bomb_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (10_000, 10_000)).save(path)
    with pytest.raises(UserError) as caught:
        open_image(path)
    assert str(caught.value) == (
        f"the image {path} has more than 89478485 pixels, too many to decode safely; make it smaller"
    )


def test_changed_image(pictures: dict[str, Path]) -> None:
    path = next(iter(pictures.values()))
    with pytest.raises(UserError) as caught:
        open_image(path, "0" * 64)
    assert str(caught.value) == (
        f"the image {path} is not the one that the manifest lists; build the stimuli again"
    )
