"""Adversarial stimuli: the smallest changes that make a model take a picture for something else.

Nothing here loads a model: the attacks are handed one that tells how probable each concept is, and its
gradient in the stimulus's own pixels. Results are whole grey levels, none further than epsilon from clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

FGSM, PGD = "fgsm", "pgd"
METHODS = (FGSM, PGD)
#: steps of PGD, and how far they could go together, in epsilons (Madry et al. 2018 walk such distances)
STEPS, REACH = 20, 2.5

Pixels = npt.NDArray[np.uint8]


class Classifier(Protocol):
    """A model that takes a picture for one of some concepts; ``scoring.activations.gradients`` makes one."""

    @property
    def device(self) -> torch.device:
        """Where pictures have to be."""

    def log_probabilities(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logarithms (n, concepts) for pictures (n, 3, h, w) of 0 to 255, differentiable."""


@dataclass(frozen=True)
class Goal:
    """What an attack is after: each picture's ``concept`` (n,), to be lowered, or raised if a ``target``."""

    concept: npt.NDArray[np.intp]
    target: bool = False


@dataclass(frozen=True)
class Attack:
    """A method and its parameters; ``epsilon`` in whole grey levels, ``step`` in grey levels.

    ``steps`` and ``step`` say nothing of FGSM, which takes one step of epsilon. ``step`` None is 2.5 epsilon
    over the steps.
    """

    method: str
    epsilon: int
    steps: int = STEPS
    step: float | None = None

    @property
    def step_size(self) -> float:
        """Grey levels that a value changes by in one step."""
        if self.method == FGSM:
            return float(self.epsilon)
        return REACH * self.epsilon / self.steps if self.step is None else self.step


def attack(
    model: Classifier, clean: Pixels, goal: Goal, how: Attack, chances: Sequence[np.random.Generator]
) -> Pixels:
    """Change pictures (n, h, w, 3) by at most ``how.epsilon`` in any value; ``chances`` has n generators.

    FGSM (Goodfellow, Shlens & Szegedy 2015): clip(x + epsilon sign(gradient)). PGD (Madry et al. 2018):
    from an evenly random place in the ball, steps along the sign, each brought back into the ball and into
    0 to 255, the last rounded to whole levels, which cannot leave the ball. The loss is the cross-entropy
    of the goal's concept.
    """
    values = torch.from_numpy(clean).to(model.device).permute(0, 3, 1, 2).float().contiguous()
    if how.method == FGSM:
        changed = (values + how.epsilon * _uphill(model, values, goal)).clamp(0, 255)
    else:
        changed = _projected(model, values, goal, how, chances)
    pixels: Pixels = changed.round().permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
    return pixels


def _projected(
    model: Classifier,
    values: torch.Tensor,
    goal: Goal,
    how: Attack,
    chances: Sequence[np.random.Generator],
) -> torch.Tensor:
    low, high = (values - how.epsilon).clamp(min=0), (values + how.epsilon).clamp(max=255)
    draws = [rng.uniform(-how.epsilon, how.epsilon, values.shape[1:]) for rng in chances]
    start = torch.from_numpy(np.stack(draws).astype(np.float32)).to(values.device)
    changed = (values + start).clamp(low, high)
    for _ in range(how.steps):
        changed = (changed + how.step_size * _uphill(model, changed, goal)).clamp(low, high)
    return changed


def _uphill(model: Classifier, values: torch.Tensor, goal: Goal) -> torch.Tensor:
    """Sign of the change of each value that takes the goal's concept where it is wanted."""
    values = values.detach().requires_grad_(True)
    concept = torch.from_numpy(np.asarray(goal.concept, np.int64)).to(values.device)
    chosen = model.log_probabilities(values).gather(1, concept[:, None]).sum()
    (slope,) = torch.autograd.grad(chosen, values)
    return slope.sign() if goal.target else -slope.sign()


def noise(clean: Pixels, epsilon: int, chances: Sequence[np.random.Generator]) -> Pixels:
    """The null of an attack: every value changed by epsilon, up or down by chance, and clipped."""
    signs = np.stack([2 * rng.integers(0, 2, clean.shape[1:]) - 1 for rng in chances])
    pixels: Pixels = np.clip(clean + epsilon * signs, 0, 255).astype(np.uint8)
    return pixels
