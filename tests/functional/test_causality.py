"""``manage.py causality`` from the command line, on coloured things and the embedded model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from manage import cli
from scoring.activations.model import load_model
from scoring.activations.suffix import embedding_change
from scoring.causal_effects import measure_effects
from stimuli.errors import UserError
from stimuli.manifest import read_manifest

pytestmark = [pytest.mark.model, pytest.mark.slow]

COLOURS = {"apple": (220, 30, 30), "key": (30, 200, 40), "dog": (30, 40, 220)}
EACH = 4


def run(*arguments: object) -> str:
    """Run a command in this process and give what it printed; its UserError is raised."""
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def run_json(*arguments: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*arguments, "--quiet", "--json"))
    return answer


def error_of(*arguments: object) -> str:
    with pytest.raises(UserError) as caught:
        run(*arguments)
    return str(caught.value)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for concept, colour in COLOURS.items():
        (folder / concept).mkdir()
        for number in range(EACH):
            image = rng.integers(90, 110, (80, 80, 3), dtype=np.uint8)
            left = int(rng.integers(10, 40))
            image[20:60, left : left + 30] = colour
            Image.fromarray(image).save(folder / concept / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def stimuli(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stimuli")
    conditions = folder / "conditions.toml"
    conditions.write_text('size = 80\n[[condition]]\nperturbation = "gaussian_blur"\nseverity = [2]\n')
    run("stimuli", "build", pictures, "--out", folder / "out", "--conditions", conditions, "--quiet")
    return folder / "out"


def test_all_units_with_patches(stimuli: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    summary = run_json("causality", stimuli, "--out", out, "--patch", "--resamples", 50)
    table = pd.read_parquet(out)
    assert (summary["rows"], summary["units"], summary["images"]) == (512 * 3, 512, EACH * 3)
    assert summary["method"] == "exact rank-one attention pool"
    assert summary["degraded_images"] == EACH * 3
    live = table[table["reason"] == ""]
    estimates = ["specific", "specific_low", "specific_high", "e_C", "dose_slope", "patch", "change_2"]
    assert live[estimates].notna().all().all()
    assert live["e_C"].between(-1, 1).all()
    assert abs(live["e_C"].mean()) < 0.05
    assert (live["specific_low"] <= live["specific_high"]).all()


def test_the_numbers_are_those_of_the_library(stimuli: Path, tmp_path: Path) -> None:
    out = tmp_path / "some.csv"
    run("causality", stimuli, "--out", out, "--units", 5, 70, "--scales", 0, 3, "--quiet")
    table = pd.read_csv(out).set_index(["unit", "concept"])
    rows = [row for row in read_manifest(stimuli) if row.condition == "clean"]
    loaded = load_model(device="cpu")
    paths = [stimuli / row.image for row in rows]
    images = [
        (row.source, row.concept, path, row.image_sha256) for row, path in zip(rows, paths, strict=True)
    ]
    effects = measure_effects(loaded, images, sorted(COLOURS))
    own = np.array([row.concept == "key" for row in rows])
    expected = effects.effect[own, 70, 2].mean() - effects.effect[~own, 70, 2].mean()
    assert effects.concepts == ("apple", "dog", "key")
    assert table.loc[(70, "key"), "specific"] == pytest.approx(expected, abs=1e-4)
    change = embedding_change(loaded, None, paths, [5], [3.0])[:, 0, 0].mean()
    assert table.loc[(5, "apple"), "change_3"] == pytest.approx(change, rel=1e-4)
    assert table.loc[(5, "apple"), "mean_activation"] == pytest.approx(effects.mean_activation[5], rel=1e-4)


def test_a_neuron_map_another_layer_and_fewer_concepts(stimuli: Path, tmp_path: Path) -> None:
    neurons, out = tmp_path / "map.json", tmp_path / "out.csv"
    neurons.write_text('{"3": "Key", "5": "dog"}')
    layer = "visual.layer2.0.act3"
    summary = run_json(
        "causality", stimuli, "--out", out, "--units", neurons, "--layer", layer, "--concept", "key",
        "--ablation", "none", "--controls", 9,
    )  # fmt: skip
    table = pd.read_csv(out).set_index("unit")
    assert summary["method"] == "batched suffix forward"
    assert table["labelled"].tolist() == [True, False]
    assert table["mean_ablation"].isna().all()
    assert (table["n_controls"] == 9).all()


def test_a_folder_by_concept_and_a_flat_one(pictures: Path, tmp_path: Path) -> None:
    by_concept, flat = tmp_path / "by.csv", tmp_path / "flat.csv"
    assert run_json("causality", pictures, "--out", by_concept, "--units", 1)["concepts"] == sorted(COLOURS)
    run("causality", pictures / "dog", "--out", flat, "--units", 1, "--quiet")
    row = pd.read_csv(flat).iloc[0]
    assert row["reason"] == "no_concepts"
    assert row["change_0"] > 0
    assert "e_C" not in row


def test_the_same_request_gives_the_same_bytes(stimuli: Path, tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        run("causality", stimuli, "--out", tmp_path / name, "--units", 1, 2, "--seed", 3, "--quiet")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_refusals(stimuli: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert error_of("causality", empty, "--out", out).startswith(f"{empty} holds no picture")
    assert error_of("causality", stimuli, "--out", out, "--units", 512) == (
        "the layer has no unit 512; its units are 0 to 511"
    )
    assert error_of("causality", stimuli, "--out", out, "--units", "five") == (
        "'five' is no unit's number; give --units all, 1 2 3, or a neuron_map.json"
    )
    assert error_of("causality", stimuli, "--out", out, "--concept", "cat") == (
        f"{stimuli} has no concept 'cat'; it has apple, dog, key"
    )
    assert error_of("causality", pictures, "--out", out, "--patch") == (
        f"--patch needs degraded stimuli, and {pictures} is no folder of `stimuli build`"
    )
    assert error_of("causality", stimuli, "--out", tmp_path / "out.json") == (
        "the table is written as CSV or Parquet; name out.json with .csv or .parquet"
    )
    neurons = tmp_path / "map.json"
    neurons.write_text('{"3": "Key", "5": "Cat"}')
    assert error_of("causality", stimuli, "--out", out, "--units", neurons) == (
        f"{stimuli} has no concept 'cat'; it has apple, dog, key"
    )
    assert error_of("causality", pictures / "dog", "--out", out, "--units", neurons) == (
        f"{pictures / 'dog'} has no concept 'key'; it has none"
    )
    with pytest.raises(click.BadParameter, match="'two' is not a number"):
        run("causality", stimuli, "--out", out, "--scales", "two")
    assert not out.exists()


@pytest.mark.parametrize(("layer", "last"), [("visual.layer4.0.act3", 511), ("visual.layer2.0.act3", 127)])
def test_a_unit_that_the_layer_lacks_is_refused_before_any_image_is_run(
    tmp_path: Path, layer: str, last: int
) -> None:
    picture = tmp_path / "broken.png"
    picture.write_bytes(b"no picture")
    arguments = ("causality", tmp_path, "--out", tmp_path / "out.csv", "--layer", layer, "--units")
    assert error_of(*arguments, 99999) == f"the layer has no unit 99999; its units are 0 to {last}"
    assert error_of(*arguments, last) == (
        f"the image {picture} is not a PNG, JPEG or WebP picture; replace or remove it"
    )


@pytest.mark.parametrize("name", ["OUT.CSV", "Out.Parquet"])
def test_the_endings_of_results_may_be_in_capitals(pictures: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    run("causality", pictures / "dog", "--out", out, "--units", 1, "--quiet")
    table = pd.read_csv(out) if name.endswith("CSV") else pd.read_parquet(out)
    assert table["unit"].tolist() == [1]


def test_a_concept_that_the_model_has_no_word_for(pictures: Path, tmp_path: Path) -> None:
    strange = tmp_path / "pictures"
    for old, new in (("apple", "zeppelin"), ("dog", "dog")):
        (strange / new).mkdir(parents=True)
        for path in (pictures / old).iterdir():
            (strange / new / path.name).write_bytes(path.read_bytes())
    message = error_of("causality", strange, "--out", tmp_path / "out.csv")
    assert message.startswith("the embedded model does not know the word 'zeppelin'")


def test_weights_that_give_nan(stimuli: Path, tmp_path: Path) -> None:
    model = load_model("RN50", device="cpu").model
    model.visual.attnpool.c_proj.bias.fill_(torch.nan)  # type: ignore[union-attr,operator]
    torch.save(model.state_dict(), tmp_path / "broken.pt")
    message = error_of(
        "causality", stimuli, "--out", tmp_path / "out.csv", "--model", "RN50",
        "--checkpoint", tmp_path / "broken.pt",
    )  # fmt: skip
    assert "broken.pt" in message


def test_units_chosen_for_concepts_matter_to_them_on_drawings_by_other_hands(tmp_path: Path) -> None:
    """The embedded model: for most concepts the unit chosen on two hands harms the logit on the others'."""
    conditions, neurons, out = tmp_path / "conditions.toml", tmp_path / "map.json", tmp_path / "out.csv"
    conditions.write_text('size = 96\n[[condition]]\nperturbation = "gaussian_blur"\nseverity = [2]\n')
    stimuli, store = tmp_path / "stimuli", tmp_path / "store.zarr"
    run("stimuli", "demo-pictures", "--out", tmp_path / "pictures", "--quiet")
    run("stimuli", "build", tmp_path / "pictures", "--out", stimuli, "--conditions", conditions, "--quiet")
    run("activations", "extract", stimuli, "--out", store, "--quiet")
    seen, unseen = (
        [word for hand in hands for word in ("--cluster", hand)]
        for hands in (("twemoji", "noto"), ("fluent-flat", "fluent-3d"))
    )
    run("activations", "choose", stimuli, "--store", store, "--out", neurons, "--quiet", *seen)
    run(
        "causality", stimuli, "--out", out, "--units", neurons, "--ablation", "mean", "--resamples", 0,
        "--quiet", *unseen,
    )  # fmt: skip
    table = pd.read_csv(out)
    labelled, mismatched = table[table["labelled"]], table[~table["labelled"]]
    assert len(labelled) == 12
    assert (labelled["e_C"] > 0).sum() > 6
    assert (labelled["mean_ablation"] > 0).sum() > 6
    assert labelled["e_C"].mean() > mismatched["e_C"].mean() + 0.2
    assert abs(mismatched["e_C"].mean()) < 0.1
