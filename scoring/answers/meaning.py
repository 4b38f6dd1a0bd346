"""How near typed words are to concepts in meaning, by an optional text encoder.

A weak helper of the judge: cosines of word embeddings mix being the same with being about the same. *Sea*
is about as near to *sailboat* as *yacht*, and *parasol* far from *umbrella*. They must not reach raters
before these have judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.answers.words import normalise
from stimuli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WORDLLAMA = "wordllama"
OPEN_CLIP = "open_clip"
ENCODERS = (WORDLLAMA, f"{OPEN_CLIP}:demo", f"{OPEN_CLIP}:MODEL:PRETRAINED_OR_FILE")

#: where the package wordllama has the weights and the tokeniser that come with it
_WORDLLAMA_WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
_WORDLLAMA_TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")

_CHECKPOINTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")

#: phrases -> their embeddings (phrases, dimensions), of any length
_Embed = Callable[[Sequence[str]], "npt.NDArray[np.float32]"]


class Meaning:
    """Cosines between phrases and concepts, in [-1, 1].

    ``encoder``: ``wordllama``, static embeddings of 256 dimensions averaged over a phrase (MIT; its
    weights come with the package, nothing is downloaded), or ``open_clip:MODEL:PRETRAINED_OR_FILE``, the
    text tower of a CLIP model whose weights have a tag or are a file, or ``open_clip:demo``. Raises
    UserError for another name, for packages that are not installed, and for weights that are not there.

    Cosines of one encoder cannot be compared with those of another: a CLIP model gives any two captions a
    high one. ``encoder`` is the name given, ``version`` that of the encoder and its weights.
    """

    def __init__(self, encoder: str = WORDLLAMA) -> None:
        self.encoder = encoder
        name, _, model = encoder.partition(":")
        if encoder == WORDLLAMA:
            self._embed, self.version = _wordllama()
        elif name == OPEN_CLIP and model:
            self._embed, self.version = _open_clip(encoder, model)
        else:
            raise UserError(f"there is no encoder {encoder!r} of meaning; give {', '.join(ENCODERS)}")

    def similarity(self, phrases: Sequence[str], concepts: Sequence[str]) -> list[list[float]]:
        """The cosine of each phrase with each concept: a row for each phrase.

        NaN where a phrase or a concept has no word.
        """
        vectors = self._unit_length([*phrases, *concepts])
        rows, columns = vectors[: len(phrases)], vectors[len(phrases) :]
        cosines: list[list[float]] = (rows @ columns.T).clip(-1, 1).astype(float).tolist()
        return cosines

    def _unit_length(self, phrases: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed normalised phrases, each once; a row of NaN for one without a word."""
        import numpy as np

        texts = [" ".join(normalise(phrase)) for phrase in phrases]
        known = list(dict.fromkeys(filter(None, texts)))
        embedded = self._embed(known) if known else np.empty((0, 1), dtype=np.float32)
        embedded = embedded / np.linalg.norm(embedded, axis=1, keepdims=True)
        nothing = np.full((1, embedded.shape[1]), np.nan, dtype=np.float32)
        at = {text: row for row, text in enumerate(known)}
        rows = [at.get(text, len(known)) for text in texts]
        return np.concatenate([embedded, nothing])[rows]


def _wordllama() -> tuple[_Embed, str]:
    """Read the static embeddings: (32,000 tokens, 256), half precision."""
    folder = _wordllama_folder()
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    weights = folder / _WORDLLAMA_WEIGHTS
    vectors = load_file(weights)["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(folder / _WORDLLAMA_TOKENIZER))

    def embed(phrases: Sequence[str]) -> npt.NDArray[np.float32]:
        import numpy as np

        encoded = tokenizer.encode_batch(list(phrases), add_special_tokens=False)
        return np.stack([vectors[one.ids].astype(np.float32).mean(axis=0) for one in encoded])

    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    return embed, f"wordllama {installed_version('wordllama')} ({weights.stem}, sha256 {digest})"


def _wordllama_folder() -> Path:
    found = find_spec("wordllama")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "the encoder wordllama is not installed; "
            'install it with pip install "interpscore[meaning]", or name another encoder'
        )
    folder = Path(found.submodule_search_locations[0])
    for file in (_WORDLLAMA_WEIGHTS, _WORDLLAMA_TOKENIZER):
        if not (folder / file).is_file():
            raise UserError(
                f"the package wordllama that is installed has no file {file}; "
                'install the version that pip install "interpscore[meaning]" chooses'
            )
    return folder


def _open_clip(encoder: str, model: str) -> tuple[_Embed, str]:
    if find_spec("torch") is None or find_spec("open_clip") is None:
        raise UserError(
            f"the encoder {encoder} needs torch and open_clip, which are not installed; "
            'install them with pip install "interpscore[models]"'
        )
    name, _, weights = model.partition(":")
    from scoring.activations.model import DEMO, load_model
    from scoring.activations.zero_shot import concept_embeddings

    if not weights and name != DEMO:
        raise UserError(
            f"the encoder {encoder!r} names no weights; give open_clip:{name}: and a pretrained tag or a file"
        )
    is_file = weights.endswith(_CHECKPOINTS)
    loaded = load_model(
        name, None if is_file else weights or None, checkpoint=Path(weights) if is_file else None
    )
    return lambda phrases: concept_embeddings(loaded, phrases), f"open_clip {loaded.label}"
