from __future__ import annotations

import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors import safe_open
from safetensors.torch import save_file

from scoring.activations import demo_model
from scoring.activations.model import (
    LoadedModel,
    _cache_only_if_out_of_reach,
    load_model,
    text_embeddings,
    weights_hash,
)
from stimuli.errors import UserError

pytestmark = pytest.mark.model

TINY = "RN50"


@pytest.fixture(scope="module")
def random_rn50() -> LoadedModel:
    return load_model(TINY, device="cpu", seed=3)


def test_the_embedded_model_says_what_it_is(loaded: LoadedModel) -> None:
    assert loaded.label == f"interpscore-demo (embedded, sha256 {loaded.weights_hash[:12]})"
    assert (loaded.name, loaded.pretrained, loaded.dtype) == ("demo", None, torch.float32)


def test_random_weights_say_so_and_follow_their_own_seed(random_rn50: LoadedModel) -> None:
    assert random_rn50.label == (f"RN50 with random weights (seed 3, sha256 {random_rn50.weights_hash[:12]})")
    before = torch.random.get_rng_state()
    assert load_model(TINY, device="cpu", seed=3).weights_hash == random_rn50.weights_hash
    assert load_model(TINY, device="cpu", seed=4).weights_hash != random_rn50.weights_hash
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "wrapped.pth"])
def test_checkpoints_give_back_the_weights(random_rn50: LoadedModel, tmp_path: Path, name: str) -> None:
    state, path = random_rn50.model.state_dict(), tmp_path / name
    if name == "w.safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    elif name == "w.pt":
        torch.save(state, path)
    else:
        torch.save({"epoch": 1, "state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    again = load_model(TINY, device="cpu", checkpoint=path)
    assert again.weights_hash == random_rn50.weights_hash
    assert again.label == f"RN50 (from {name}, sha256 {again.weights_hash[:12]})"


def test_a_checkpoint_of_another_architecture(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"visual.conv1.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(UserError) as caught:
        load_model(TINY, checkpoint=path)
    assert str(caught.value) == (
        f"the weights in {path} do not fit the model; name the architecture they were made for with --model"
    )


class Payload:
    """Something that only a pickle could bring back."""


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"state_dict": Payload()}, path)
    with pytest.raises(UserError) as caught:
        load_model(TINY, checkpoint=path)
    assert str(caught.value) == (
        f"{path} is damaged or holds more than plain tensors, and InterpScore never unpickles; "
        "save its state dict as safetensors"
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive.pt"
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(path))  # type: ignore[no-untyped-call]
    with pytest.raises(UserError, match="save its state dict as safetensors"):
        load_model(TINY, checkpoint=path)


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(b"\x10\x00")
    with pytest.raises(UserError) as caught:
        load_model(TINY, checkpoint=path)
    assert str(caught.value) == (
        f"{path} is damaged or holds more than plain tensors, and InterpScore never unpickles; "
        "save its state dict as safetensors"
    )


def test_a_checkpoint_without_tensors(tmp_path: Path) -> None:
    path = tmp_path / "empty.pt"
    torch.save({"epoch": 3}, path)
    with pytest.raises(UserError) as caught:
        load_model(TINY, checkpoint=path)
    assert str(caught.value) == (f"{path} holds no state dict; save the model's state_dict() as safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_checkpoint_of_values_that_are_not_finite(
    random_rn50: LoadedModel, tmp_path: Path, value: float
) -> None:
    path, state = tmp_path / "bad.safetensors", dict(random_rn50.model.state_dict())
    key = "visual.layer1.0.conv2.weight"
    state[key] = state[key].clone()
    state[key][0, 0, 0, 0] = value
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    with pytest.raises(UserError) as caught:
        load_model(TINY, device="cpu", checkpoint=path)
    assert str(caught.value) == (
        f"the weights in {path} are damaged: {key} holds values that are not finite; use another checkpoint"
    )


def test_a_checkpoint_of_the_embedded_model_that_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    with safe_open(demo_model.WEIGHTS_FILE, framework="pt") as file:
        state, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    state["visual.conv1.weight"].fill_(float("nan"))
    save_file(state, path, metadata)
    with pytest.raises(UserError) as caught:
        load_model(device="cpu", checkpoint=path)
    assert str(caught.value) == (
        f"the weights in {path} are damaged: visual.conv1.weight holds values that are not finite; "
        "use another checkpoint"
    )


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    with pytest.raises(UserError) as caught:
        load_model(TINY, checkpoint=path)
    assert str(caught.value) == (
        f"{path} is no checkpoint that can be read; use .safetensors or .pt, .pth, .bin, .ckpt"
    )


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.pt"
    with pytest.raises(UserError) as caught:
        load_model(TINY, checkpoint=path)
    assert str(caught.value).startswith(f"cannot read the checkpoint {path} (")
    assert str(caught.value).endswith("; check the path")


def test_unknown_model() -> None:
    with pytest.raises(UserError) as caught:
        load_model("RN50x5")
    assert str(caught.value).startswith("there is no model 'RN50x5'; did you mean RN50x4 or ")


def test_unknown_tag() -> None:
    with pytest.raises(UserError) as caught:
        load_model("RN50x4", "laion")
    assert str(caught.value) == (
        "the model RN50x4 has no pretrained tag 'laion'; its tags are openai; "
        "give a local file with --checkpoint"
    )


def test_two_sources_of_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_model("RN50x4", "openai", checkpoint=tmp_path / "w.pt")
    assert str(caught.value) == (
        f"--pretrained openai and --checkpoint {tmp_path / 'w.pt'} both name weights; give one of them"
    )


def test_the_embedded_model_has_no_tags() -> None:
    with pytest.raises(UserError) as caught:
        load_model("demo", "openai")
    assert str(caught.value) == (
        "the embedded model has no pretrained tag 'openai'; leave --pretrained out, "
        "or name another model with --model"
    )


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(UserError) as caught:
        load_model(device=device)
    assert str(caught.value) == (
        f"there is no device {device!r} that torch can use here; give --device cpu or auto"
    )


def test_weights_that_cannot_be_had_without_a_network(tmp_path: Path) -> None:
    code = (
        "from scoring.activations.model import load_model\n"
        "from stimuli.errors import UserError\n"
        "try: load_model('RN50x4', 'openai')\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (
        "the weights openai of RN50x4 are not on this machine and could not be downloaded; connect it to the "
        "network, or copy a checkpoint here and give it with --checkpoint FILE"
    )
    assert done.stderr == ""


def test_a_hub_that_cannot_be_reached_is_not_asked_for_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    with _cache_only_if_out_of_reach():
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        with _cache_only_if_out_of_reach():
            assert not constants.HF_HUB_OFFLINE
        thread.join()


def test_the_hash_sees_names_shapes_and_values() -> None:
    base = {"a": torch.zeros(2), "b": torch.ones(2)}
    variants = [
        {"a": torch.ones(2), "b": torch.zeros(2)},
        {"a": torch.zeros(1, 2), "b": torch.ones(2)},
        {"c": torch.zeros(2), "b": torch.ones(2)},
        {"a": torch.zeros(2, dtype=torch.float64), "b": torch.ones(2)},
    ]
    assert weights_hash(dict(reversed(base.items()))) == weights_hash(base)
    assert len({weights_hash(state) for state in [base, *variants]}) == 5


def test_a_caption_with_a_word_that_is_not_stored(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as caught:
        text_embeddings(loaded, ["a picture of a zebra"])
    assert str(caught.value) == (
        "the embedded model does not know the word 'zebra' of the caption 'a picture of a zebra'; it knows "
        "sailboat, mushroom, fire, dog, hand, droplet, apple, umbrella, key, butterfly, bicycle, cactus and "
        "the words of captions such as 'a picture of a {}'"
    )
