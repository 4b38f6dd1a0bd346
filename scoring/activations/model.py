"""Loading a CLIP model, and saying which weights it has.

A model is named as open_clip names it (``RN50x4``), or is ``demo``, the small model that comes with
InterpScore. Weights come from a pretrained tag, from a local checkpoint (safetensors, or a tensors-only
``torch.save`` file: nothing is ever unpickled), or from a seed. Every number made with a model travels
with its ``label``, which says which of these it was.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import requests
import torch
from huggingface_hub import constants
from open_clip.convert import convert_state_dict
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from scoring.activations import demo_model
from stimuli.errors import UserError

DEMO = "demo"
SAFETENSORS = ".safetensors"
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
#: digits of a hash that are shown to people
SHOWN_DIGITS = 12
#: seconds that a hub of weights has to answer, before its weights are looked for in its cache only
REACH_SECONDS = 3.0

Tokenizer = Callable[[Sequence[str]], torch.Tensor]
Transform = Callable[[Image], torch.Tensor]


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on its device, and what there is to know about it."""

    model: torch.nn.Module
    #: captions -> token ids, shape (n, context length)
    tokenizer: Tokenizer
    #: side of the square input, pixels
    image_size: int
    #: channel means and standard deviations that inputs are normalised with, fractions of full scale
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    #: open_clip's own preprocessing: RGB picture -> (3, side, side)
    own_transform: Transform
    device: torch.device
    #: what the model computes in: bfloat16 (under autocast) on CUDA, float32 elsewhere
    dtype: torch.dtype
    #: SHA-256 of the names and bytes of the state dict, 64 hexadecimal digits
    weights_hash: str
    #: for people: which model, which weights
    label: str
    name: str
    #: the pretrained tag, None where the weights come from a file, a seed or InterpScore itself
    pretrained: str | None

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Run without gradients, in the model's own precision."""
        bf16 = self.dtype == torch.bfloat16
        with torch.inference_mode(), torch.autocast(self.device.type, self.dtype) if bf16 else nullcontext():
            yield

    def to_device(self, batch: torch.Tensor) -> torch.Tensor:
        """Move a batch of images (n, 3, side, side) to the device, channels last."""
        return batch.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last)


def load_model(
    name: str = DEMO,
    pretrained: str | None = None,
    device: str = "auto",
    checkpoint: Path | None = None,
    seed: int = 0,
) -> LoadedModel:
    """Load a model with the weights of a tag or of a file, or with random weights from ``seed``.

    ``device`` is ``auto`` (CUDA if there is one, else the CPU) or a name that torch knows. Raises
    UserError for an unknown model, tag or device, for a checkpoint that does not fit, is not plain
    tensors or holds NaN, and for weights that are neither here nor can be downloaded.
    """
    chosen = choose_device(device)
    if pretrained is not None and checkpoint is not None:
        raise UserError(
            f"--pretrained {pretrained} and --checkpoint {checkpoint} both name weights; give one of them"
        )
    if name == DEMO:
        loaded = _load_demo(pretrained, checkpoint, chosen)
    else:
        loaded = _load_named(name, pretrained, checkpoint, seed, chosen)
    if checkpoint is not None:
        _refuse_not_finite(loaded.model, checkpoint)
    return loaded


def _refuse_not_finite(model: torch.nn.Module, path: Path) -> None:
    for key, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise UserError(
                f"the weights in {path} are damaged: {key} holds values that are not finite; "
                "use another checkpoint"
            )


