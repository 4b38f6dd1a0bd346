from __future__ import annotations

import pytest
import torch

from scoring.activations.augment import _blurred, augment

pytestmark = pytest.mark.model


def drawings(count: int) -> torch.Tensor:
    made = torch.zeros(count, 4, 64, 64)
    made[:, :, 16:48, 16:48] = torch.tensor([0.9, 0.2, 0.1, 1.0])[:, None, None]
    return made


def test_views_are_pictures() -> None:
    views = augment(drawings(16), 96, torch.Generator().manual_seed(0))
    assert views.shape == (16, 3, 96, 96)
    assert views.min() >= 0
    assert views.max() <= 1
    assert torch.isfinite(views).all()


def test_views_follow_the_generator_and_differ() -> None:
    first, again, other = (
        augment(drawings(2), 48, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_views_show_the_drawing() -> None:
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    shown, empty = (
        augment(drawings(64), 48, generators[0]),
        augment(torch.zeros(64, 4, 64, 64), 48, generators[1]),
    )
    assert ((shown - empty).abs().amax(dim=(1, 2, 3)) > 0.05).float().mean() > 0.9


def test_blur_keeps_a_plain_picture_and_spreads_a_point() -> None:
    plain = torch.full((2, 3, 20, 20), 0.3)
    assert torch.allclose(_blurred(plain, torch.tensor([0.5, 1.5])), plain, atol=1e-6)
    point = torch.zeros(1, 3, 21, 21)
    point[:, :, 10, 10] = 1
    blurred = _blurred(point, torch.tensor([1.5]))
    assert blurred[0, 0].sum() == pytest.approx(1, abs=1e-5)
    rows = torch.arange(21.0) - 10
    assert (blurred[0, 0].sum(1) * rows**2).sum() == pytest.approx(1.5**2, rel=0.01)
