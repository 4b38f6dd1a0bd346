from __future__ import annotations

import numpy as np
import pytest

from scoring.activations.model import LoadedModel
from scoring.activations.zero_shot import classify, concept_embeddings

pytestmark = pytest.mark.model


def test_concept_embeddings_are_directions(loaded: LoadedModel) -> None:
    rows = concept_embeddings(loaded, ["fire", "key"])
    assert rows.shape == (2, 128)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_every_picture_gets_an_answer(loaded: LoadedModel) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    answers = classify(loaded, pictures, ["fire", "key", "dog"])
    assert answers.shape == (50,)
    assert set(answers) <= {0, 1, 2}
