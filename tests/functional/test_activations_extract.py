"""``manage.py activations`` from the command line: extract, be killed, go on, choose."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from manage import cli
from scoring.activations.store import ActivationStore
from stimuli.errors import UserError
from stimuli.manifest import read_manifest

pytestmark = [pytest.mark.model, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CONCEPTS = {"red thing": (220, 30, 30), "green thing": (30, 200, 40), "blue thing": (30, 40, 220)}
HANDS = ("first", "second")
EACH = 4


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *(str(argument) for argument in arguments)]


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
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stimuli of three coloured things in two hands, clean and in two conditions."""
    folder = tmp_path_factory.mktemp("stimuli")
    rng = np.random.default_rng(0)
    lines = ["path,cluster,licence,credit,credit_url"]
    for concept, colour in CONCEPTS.items():
        for number in range(EACH * len(HANDS)):
            name = f"{concept.replace(' ', '_')}/{number}.png"
            (folder / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
            image = rng.integers(90, 110, (80, 80, 3), dtype=np.uint8)
            left = int(rng.integers(10, 40))
            image[20:60, left : left + 30] = colour
            Image.fromarray(image).save(folder / "pictures" / name)
            lines.append(f"{name},{HANDS[number % 2]},CC0-1.0,nobody,")
    (folder / "pictures" / "sources.csv").write_text("\n".join(lines) + "\n")
    conditions = folder / "conditions.toml"
    conditions.write_text(
        'size = 80\n[[condition]]\nperturbation = "gaussian_blur"\nseverity = [1, 3]\n', encoding="utf-8"
    )
    run(
        "stimuli",
        "build",
        folder / "pictures",
        "--out",
        folder / "out",
        "--conditions",
        conditions,
        "--quiet",
    )
    return folder / "out"


def images(manifest: Path) -> list[str]:
    return [row.image_sha256 for row in read_manifest(manifest)]


def test_extract_says_what_it_did_and_does_nothing_twice(manifest: Path, tmp_path: Path) -> None:
    store, count = tmp_path / "a.zarr", len(CONCEPTS) * EACH * len(HANDS) * 3
    first = run("activations", "extract", manifest, "--out", store)
    assert first.startswith(
        f"{store}: {count} of {count} images computed, 0 there already; 512 units of visual.layer4.0.act3, "
        "squash, of interpscore-demo (embedded, sha256 "
    )
    second = run_json("activations", "extract", manifest, "--out", store)
    assert (second["computed"], second["already_there"]) == (0, count)
    assert second["model"].startswith("interpscore-demo (embedded, sha256 ")
    assert ActivationStore(store).read(images(manifest), "visual.layer4.0.act3", "squash").shape == (
        count,
        512,
    )


def test_batch_size_and_the_models_own_preprocessing(manifest: Path, tmp_path: Path) -> None:
    store = ActivationStore(tmp_path / "a.zarr")
    for preprocess in ("squash", "model"):
        run_json(
            *("activations", "extract", manifest, "--out", store.path),
            *("--preprocess", preprocess, "--batch-size", 7),
        )
    one, other = (store.read(images(manifest), preprocess=name) for name in ("squash", "model"))
    assert not np.array_equal(one, other)


def test_several_layers_in_one_go_and_what_the_store_holds(manifest: Path, tmp_path: Path) -> None:
    store, count = tmp_path / "a.zarr", len(images(manifest))
    one, other = "visual.layer2.0.act3", "visual.layer4.0.act3"
    run_json("activations", "extract", manifest, "--out", store, "--layer", one)
    both = ("--layer", one, "--layer", "image_block_4/0/Relu_2")
    done = run_json("activations", "extract", manifest, "--out", store, *both)
    assert "layer" not in done
    assert (done["images"], done["preprocess"]) == (count, "squash")
    assert done["layers"] == [
        {"layer": one, "units": 128, "computed": 0, "already_there": count},
        {"layer": other, "units": 512, "computed": count, "already_there": 0},
    ]
    held = run_json("activations", "list", store)
    assert [(each["layer"], each["images"], each["computed"], each["units"]) for each in held["series"]] == [
        (one, count, count, 128),
        (other, count, count, 512),
    ]
    label = held["series"][0]["model"]
    assert run("activations", "list", store) == (
        f"{store}: 2 series\n"
        f"  {label}: {one}, squash, float32; {count} of {count} images computed, 128 units\n"
        f"  {label}: {other}, squash, float32; {count} of {count} images computed, 512 units\n"
    )
    said = run("activations", "extract", manifest, "--out", store, *both).splitlines()
    assert said[0].startswith(
        f"{store}: 0 of {count} images computed, {count} there already; 128 units of {one}"
    )
    assert len(said) == 2


def test_listing_what_is_no_store(tmp_path: Path) -> None:
    assert error_of("activations", "list", tmp_path / "none").startswith(
        f"{tmp_path / 'none'} is no store of activations; name another folder"
    )


def test_killed_and_taken_up_again(manifest: Path, tmp_path: Path) -> None:
    whole, cut = ActivationStore(tmp_path / "whole.zarr"), ActivationStore(tmp_path / "cut.zarr")
    run_json("activations", "extract", manifest, "--out", whole.path, "--batch-size", 1)
    extract = ("activations", "extract", manifest, "--out", cut.path, "--batch-size", 1)
    process = subprocess.Popen(command(*extract, "--quiet"))
    deadline = time.monotonic() + 120
    while not list(cut.path.glob("*/activations/c/0/0")) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (series,) = cut.series()
    left = cut.missing(series, images(manifest))
    assert 0 < len(left) < len(images(manifest))
    assert run_json(*extract)["computed"] == len(left)
    assert np.array_equal(cut.read(images(manifest)), whole.read(images(manifest)))


def test_choose_writes_the_published_form(manifest: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "a.zarr", tmp_path / "neuron_map.json"
    run_json("activations", "extract", manifest, "--out", store)
    choose = ("activations", "choose", manifest, "--store", store, "--out", out)
    done = run(*choose, "--cluster", "first")
    units = json.loads(out.read_text())
    assert set(units.values()) == set(CONCEPTS)
    assert all(0 <= int(unit) < 512 for unit in units)
    assert done.startswith(
        f"{out}: chosen on clean stimuli of first; "
        "visual.layer4.0.act3 of interpscore-demo (embedded, sha256 "
    )
    again = error_of(*choose, "--cluster", "first")
    assert again == f"{out} exists already; name another output, or add --force to replace it"
    summary = run_json(*choose, "--concept", "red thing", "--concept", "blue thing", "--force")
    assert [unit["concept"] for unit in summary["units"]] == ["blue thing", "red thing"]
    assert [unit["n_concept"] for unit in summary["units"]] == [EACH * 2] * 2
    assert set(json.loads(out.read_text()).values()) == {"red thing", "blue thing"}


def test_choosing_by_the_beginning_of_the_weights_hash(manifest: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "a.zarr", tmp_path / "map.json"
    weights = run_json("activations", "extract", manifest, "--out", store)["weights_hash"]
    choose = ("activations", "choose", manifest, "--store", store, "--out", out, "--weights")
    assert run_json(*choose, weights[:6].upper())["weights_hash"] == weights
    assert error_of(*choose, "xyz", "--force").startswith(
        f"the store {store} holds no model whose weights' hash begins with 'xyz', of {weights[:12]}, "
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cluster", "third"), "the manifest has no cluster 'third'; it has first, second"),
        (
            ("--concept", "boat"),
            "the manifest has no concept 'boat'; it has blue thing, green thing, red thing",
        ),
        (
            ("--preprocess", "model"),
            "the store {store} holds no activations of preprocess model, but of {model}, layer "
            "visual.layer4.0.act3, preprocess squash; "
            "extract them with: python manage.py activations extract",
        ),
    ],
)
def test_choosing_what_is_not_there(
    manifest: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    store, out = tmp_path / "a.zarr", tmp_path / "map.json"
    model = run_json("activations", "extract", manifest, "--out", store)["model"]
    found = error_of("activations", "choose", manifest, "--store", store, "--out", out, *arguments)
    assert found == message.format(store=store, model=model)
    assert not out.exists()


def test_an_unknown_layer_is_one_line_and_leaves_no_store(manifest: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    extract = command("activations", "extract", manifest, "--out", store, "--layer", "image_block_9/0/Relu")
    done = subprocess.run(extract, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Error: the model has no layer 'image_block_9/0/Relu'; did you mean visual."
    )
    assert len(done.stderr.splitlines()) == 1
    assert not store.exists()


def test_a_folder_that_cannot_be_written_to(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = tmp_path / "file" / "a.zarr"
    assert error_of("activations", "extract", manifest, "--out", store) == (
        f"cannot write to the folder {store} (Not a directory); choose another one or change its permissions"
    )
