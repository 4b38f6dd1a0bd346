"""The embedded model's file: a small CLIP of InterpScore's own, as half-precision safetensors.

The architecture is ``interpscore-demo.json``, a model configuration of open_clip: a ResNet with an
attention pool, so that it takes the same code path as RN50x4. Of the token embedding only the rows that
its captions use are stored (``token_ids``, ``token_rows``); the others are zero once it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip.model import CLIP, set_model_preprocess_cfg
from open_clip.tokenizer import SimpleTokenizer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from stimuli.errors import UserError

FOLDER = Path(__file__).parent
CONFIG_FILE = FOLDER / "interpscore-demo.json"
WEIGHTS_FILE = FOLDER / "interpscore-demo.safetensors"
FORMAT_VERSION = 1
#: the one entry of the file's metadata, a JSON object
METADATA_KEY = "interpscore"

#: what inputs are normalised with, and how open_clip's own preprocessing resizes
PREPROCESSING = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}

#: every caption that the model is trained on and asked with; {} is the concept
TEMPLATES = (
    "a picture of a {}",
    "a drawing of a {}",
    "an image of a {}",
    "a {}",
    "a small {}",
    "a blurry picture of a {}",
)

_TOKEN_EMBEDDING = "token_embedding.weight"  # noqa: S105 (a tensor's name)
_NOT_STORED = ("num_batches_tracked",)


@dataclass(frozen=True)
class SmallModel:
    """The embedded model, its tokenizer, and how it was made."""

    model: torch.nn.Module
    tokenizer: KnownWords
    #: how it was made: command, seed, steps, hands, held_out, concepts, accuracy (by hand), torch
    metadata: Mapping[str, Any]


class UnknownWordError(UserError):
    """A caption with a word that the model never learnt; ``what`` that is, and the ``concepts`` it knows."""

    def __init__(self, what: str, concepts: Sequence[str]) -> None:
        self.what, self.concepts = what, tuple(concepts)
        known = f"{', '.join(concepts)} and the words of captions such as {TEMPLATES[0]!r}"
        super().__init__(f"{what}; it knows {known}")


class KnownWords:
    """open_clip's tokenizer, which refuses captions that use a token without a stored row."""

    def __init__(self, token_ids: Sequence[int], concepts: Sequence[str]) -> None:
        self._tokenizer = tokenizer()
        self._known = frozenset(token_ids)
        self._concepts = tuple(concepts)

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """Turn captions into token ids, shape (n, context length); UnknownWordError for an unknown word."""
        for caption in captions:
            self._refuse_unknown(caption)
        tokens: torch.Tensor = self._tokenizer(list(captions))
        return tokens

    def _refuse_unknown(self, caption: str) -> None:
        encode, known = self._tokenizer.encode, self._known
        unknown = next((word for word in caption.split() if not known.issuperset(encode(word))), None)
        if unknown is not None:
            what = f"the embedded model does not know the word {unknown!r} of the caption {caption!r}"
            raise UnknownWordError(what, self._concepts)


def tokenizer() -> Any:
    """Make the tokenizer that the model is trained and used with."""
    text = json.loads(CONFIG_FILE.read_text(encoding="utf-8"))["text_cfg"]
    return SimpleTokenizer(context_length=text["context_length"])


def new_model(seed: int) -> torch.nn.Module:
    """Make the architecture with random weights from a seed; the global random state is left alone."""
    config = json.loads(CONFIG_FILE.read_text(encoding="utf-8"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: torch.nn.Module = CLIP(**config)
    set_model_preprocess_cfg(model, {"size": config["vision_cfg"]["image_size"], **PREPROCESSING})
    return model


def write(path: Path, model: torch.nn.Module, token_ids: Sequence[int], metadata: Mapping[str, Any]) -> None:
    """Write the model's weights as half precision, with the rows of these tokens only.

    The same weights and metadata give the same bytes: the metadata is one JSON text, because
    safetensors writes several entries in any order.
    """
    state = {
        key: value.detach().half().contiguous()
        for key, value in model.state_dict().items()
        if not key.endswith(_NOT_STORED) and key != _TOKEN_EMBEDDING
    }
    ids = torch.tensor(sorted(token_ids), dtype=torch.int32)
    rows = model.state_dict()[_TOKEN_EMBEDDING][ids.long()].half()
    text = json.dumps({"format_version": FORMAT_VERSION, **metadata}, sort_keys=True)
    save_file({**state, "token_ids": ids, "token_rows": rows}, path, metadata={METADATA_KEY: text})


def read(path: Path) -> SmallModel:
    """Read a file that ``write`` made; UserError if it is missing, damaged or of another format."""
    state, metadata = _read_file(path)
    version = metadata.get("format_version")
    if version != FORMAT_VERSION or "token_ids" not in state:
        raise UserError(
            f"{path} is no file of the embedded model in format {FORMAT_VERSION}; "
            "make one with: python manage.py demo-model train --out FILE"
        )
    model, ids = new_model(0), state["token_ids"].long()
    _fill(model, state, path)
    return SmallModel(model, KnownWords(ids.tolist(), metadata.get("concepts", [])), metadata)


def _read_file(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
            return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"cannot read the embedded model {path} ({error}); check the path, or train one with: "
            "python manage.py demo-model train --out FILE"
        ) from error


def _fill(model: torch.nn.Module, stored: dict[str, torch.Tensor], path: Path) -> None:
    whole = model.state_dict()
    for key in whole:
        if key.endswith(_NOT_STORED):
            whole[key].zero_()
        elif key == _TOKEN_EMBEDDING:
            whole[key].zero_()
            whole[key][stored["token_ids"].long()] = stored["token_rows"].float()
        elif key in stored and stored[key].shape == whole[key].shape:
            whole[key].copy_(stored[key].float())
        else:
            raise UserError(
                f"{path} does not fit {CONFIG_FILE.name} at {key}; train it again with this version's "
                "python manage.py demo-model train"
            )
