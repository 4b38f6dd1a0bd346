from __future__ import annotations

import math

import pytest
import torch

from scoring.activations.train import (
    LEARNING_RATE,
    TRAINED_HANDS,
    WARM_UP_STEPS,
    caption_tokens,
    contrastive_loss,
    learning_rate,
    normalised,
)
from stimuli.sources.artwork import CONCEPTS, HANDS

pytestmark = pytest.mark.model


def test_two_hands_are_held_out() -> None:
    assert set(HANDS) - set(TRAINED_HANDS) == {"fluent-flat", "fluent-3d"}


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(LEARNING_RATE / WARM_UP_STEPS)
    assert max(rates) == pytest.approx(LEARNING_RATE, rel=0.01)
    assert rates[-1] < LEARNING_RATE / 1000


def test_loss_with_one_picture_to_a_caption_is_clips() -> None:
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    order = torch.arange(5)
    expected = (
        torch.nn.functional.cross_entropy(logits, order) + torch.nn.functional.cross_entropy(logits.T, order)
    ) / 2
    assert contrastive_loss(logits, order) == pytest.approx(expected.item())


def test_loss_with_several_pictures_to_a_caption() -> None:
    logits, concept = torch.zeros(6, 2), torch.tensor([0, 1, 0, 1, 0, 1])
    assert contrastive_loss(logits, concept) == pytest.approx((math.log(2) + math.log(6)) / 2)


def test_inputs_are_normalised_as_the_model_expects() -> None:
    assert normalised(torch.full((1, 3, 2, 2), 0.75)).flatten().tolist() == [1.0] * 12


def test_captions_have_a_row_for_each_template_and_concept() -> None:
    tokens = caption_tokens()
    assert tokens.shape[1:] == (len(CONCEPTS), 16)
    assert len({tuple(row.tolist()) for row in tokens.reshape(-1, 16)}) == tokens.shape[0] * len(CONCEPTS)
