"""Attacks on a model whose gradient is known: epsilon is kept exactly, and the goal is come nearer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from stimuli.attacks import Attack, Goal, Pixels, attack, noise
from stimuli.seeds import generator

pytestmark = pytest.mark.model

SIDE, CONCEPTS, COUNT = 12, 3, 4
ROOT = Path(__file__).parents[3]


class Linear:
    """Logits that are weighted sums of pixel values, so that every gradient can be written down."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        shape = (CONCEPTS, 3, SIDE, SIDE)
        self.weights = torch.from_numpy(np.random.default_rng(1).normal(0, 1e-3, shape).astype(np.float32))

    def log_probabilities(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.einsum("kchw,nchw->nk", self.weights, pictures).log_softmax(dim=1)

    def probabilities(self, pictures: Pixels) -> npt.NDArray[np.float32]:
        values = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
        told: npt.NDArray[np.float32] = self.log_probabilities(values).exp().numpy()
        return told


def pictures() -> Pixels:
    made = np.random.default_rng(2).integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    made[0, :3], made[0, 3:6] = 0, 255
    return made


def chances(seeds: Sequence[int] = range(COUNT)) -> list[np.random.Generator]:
    return [generator(seed) for seed in seeds]


SHOWN = np.array([0, 1, 2, 0])
HOWS = [Attack(method, epsilon) for method in ("fgsm", "pgd") for epsilon in (1, 2, 8, 16, 255)]
HOWS += [Attack("pgd", 3, steps=1, step=0.3), Attack("pgd", 3, steps=7, step=50.0)]
every = pytest.mark.parametrize("how", HOWS, ids=str)


@every
def test_no_value_is_further_from_clean_than_epsilon(how: Attack) -> None:
    clean = pictures()
    changed = attack(Linear(), clean, Goal(SHOWN), how, chances())
    assert changed.dtype == np.uint8
    assert changed.shape == clean.shape
    assert np.abs(changed.astype(int) - clean).max() <= how.epsilon
    assert (clean == pictures()).all()


@every
def test_the_shown_concept_becomes_less_probable_and_a_target_more(how: Attack) -> None:
    model, clean, rows = Linear(), pictures(), np.arange(COUNT)
    before = model.probabilities(clean)
    lowered = model.probabilities(attack(model, clean, Goal(SHOWN), how, chances()))
    assert (lowered[rows, SHOWN] < before[rows, SHOWN]).all()
    raised = model.probabilities(attack(model, clean, Goal(np.full(COUNT, 1), target=True), how, chances()))
    assert (raised[:, 1] > before[:, 1]).all()


def test_one_step_is_epsilon_along_the_sign_of_the_slope() -> None:
    model, clean = Linear(), pictures()
    probabilities, weights = model.probabilities(clean), model.weights.numpy()
    expected = np.empty_like(clean)
    for row, concept in enumerate(SHOWN):
        slope = weights[concept] - (probabilities[row][:, None, None, None] * weights).sum(axis=0)
        expected[row] = np.clip(clean[row] - 4.0 * np.sign(slope.transpose(1, 2, 0)), 0, 255)
    changed = attack(model, clean, Goal(SHOWN), Attack("fgsm", 4), chances())
    assert (changed == expected).mean() > 0.999


def test_many_steps_are_at_least_as_good_as_one() -> None:
    model, clean, rows = Linear(), pictures(), np.arange(COUNT)
    one, many = (
        model.probabilities(attack(model, clean, Goal(SHOWN), Attack(method, 8), chances()))[rows, SHOWN]
        for method in ("fgsm", "pgd")
    )
    assert (many <= one + 1e-6).all()


def test_steps_that_nobody_chose_go_further_than_epsilon_in_all() -> None:
    assert Attack("pgd", 8).step_size == 1.0
    assert Attack("pgd", 8, steps=40).step_size == 0.5
    assert Attack("pgd", 8, step=2.0).step_size == 2.0
    assert Attack("fgsm", 8, step=2.0).step_size == 8.0


def test_a_stimulus_is_attacked_alike_in_any_company() -> None:
    how = Attack("pgd", 6, steps=3)
    together = attack(Linear(), pictures(), Goal(SHOWN), how, chances())
    alone = attack(Linear(), pictures()[2:3], Goal(SHOWN[2:3]), how, chances([2]))
    assert (together[2] == alone[0]).mean() > 0.999
    other = attack(Linear(), pictures(), Goal(SHOWN), how, chances(range(9, 9 + COUNT)))
    assert (together != other).any()


def test_the_null_changes_every_value_by_epsilon_unless_it_clips() -> None:
    clean = pictures()
    changed = noise(clean, 5, chances()).astype(int)
    inside = (clean >= 5) & (clean <= 250)
    assert (np.abs(changed - clean)[inside] == 5).all()
    assert 0.45 < (changed > clean)[inside].mean() < 0.55


@pytest.mark.parametrize(
    "module", ["stimuli", "stimuli.perturbations", "commands.stimuli_attack", "commands.stimuli_dream"]
)
def test_torch_is_loaded_only_where_it_is_used(module: str) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
