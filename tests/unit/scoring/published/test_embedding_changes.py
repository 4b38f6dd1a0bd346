from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scoring.activations.model import load_model
from scoring.activations.suffix import embedding_change
from scoring.neuron_map import Pair
from scoring.published.embedding_changes import changes_by_concept
from tests.functional.finished_study import finished_study

pytestmark = pytest.mark.model


def test_each_pair_gets_the_changes_on_its_concepts_clean_images(tmp_path: Path) -> None:
    study = finished_study(tmp_path, participants=1)
    loaded = load_model(device="cpu")
    pairs = [Pair(3, "Apple"), Pair(7, "dog"), Pair(9, "apple"), Pair(1, "whale")]
    yielded = list(changes_by_concept(pairs, study.stimuli, study.manifest, loaded))
    assert [list(found) for found in yielded] == [[pairs[0], pairs[2]], [pairs[1]], [pairs[3]]]
    clean = [one for one in study.stimuli if one.condition == "clean" and one.concept == "apple"]
    paths = [study.manifest / one.image for one in clean]
    assert len(paths) == 4
    assert np.array_equal(yielded[0][pairs[2]], embedding_change(loaded, None, paths, [9])[:, 0])
    assert yielded[2][pairs[3]].shape == (0, 2)
