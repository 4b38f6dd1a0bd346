"""``manage.py stimuli attack`` and ``stimuli dream`` on the demo's pictures and the embedded model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from commands.stimuli_attack import attack
from commands.stimuli_dream import _dream_line, dream
from manage import cli
from scoring.activations.demo_model import WEIGHTS_FILE
from scoring.activations.extract import activations
from scoring.activations.model import LoadedModel, load_model
from scoring.activations.preprocess import transform
from stimuli.errors import UserError
from stimuli.files import sha256_of_file
from stimuli.manifest import Stimulus, read_manifest
from stimuli.merge import merge

pytestmark = [pytest.mark.model, pytest.mark.slow]

CONCEPTS, EACH = ("dog", "fire", "key", "sailboat"), 3
ROOT = Path(__file__).resolve().parents[2]
LAYER = "visual.layer4.0.act3"


def run(command: click.Command, *arguments: object) -> dict[str, Any]:
    """Run a command in this process and give its JSON object; its UserError is raised."""
    words = [*map(str, arguments), "--quiet", "--json"]
    done = CliRunner().invoke(command, words, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def error_of(command: click.Command, *arguments: object) -> str:
    with pytest.raises(UserError) as caught:
        run(command, *arguments)
    return str(caught.value)


def pixels(folder: Path, row: Stimulus) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    with Image.open(folder / row.image) as picture:
        return np.asarray(picture, np.int64)


@pytest.fixture(scope="module")
def demo_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    words = ["stimuli", "demo-pictures", "--out", str(folder), "--quiet"]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.exception is None, done.exception
    return folder


@pytest.fixture(scope="module")
def build(demo_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clean and blurred stimuli of four concepts the model knows, and of one that it has no word for."""
    folder = tmp_path_factory.mktemp("build")
    for concept in (*CONCEPTS, "coffee"):
        (folder / "pictures" / concept).mkdir(parents=True)
        for picture in sorted((demo_pictures / concept).iterdir())[:EACH]:
            shutil.copy(picture, folder / "pictures" / concept)
    conditions = folder / "conditions.toml"
    conditions.write_text('size = 96\n[[condition]]\nperturbation = "gaussian_blur"\nseverity = 2\n')
    words = ["stimuli", "build", str(folder / "pictures"), "--out", str(folder / "out")]
    done = CliRunner().invoke(
        cli, [*words, "--conditions", str(conditions), "--quiet"], standalone_mode=False
    )
    assert done.exception is None, done.exception
    return folder / "out"