def choose_device(device: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` into a device that is there; UserError if it is not."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"there is no device {device!r} that torch can use here; give --device cpu or auto"
        ) from error
    return chosen


def weights_hash(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of a state dict, in the order of the names."""
    digest = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key].detach().cpu().contiguous()
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def image_embeddings(loaded: LoadedModel, batch: torch.Tensor) -> npt.NDArray[np.float32]:
    """Embed preprocessed images (n, 3, side, side); returns (n, dimensions), not normalised."""
    with loaded.computing():
        return _numpy(loaded.model.encode_image(loaded.to_device(batch)))  # type: ignore[operator]


def text_embeddings(loaded: LoadedModel, captions: Sequence[str]) -> npt.NDArray[np.float32]:
    """Embed captions; returns (n, dimensions), not normalised. UserError for words the model lacks."""
    tokens = loaded.tokenizer(list(captions)).to(loaded.device)
    with loaded.computing():
        return _numpy(loaded.model.encode_text(tokens))  # type: ignore[operator]


def _numpy(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _load_demo(pretrained: str | None, checkpoint: Path | None, device: torch.device) -> LoadedModel:
    if pretrained is not None:
        raise UserError(
            f"the embedded model has no pretrained tag {pretrained!r}; leave --pretrained out, "
            "or name another model with --model"
        )
    small = demo_model.read(checkpoint or demo_model.WEIGHTS_FILE)
    source = f"from {checkpoint.name}" if checkpoint else "embedded"
    return _ready(small.model, small.tokenizer, device, f"interpscore-demo ({source}", DEMO, None)


def _load_named(
    name: str, pretrained: str | None, checkpoint: Path | None, seed: int, device: torch.device
) -> LoadedModel:
    _refuse_unknown(name, pretrained)
    with _quiet_open_clip(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _create(name, pretrained)
    if checkpoint is not None:
        fill_from_checkpoint(model, checkpoint)
    if pretrained is not None:
        label = f"{name} (pretrained tag {pretrained}"
    elif checkpoint is not None:
        label = f"{name} (from {checkpoint.name}"
    else:
        label = f"{name} with random weights (seed {seed}"
    return _ready(model, open_clip.get_tokenizer(name), device, label, name, pretrained)


def _refuse_unknown(name: str, pretrained: str | None) -> None:
    names = open_clip.list_models()
    if name not in names:
        raise UserError(f"there is no model {name!r}; {_near(name, [DEMO, *names])}")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained is not None and pretrained not in tags:
        known = f"its tags are {', '.join(tags)}" if tags else "it has none"
        raise UserError(
            f"the model {name} has no pretrained tag {pretrained!r}; {known}; "
            "give a local file with --checkpoint"
        )


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=5, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "use a name that open_clip lists, or demo"


def _create(name: str, pretrained: str | None) -> torch.nn.Module:
    tag = open_clip.get_pretrained_cfg(name, pretrained) if pretrained else {}
    try:
        with _cache_only_if_out_of_reach() if "hf_hub" in tag else nullcontext():
            model: torch.nn.Module = open_clip.create_model(
                name, pretrained, force_quick_gelu=bool(tag.get("quick_gelu")), pretrained_text=False
            )
    except (RuntimeError, OSError) as error:
        if pretrained is None:
            raise
        raise UserError(
            f"the weights {pretrained} of {name} are not on this machine and could not be downloaded; "
            "connect it to the network, or copy a checkpoint here and give it with --checkpoint FILE"
        ) from error
    return model


@contextmanager
def _cache_only_if_out_of_reach() -> Iterator[None]:
    """Let the hub's client look into its cache only where the hub cannot be reached.

    It would try again and again otherwise, for most of a minute.
    """
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _in_reach(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _in_reach(address: str) -> bool:
    try:
        requests.head(address, timeout=REACH_SECONDS)
    except requests.exceptions.SSLError:
        return True
    except requests.RequestException:
        return False
    return True


@contextmanager
def _quiet_open_clip() -> Iterator[None]:
    """Keep open_clip's own log lines back while it loads; what matters of them is in our errors."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def fill_from_checkpoint(model: torch.nn.Module, path: Path) -> None:
    """Put the weights of a local file into a model of the same architecture.

    Raises UserError if the file cannot be read as plain tensors or does not fit the model.
    """
    state = convert_state_dict(model, read_checkpoint(path))
    scale = getattr(model, "logit_scale", None)
    if scale is not None and "logit_scale" in state:
        state["logit_scale"] = state["logit_scale"].reshape(scale.shape)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"the weights in {path} do not fit the model; "
            "name the architecture they were made for with --model"
        ) from error


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from ``.safetensors``, or from a tensors-only file of ``torch.save``."""
    if path.suffix not in (SAFETENSORS, *TORCH_SUFFIXES):
        raise UserError(
            f"{path} is no checkpoint that can be read; use {SAFETENSORS} or {', '.join(TORCH_SUFFIXES)}"
        )
    try:
        content = load_file(path) if path.suffix == SAFETENSORS else _torch_load(path)
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path} ({error}); check the path") from error
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(
            f"{path} is damaged or holds more than plain tensors, and InterpScore never unpickles; "
            "save its state dict as safetensors"
        ) from error
    return _state_dict(content, path)


def _torch_load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def _state_dict(content: Any, path: Path) -> dict[str, torch.Tensor]:
    state = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    tensors = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise UserError(f"{path} holds no state dict; save the model's state_dict() as safetensors")
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def _ready(
    model: torch.nn.Module,
    tokenizer: Tokenizer,
    device: torch.device,
    label: str,
    name: str,
    pretrained: str | None,
) -> LoadedModel:
    digest = weights_hash(model.state_dict())
    config = PreprocessCfg(**model.visual.preprocess_cfg)  # type: ignore[union-attr,arg-type]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return LoadedModel(
        model=model.eval().to(device).to(memory_format=torch.channels_last),
        tokenizer=tokenizer,
        image_size=_side(config.size, name),
        mean=_three(config.mean),
        std=_three(config.std),
        own_transform=image_transform_v2(config, is_train=False),
        device=device,
        dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
        weights_hash=digest,
        label=f"{label}, sha256 {digest[:SHOWN_DIGITS]})",
        name=name,
        pretrained=pretrained,
    )


def _side(size: int | Sequence[int], name: str) -> int:
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise UserError(f"the model {name} takes inputs that are not square, {size}; use another model")
    return int(sides.pop())


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
