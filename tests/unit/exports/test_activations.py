from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from commands.export import export
from commands.report import report
from exports.activations import open_activations, read_units
from scoring.activations.store import ActivationStore, Series
from stimuli.errors import UserError

IMAGE = "0123456789abcdef" * 4
ONE, OTHER = "ab12" * 16, "ab34" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two models: unit 0 gives 1 with the one, and 2 with the other."""
    store = ActivationStore(tmp_path / "store.zarr")
    store.create()
    for value, (weights, model) in enumerate([(ONE, "the one"), (OTHER, "the other")], start=1):
        series = Series(weights, "visual.layer4.0.act3", "squash", model, "float32", 32, (0, 0, 0), (1, 1, 1))
        store.reserve(series, [IMAGE], 1)
        store.write(series, [IMAGE], np.full((1, 1), value, np.float32))
    return store.path


@pytest.mark.parametrize(("begin", "value"), [("ab12", 1.0), ("AB34", 2.0), (OTHER, 2.0)])
def test_one_of_two_models_is_read_by_its_weights(begin: str, value: float, path: Path) -> None:
    given = open_activations(path, [0], weights=begin)
    of_series = (given.layer, given.preprocess, given.units)
    assert read_units(given.store, [IMAGE], *of_series, given.weights_hash).tolist() == [[value]]
    assert given.weights_hash.startswith(begin.lower())
    assert given.weights == {1.0: "the one", 2.0: "the other"}[value]


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        ("ab", "more than one model whose weights' hash begins with 'ab'"),
        ("ff", "no model whose weights' hash begins with 'ff'"),
    ],
)
def test_a_beginning_that_does_not_choose_is_refused_with_what_there_is(
    begin: str, message: str, path: Path
) -> None:
    with pytest.raises(UserError) as error:
        open_activations(path, [0], weights=begin)
    assert str(error.value) == (
        f"the store {path} holds {message}, of ab12ab12ab12, the one; ab34ab34ab34, the other; give the "
        "first digits of one of them"
    )


def test_commands_choose_the_model_by_its_weights(path: Path, tmp_path: Path) -> None:
    neuron_map = tmp_path / "neuron_map.json"
    neuron_map.write_text('{"0": "apple"}', encoding="utf-8")
    given = ["--store", str(path), "--neuron-map", str(neuron_map), "--weights", "ff"]
    for command, out in ((export, "dataset"), (report, "report.html")):
        done = CliRunner().invoke(command, ["shapes", "--out", str(tmp_path / out), *given])
        assert isinstance(done.exception, UserError)
        assert "no model whose weights' hash begins with 'ff'" in str(done.exception)
