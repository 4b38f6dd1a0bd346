from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scoring.answers import meaning
from scoring.answers.meaning import Meaning
from stimuli.errors import UserError


def test_what_is_near_has_the_larger_cosine() -> None:
    rows = Meaning("wordllama").similarity(["flames", "dogs"], ["fire", "puppies"])
    assert rows[0][0] > rows[0][1]
    assert rows[1][1] > rows[1][0]


def test_a_phrase_has_a_cosine_of_one_with_itself_however_it_is_written() -> None:
    rows = Meaning().similarity(["A Sail-Boat!", "yacht"], ["sail boat", "YACHT"])
    assert rows[0][0] == pytest.approx(1, abs=1e-6)
    assert rows[1][1] == pytest.approx(1, abs=1e-6)
    assert rows[0][1] < 1


def test_without_a_word_there_is_no_cosine() -> None:
    encoder = Meaning()
    rows = encoder.similarity(["?", "fire"], ["fire", "!"])
    assert np.isnan(rows).tolist() == [[True, True], [False, True]]
    assert all(math.isnan(row[0]) for row in encoder.similarity(["?"], ["..."]))
    assert encoder.similarity([], ["fire"]) == []


def test_a_phrase_is_the_mean_of_its_tokens() -> None:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = meaning._wordllama_folder()
    vectors = load_file(folder / meaning._WORDLLAMA_WEIGHTS)["embedding.weight"].astype(float)
    tokenizer = Tokenizer.from_file(str(folder / meaning._WORDLLAMA_TOKENIZER))

    def embedded(phrase: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        ids = tokenizer.encode(phrase, add_special_tokens=False).ids
        total = sum((vectors[one] for one in ids), start=np.zeros(256))
        return np.asarray(total / np.linalg.norm(total))

    expected = embedded("sailing boat") @ embedded("raindrops")
    assert Meaning().similarity(["sailing boat"], ["raindrops"])[0][0] == pytest.approx(expected, abs=1e-5)


def test_the_version_names_the_weights() -> None:
    version = Meaning().version
    assert version.startswith("wordllama ")
    assert "(l2_supercat_256, sha256 " in version


@pytest.mark.model
def test_the_text_tower_of_a_clip_model() -> None:
    encoder = Meaning("open_clip:demo")
    rows = encoder.similarity(["dog", "umbrella"], ["dog", "umbrella"])
    assert rows[0][0] == pytest.approx(1, abs=1e-5)
    assert rows[0][1] < 1
    assert encoder.version.startswith("open_clip interpscore-demo (embedded, sha256 ")


@pytest.mark.parametrize("encoder", ["word2vec", "open_clip", "wordllama:512", ""])
def test_an_unknown_encoder(encoder: str) -> None:
    with pytest.raises(UserError) as error:
        Meaning(encoder)
    assert str(error.value) == (
        f"there is no encoder {encoder!r} of meaning; "
        "give wordllama, open_clip:demo, open_clip:MODEL:PRETRAINED_OR_FILE"
    )


def test_a_clip_model_without_weights() -> None:
    with pytest.raises(UserError) as error:
        Meaning("open_clip:RN50")
    assert str(error.value) == (
        "the encoder 'open_clip:RN50' names no weights; give open_clip:RN50: and a pretrained tag or a file"
    )


def test_wordllama_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        Meaning("wordllama")
    assert str(error.value) == (
        'the encoder wordllama is not installed; install it with pip install "interpscore[meaning]", '
        "or name another encoder"
    )


def test_open_clip_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        Meaning("open_clip:demo")
    assert str(error.value) == (
        "the encoder open_clip:demo needs torch and open_clip, which are not installed; "
        'install them with pip install "interpscore[models]"'
    )


def test_wordllama_without_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "_WORDLLAMA_WEIGHTS", Path("weights", "none.safetensors"))
    with pytest.raises(UserError) as error:
        Meaning("wordllama")
    assert str(error.value) == (
        "the package wordllama that is installed has no file weights/none.safetensors; "
        'install the version that pip install "interpscore[meaning]" chooses'
    )


def test_it_is_light_to_import() -> None:
    heavy = "{'numpy', 'pandas', 'torch', 'wordllama', 'tokenizers'}"
    code = f"import sys, scoring.answers.meaning; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