@pytest.fixture(scope="module")
def attacked(build: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("attacked") / "out"
    return out, run(attack, build, "--out", out, "--epsilon", 2, "--epsilon", 16, "--steps", 10)


# Attacks


def test_an_attacked_build_holds_the_clean_rows_as_they_were(
    build: Path, attacked: tuple[Path, dict[str, Any]]
) -> None:
    out, summary = attacked
    rows, before = read_manifest(out), {row.stimulus: row for row in read_manifest(build)}
    clean = [row for row in rows if row.condition == "clean"]
    assert len(rows) == summary["stimuli"] == 3 * len(clean) == 3 * EACH * len(CONCEPTS)
    assert all(row == before[row.stimulus] for row in clean)
    assert all(sha256_of_file(out / row.image) == row.image_sha256 for row in rows)
    masks = [path.name for path in sorted((build / "masks").iterdir())]
    assert [path.name for path in sorted((out / "masks").iterdir())] == masks
    assert "coffee: the embedded model does not know the word" in summary["left_out"][0]


def test_attacked_stimuli_stay_within_epsilon_and_say_how_they_were_made(
    build: Path, attacked: tuple[Path, dict[str, Any]]
) -> None:
    out, summary = attacked
    rows = read_manifest(out)
    clean = {row.source: row for row in rows if row.condition == "clean"}
    for row in rows:
        if row.condition == "clean":
            continue
        original = clean[row.source]
        assert np.abs(pixels(out, row) - pixels(build, original)).max() == row.severity
        known = json.loads(row.parameters)
        assert (row.perturbation, row.condition) == ("pgd", f"pgd-{row.severity:g}")
        assert (known["method"], known["epsilon"], known["steps"]) == ("pgd", row.severity, 10)
        assert known["clean_stimulus"] == original.stimulus
        assert known["weights_sha256"] == summary["weights_sha256"]
        assert known["differentiable_preprocess"].startswith("antialiased lanczos to 96 x 96")
        assert known["probability"] < known["probability_clean"]
        assert row.psnr_db > 20
        assert (row.concept, row.cluster, row.licence) == (
            original.concept,
            original.cluster,
            original.licence,
        )
    record = json.loads((out / "build.json").read_text())
    assert (record["kind"], record["conditions"]) == ("attack", ["pgd-2", "pgd-16"])
    assert len(record["inputs_sha256"]) == 64


def test_the_model_is_fooled_and_noise_does_not_fool_it(attacked: tuple[Path, dict[str, Any]]) -> None:
    small, large = attacked[1]["attacks"]
    assert large["fooled"] == 1
    assert small["fooled"] < 1
    assert large["fooled_by_noise"] < 0.3
    assert large["fooled_by_noise_n"] == large["fooled_n"] > 9
    assert large["probability_attacked"] < small["probability_attacked"] < small["probability_clean"]
    assert large["probability_attacked_high"] < large["probability_noise_low"]


def test_an_attack_is_the_same_again_and_merges_with_its_build(
    build: Path, attacked: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, _ = attacked
    run(attack, build, "--out", tmp_path / "out", "--epsilon", 2, "--epsilon", 16, "--steps", 10)
    for name in ("manifest.csv", "build.json"):
        assert (out / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    rows = merge([build, out], tmp_path / "both")
    assert len(rows) == len(read_manifest(build)) + 2 * EACH * len(CONCEPTS)


def test_a_target_is_what_the_model_sees_and_fgsm_takes_one_step(build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(
        attack, build, "--out", out, "--method", "fgsm", "--epsilon", 8, "--target", "Key",
        "--concept", "key", "--concept", "dog", "--concept", "fire", "--preprocess", "model",
    )  # fmt: skip
    rows = read_manifest(out)
    assert {row.concept for row in rows} == {"dog", "fire"}
    made = [json.loads(row.parameters) for row in rows if row.condition == "fgsm-8"]
    assert {(one["target"], one["steps"], one["preprocess"]) for one in made} == {("key", 1, "model")}
    (told,) = summary["attacks"]
    assert told["probability_attacked"] > told["probability_noise"]
    assert told["fooled"] == sum(one["taken_for"] == "key" for one in made) / len(made)


def test_attacks_that_cannot_be_made_are_refused(build: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert error_of(attack, build, "--out", tmp_path, "--epsilon", 2) == (
        f"{tmp_path} is not empty; name another folder, or add --force to replace a build in it"
    )
    assert error_of(attack, build, "--out", tmp_path, "--epsilon", 2, "--force") == (
        f"{tmp_path} holds no attack that --force may replace; name another folder or an empty one"
    )
    out = tmp_path / "out"
    assert error_of(attack, tmp_path / "no", "--out", out, "--epsilon", 2) == (
        f"there is no manifest at {tmp_path / 'no'}; name a folder that `stimuli build` made"
    )
    assert error_of(attack, build, "--out", out, "--epsilon", 2, "--target", "cat") == (
        "the target 'cat' is none of coffee, dog, fire, key, sailboat; name one of them"
    )
    for wrong in (("--target", "coffee"), ("--concept", "coffee", "--concept", "dog")):
        said = error_of(attack, build, "--out", out, "--epsilon", 2, *wrong)
        assert said.startswith("interpscore-demo has no words for coffee; it knows ")
        assert said.endswith("; name others, or another model by --model and --pretrained")
    assert error_of(attack, build, "--out", out, "--epsilon", 2, "--concept", "dog") == (
        "a picture is taken for one of several concepts; give at least two of them"
    )
    assert error_of(attack, build, "--out", out, "--epsilon", 2, "--concept", "cat") == (
        f"{build} has no clean stimulus of 'cat'; it has coffee, dog, fire, key, sailboat"
    )
    assert error_of(attack, build, "--out", build, "--epsilon", 2, "--force") == (
        f"the output {build} lies in {build}, which it is made from; name another folder"
    )
    damaged = shutil.copytree(build, tmp_path / "damaged")
    row = next(row for row in read_manifest(damaged) if row.concept == "dog" and row.condition == "clean")
    (damaged / row.image).write_bytes(b"")
    assert error_of(attack, damaged, "--out", out, "--epsilon", 2) == (
        f"the image {damaged / row.image} is not the one that the manifest lists; build the stimuli again"
    )


def test_concepts_without_words_are_named(build: Path, tmp_path: Path) -> None:
    unknown = shutil.copytree(build, tmp_path / "unknown")
    table = unknown / "manifest.csv"
    text = table.read_text()
    for concept in CONCEPTS:
        text = text.replace(f",{concept},", f",{concept}qx,")
    table.write_text(text)
    (unknown / "manifest.parquet").unlink()
    said = error_of(attack, unknown, "--out", tmp_path / "out", "--epsilon", 2)
    assert said.startswith(
        "interpscore-demo has words for none of the concepts coffee, dogqx, fireqx, keyqx, sailboatqx; "
        "it knows "
    )
    assert "dog" in said.partition("it knows")[2]


def test_options_that_would_be_ignored_are_refused(build: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    for wrong in (("--steps", 3), ("--step-size", 1)):
        with pytest.raises(click.UsageError, match="is for --method pgd; fgsm takes one step"):
            run(attack, build, *out, "--epsilon", 2, "--method", "fgsm", *wrong)
    with pytest.raises(click.UsageError, match="Every --unit names its layer"):
        run(dream, "--unit", f"{LAYER}:1", "--layer", LAYER, *out)
    with pytest.raises(click.BadParameter, match="whole grey levels of 255"):
        run(attack, build, *out, "--epsilon", "0.5")


def test_what_needs_no_model_is_refused_before_torch_is_loaded(build: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    full, out = str(tmp_path / "full"), str(tmp_path / "out")
    attack_it = ["attack", "--epsilon", "2"]
    wrong = (
        [*attack_it, full, "--out", out],
        [*attack_it, str(build), "--out", full],
        [*attack_it, str(build), "--out", out, "--target", "cat"],
        [*attack_it, str(build), "--out", out, "--concept", "cat"],
        [*attack_it, str(build), "--out", out, "--checkpoint", full],
        ["dream", "--out", full, "--unit", "1"],
        ["dream", "--out", out, "--unit", "x"],
        ["dream", "--out", out, "--units", f"{full}/no.json"],
        ["dream", "--out", out, "--unit", "1", "--pictures", f"{full}/no"],
        ["dream", "--out", out, "--unit", "1", "--checkpoint", full],
    )
    program = (
        "import json, sys\nfrom manage import cli\nfrom stimuli.errors import UserError\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    try:\n        cli(['stimuli', *words], standalone_mode=False)\n"
        "    except UserError:\n        assert 'torch' not in sys.modules, words\n"
        "    else:\n        raise AssertionError(words)\n"
    )
    subprocess.run([sys.executable, "-c", program, json.dumps(wrong)], check=True, cwd=ROOT)


def test_one_unit_is_counted_and_has_no_interval() -> None:
    row = {"start": "grey", "sign": 1, "share": 1.0, "share_low": 0.2, "share_high": 1.0, "n": 1}
    told = dict(row, median_ratio=2.5)
    assert _dream_line(told) == (
        "  grey, positive: 1 of 1 units beat their best natural picture, "
        "activation 2.50 times as high (median)"
    )
    many = dict(row, share=0.8, share_low=0.38, share_high=0.96, n=5, median_ratio=None)
    assert _dream_line(many) == (
        "  grey, positive: 4 of 5 units beat their best natural picture (80% [38%, 96%])"
    )


# Dreams


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model(device="cpu")


SOME = ("--unit", f"{LAYER}:7", "--unit", "visual.layer2.0.act3:3", "--starts", "grey,perlin")
QUICK = ("--sign", "both", "--steps", 30, "--size", 96)


@pytest.fixture(scope="module")
def dreamt(build: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("dreamt") / "out"
    return out, run(dream, *SOME, *QUICK, "--pictures", build, "--out", out)


def test_a_dream_is_a_stimulus_with_all_that_made_it(
    dreamt: tuple[Path, dict[str, Any]], loaded: LoadedModel
) -> None:
    out, summary = dreamt
    rows = read_manifest(out)
    assert len(rows) == summary["dreams"] == 8
    assert {row.condition for row in rows} == {"dream-30", "dream_negative-30"}
    assert {(row.replicate, json.loads(row.parameters)["start"]) for row in rows} == {
        (1, "grey"),
        (2, "perlin"),
    }
    for row in rows:
        known = json.loads(row.parameters)
        assert row.concept == f"unit {known['layer']} {known['channel']}"
        assert row.cluster == row.source_path == f"{known['layer']}:{known['channel']}"
        assert known["weights_sha256"] == summary["weights_sha256"]
        assert np.isnan(row.psnr_db)
        assert np.isnan(row.ssim)
        with Image.open(out / row.image) as picture:
            batch = transform(loaded, "squash")(picture)[None]
        told = activations(loaded, batch, known["layer"])[0, known["channel"]]
        assert known["activation"] == pytest.approx(told, abs=1e-5)
        assert known["best_natural_activation"] >= 0
    assert len(list((out / "masks").iterdir())) == 16
    page = (out / "dreams.html").read_text()
    assert "<h2>visual.layer2.0.act3:3</h2>" in page
    assert (page.count("<section"), page.count('<ul class="strip">'), page.count("<img ")) == (2, 4, 8)
    assert all((out / image).is_file() for image in re.findall(r'<img src="([^"]+)"', page))
    with Image.open(out / "dreams.png") as sheet:
        assert min(sheet.size) > 200


def test_up_is_up_and_down_is_down(dreamt: tuple[Path, dict[str, Any]]) -> None:
    each = {(one["unit"], one["start"], one["sign"]): one["activation"] for one in dreamt[1]["each"]}
    for unit, start, sign in each:
        if sign > 0:
            assert each[unit, start, 1] > 2 * each[unit, start, -1]


def test_dreams_are_the_same_again(build: Path, dreamt: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    run(dream, *SOME, *QUICK, "--pictures", build, "--out", tmp_path / "out")
    for name in ("manifest.csv", "build.json", "dreams.png", "dreams.html"):
        assert (dreamt[0] / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_another_models_dream_is_another_stimulus(
    dreamt: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    with safe_open(WEIGHTS_FILE, framework="pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    state["visual.conv1.weight"] = state["visual.conv1.weight"] * 1.5
    save_file(state, tmp_path / "other.safetensors", metadata=metadata)
    run(dream, *SOME, *QUICK, "--checkpoint", tmp_path / "other.safetensors", "--out", tmp_path / "out")
    before, after = read_manifest(dreamt[0]), read_manifest(tmp_path / "out")
    assert not {row.stimulus for row in before} & {row.stimulus for row in after}
    assert not {row.source for row in before} & {row.source for row in after}


def test_a_neuron_map_gives_the_concepts(tmp_path: Path) -> None:
    neurons = tmp_path / "map.json"
    neurons.write_text('{"3": "Key", "5": "dog"}')
    out = tmp_path / "out"
    summary = run(dream, "--units", neurons, "--out", out, "--steps", 2, "--size", 64, "--batch", 1)
    assert [(row.concept, row.cluster) for row in read_manifest(out)] == [
        ("key", f"{LAYER}:3"),
        ("dog", f"{LAYER}:5"),
    ]
    assert [one["best_natural"] for one in summary["each"]] == [None, None]
    assert summary["beat_best_natural"][0]["share"] is None


def test_dreams_that_cannot_be_made_are_refused(build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert error_of(dream, "--unit", "512", "--out", out) == (
        f"the layer {LAYER} has units 0 to 511, not 512; name another"
    )
    assert error_of(dream, "--unit", "act3:x", "--out", out) == (
        "'act3:x' is no unit; write LAYER:CHANNEL, as visual.layer4.0.act3:89, or CHANNEL"
    )
    assert "the model has no layer 'act3'" in error_of(dream, "--unit", "act3:1", "--out", out)
    for wrong, message in (
        (("--unit", "1", "--most-selective", "2"), "Give one of --units, --unit and --most-selective."),
        ((), "Give one of --units, --unit and --most-selective."),
        (("--most-selective", "2"), "--most-selective chooses on pictures; give them with --pictures."),
    ):
        with pytest.raises(click.UsageError) as caught:
            run(dream, *wrong, "--out", out)
        assert caught.value.message == message
    with pytest.raises(click.BadParameter, match="'green' is no start"):
        run(dream, "--unit", "1", "--starts", "grey,green", "--out", out)
    (out / "mine").mkdir(parents=True)
    assert "is not empty" in error_of(dream, "--unit", "1", "--out", out)


def test_a_unit_is_more_active_on_its_dream_than_on_any_picture(demo_pictures: Path, tmp_path: Path) -> None:
    """A sample of what docs/model-based-stimuli.md reports of 30 units."""
    out = tmp_path / "out"
    words = ("--pictures", demo_pictures, "--out", out, "--batch", 6)
    summary = run(dream, "--most-selective", 6, *words)
    (told,) = summary["beat_best_natural"]
    assert (told["start"], told["n"]) == ("grey", 6)
    assert told["share"] >= 0.9
    assert told["median_ratio"] > 1.5
    assert all(one["concept"] for one in summary["each"])
