from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from scoring.activations.extract import Batch, activations, decoded, describe, extract
from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import SQUASH, transform
from scoring.activations.store import ActivationStore
from stimuli.errors import UserError

pytestmark = pytest.mark.model


def test_stores_what_the_model_gives(loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path) -> None:
    store = ActivationStore(tmp_path / "a.zarr")
    done = extract(pictures, loaded, None, SQUASH, store, batch_size=2)
    assert (done.images, done.computed, done.already_there, done.units) == (5, 5, 0, 512)
    names = list(pictures)[::-1]
    ((_, whole),) = decoded(pictures, names, transform(loaded, SQUASH), 5)
    read = store.read(names, "visual.layer4.0.act3", SQUASH, loaded.weights_hash)
    assert np.allclose(read, activations(loaded, whole), atol=1e-5)


def test_a_second_run_computes_nothing(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store = ActivationStore(tmp_path / "a.zarr")
    extract(pictures, loaded, None, SQUASH, store)
    before = store.read(list(pictures))
    done = extract(pictures, loaded, None, SQUASH, store)
    assert (done.computed, done.already_there) == (0, 5)
    assert np.array_equal(store.read(list(pictures)), before)


def test_a_run_that_was_stopped_goes_on(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store = ActivationStore(tmp_path / "a.zarr")

    def stopped(batches: Iterable[Batch], total: int) -> Iterable[Batch]:
        assert total == 3
        for number, batch in enumerate(batches):
            if number == 1:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        extract(pictures, loaded, None, SQUASH, store, batch_size=2, track=stopped)
    done = extract(pictures, loaded, None, SQUASH, store, batch_size=2)
    assert (done.computed, done.already_there) == (3, 2)
    assert store.missing(done.series, list(pictures)) == []


def test_the_series_says_how_it_was_made(loaded: LoadedModel) -> None:
    series = describe(loaded, None, "model")
    assert (series.layer, series.preprocess, series.model) == ("visual.layer4.0.act3", "model", loaded.label)
    assert (series.dtype, series.input_size) == ("float32", loaded.image_size)


def test_a_damaged_image_keeps_the_others(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store, last = ActivationStore(tmp_path / "a.zarr"), list(pictures)[-1]
    pictures[last].write_bytes(b"no picture")
    with pytest.raises(UserError) as caught:
        extract(pictures, loaded, None, SQUASH, store, batch_size=2)
    assert str(caught.value) == (
        f"the image {pictures[last]} is not the one that the manifest lists; build the stimuli again"
    )
    assert store.missing(describe(loaded, None, SQUASH), list(pictures)) == [last]
