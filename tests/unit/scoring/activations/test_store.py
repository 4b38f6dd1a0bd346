from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from scoring.activations.store import CHUNK_ROWS, ActivationStore, Series
from stimuli.errors import UserError

SERIES = Series(
    "ab" * 32, "visual.layer4.0.act3", "squash", "a model", "float32", 96, (0.5,) * 3, (0.25,) * 3
)
UNITS = 4


def hashes(count: int, start: int = 0) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(start, start + count)]


def values(count: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((count, UNITS), dtype=np.float32)


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    made = ActivationStore(tmp_path / "a.zarr")
    made.create()
    return made


def filled(store: ActivationStore, series: Series, names: list[str], seed: int = 0) -> None:
    store.reserve(series, names, UNITS)
    store.write(series, names, values(len(names), seed))


def test_reads_in_the_order_asked_for(store: ActivationStore) -> None:
    names = hashes(CHUNK_ROWS + 9)
    filled(store, SERIES, names)
    order = [names[70], names[0], names[70], names[33]]
    read = store.read(order, SERIES.layer, SERIES.preprocess, SERIES.weights_hash)
    assert read.dtype == np.float32
    assert np.array_equal(read, values(len(names))[[70, 0, 70, 33]])


def test_the_published_name_of_the_layer_reads_too(store: ActivationStore) -> None:
    series = replace(SERIES, layer="visual.layer4.5.act3")
    filled(store, series, hashes(2))
    assert store.read(hashes(2), "image_block_4/5/Relu_2").shape == (2, UNITS)


def test_rows_set_aside_are_missing_until_written(store: ActivationStore) -> None:
    names = hashes(10)
    store.reserve(SERIES, names, UNITS)
    store.write(SERIES, names[4:6], values(2))
    assert store.missing(SERIES, names) == names[:4] + names[6:]
    with pytest.raises(UserError) as caught:
        store.read(names)
    assert str(caught.value) == (
        f"the store {store.path} lacks 8 of 10 images, the first with SHA-256 {names[0]}; "
        "extract them with: python manage.py activations extract"
    )


def test_adding_images_keeps_the_earlier_ones(store: ActivationStore) -> None:
    filled(store, SERIES, hashes(5))
    more = hashes(5, start=3)
    store.reserve(SERIES, more, UNITS)
    assert store.missing(SERIES, more) == more[2:]
    store.write(SERIES, more[2:], values(3, seed=1))
    assert np.array_equal(store.read(hashes(5)), values(5))
    assert np.array_equal(store.read(more[2:]), values(3, seed=1))


def test_an_image_set_aside_twice_has_one_row(store: ActivationStore) -> None:
    name = hashes(1)[0]
    store.reserve(SERIES, [name, name], UNITS)
    assert store.missing(SERIES, [name, name]) == [name]


def test_a_reservation_that_was_cut_short_does_no_harm(store: ActivationStore) -> None:
    filled(store, SERIES, hashes(3))
    for array, shape in (("activations", (50, UNITS)), ("image_sha256", (7, 32))):
        zarr.open_array(store.path, path=f"{SERIES.key}/{array}", mode="r+").resize(shape)
    filled(store, SERIES, hashes(6), seed=2)
    assert np.array_equal(store.read(hashes(6)), values(6, seed=2))


def test_a_series_that_was_cut_short_is_made_again(store: ActivationStore) -> None:
    root = zarr.open_group(store.path, mode="r+")
    root.create_group(SERIES.key).create_array("image_sha256", shape=(0, 32), dtype="uint8")
    assert store.series() == []
    filled(store, SERIES, hashes(2))
    assert store.series() == [SERIES]


def test_other_preprocessing_is_kept_apart(store: ActivationStore) -> None:
    other = replace(SERIES, preprocess="model")
    filled(store, SERIES, hashes(2), seed=0)
    filled(store, other, hashes(2), seed=1)
    assert np.array_equal(store.read(hashes(2), preprocess="squash"), values(2, seed=0))
    assert np.array_equal(store.read(hashes(2), preprocess="model"), values(2, seed=1))


def test_asking_for_a_preprocessing_that_is_not_there(store: ActivationStore) -> None:
    filled(store, SERIES, hashes(2))
    with pytest.raises(UserError) as caught:
        store.read(hashes(2), preprocess="model")
    assert str(caught.value) == (
        f"the store {store.path} holds no activations of preprocess model, but of a model, layer "
        "visual.layer4.0.act3, preprocess squash; extract them with: python manage.py activations extract"
    )


def test_asking_an_empty_store(store: ActivationStore) -> None:
    with pytest.raises(UserError) as caught:
        store.read(hashes(1))
    assert str(caught.value) == (
        f"the store {store.path} holds no activations of any image, but of nothing; "
        "extract them with: python manage.py activations extract"
    )


def test_asking_without_saying_which(store: ActivationStore) -> None:
    for preprocess in ("squash", "model"):
        filled(store, replace(SERIES, preprocess=preprocess), hashes(1))
    with pytest.raises(UserError) as caught:
        store.read(hashes(1))
    assert str(caught.value) == (
        f"the store {store.path} holds more than one series (a model, layer visual.layer4.0.act3, "
        "preprocess model; a model, layer visual.layer4.0.act3, preprocess squash); name the one to read "
        "with --layer, and with --preprocess or its weights if there are several of that layer"
    )


@pytest.mark.parametrize(("begin", "whole"), [("ab1", "ab12" * 16), ("AB34", "ab34" * 16)])
def test_a_model_is_found_by_the_beginning_of_its_hash(
    store: ActivationStore, begin: str, whole: str
) -> None:
    for weights in ("ab12" * 16, "ab34" * 16):
        for layer in ("visual.layer3.0.act3", "visual.layer4.0.act3"):
            filled(store, replace(SERIES, weights_hash=weights, layer=layer), hashes(1))
    assert store.whole_hash(begin) == whole


def test_a_beginning_that_fits_no_model_or_several(store: ActivationStore) -> None:
    with pytest.raises(UserError) as caught:
        store.whole_hash("ab")
    assert str(caught.value) == (
        f"the store {store.path} holds no model whose weights' hash begins with 'ab', of none; "
        "give the first digits of one of them"
    )
    for weights in ("ab12" * 16, "ab34" * 16):
        filled(store, replace(SERIES, weights_hash=weights), hashes(1))
    with pytest.raises(UserError) as caught:
        store.whole_hash("ab")
    assert str(caught.value) == (
        f"the store {store.path} holds more than one model whose weights' hash begins with 'ab', of "
        "ab12ab12ab12, a model; ab34ab34ab34, a model; give the first digits of one of them"
    )


def test_sizes_count_what_is_computed(store: ActivationStore) -> None:
    filled(store, SERIES, hashes(3))
    store.reserve(SERIES, hashes(5), UNITS)
    assert store.sizes(SERIES) == (5, 3, UNITS)


def test_a_writer_writes_what_was_set_aside_before(store: ActivationStore) -> None:
    store.reserve(SERIES, hashes(5), UNITS)
    writer = store.writer(SERIES)
    writer.write(hashes(2, start=3)[::-1], values(2))
    writer.write(hashes(3), values(3, seed=1))
    expected = np.concatenate([values(3, seed=1), values(2)[::-1]])
    assert np.array_equal(store.read(hashes(5)), expected)


def test_one_key_made_in_another_precision(store: ActivationStore) -> None:
    filled(store, SERIES, hashes(1))
    with pytest.raises(UserError) as caught:
        store.reserve(replace(SERIES, dtype="bfloat16"), hashes(2), UNITS)
    assert str(caught.value) == (
        f"the store {store.path} holds {SERIES.key} made with another dtype; "
        "use the same settings, or another store with --out"
    )


def test_values_that_are_not_finite(store: ActivationStore) -> None:
    store.reserve(SERIES, hashes(1), UNITS)
    with pytest.raises(UserError) as caught:
        store.write(SERIES, hashes(1), np.full((1, UNITS), np.nan, np.float32))
    assert str(caught.value) == (
        "a model gives values that are not finite at visual.layer4.0.act3; its weights are damaged"
    )


def test_two_writers_at_once(store: ActivationStore) -> None:
    with store.writing(), pytest.raises(UserError) as caught, ActivationStore(store.path).writing():
        pass
    assert str(caught.value) == (
        f"another process is writing to the store {store.path}; wait until it has ended"
    )


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError) as caught:
        ActivationStore(tmp_path).create()
    assert str(caught.value) == (
        f"{tmp_path} is no store of activations; name another folder, or one that is not there yet "
        "to make one with: python manage.py activations extract"
    )
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_zarr_group_of_something_else(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=3)
    with pytest.raises(UserError) as caught:
        ActivationStore(tmp_path / "other.zarr").series()
    assert str(caught.value) == (
        f"{tmp_path / 'other.zarr'} is no store of activations in format 1; name another folder"
    )


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        ActivationStore(tmp_path / "none.zarr").read(hashes(1))
    assert str(caught.value) == (
        f"{tmp_path / 'none.zarr'} is no store of activations; name another folder, or one that is not there "
        "yet to make one with: python manage.py activations extract"
    )
    assert not (tmp_path / "none.zarr").exists()
