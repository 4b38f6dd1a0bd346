"""What is made against a model, or by it: the commands `stimuli attack` and `stimuli dream`."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation

#: perturbations that make a picture from none: it has no clean stimulus, and is of no picture's source
DREAMS = ("dream", "dream_negative")

_EPSILON = "largest change of any channel value"
_EPSILONS = (1.0, 2.0, 4.0, 8.0, 16.0)
_AGAINST = (
    "bound to the hash of the model's weights; what fools one model need not fool another, or people; "
    "the levels are ours, in the range of Kurakin, Goodfellow & Bengio (2017), Adversarial machine learning "
    "at scale, ICLR"
)
_DREAM = "Olah, Mordvintsev & Schubert (2017), Feature visualization, Distill"
_DREAM_LEVELS = (256.0,)
_DREAM_MIND = (
    "has no clean picture; bound to the hash of the model's weights and to the unit; "
    "severity counts steps and orders nothing"
)

MODEL_BASED: tuple[Perturbation, ...] = (
    Perturbation(
        name="fgsm",
        group="model",
        does="one step of epsilon along the sign of the loss's gradient, "
        "the loss being the cross-entropy of the shown concept (or of a target, lowered)",
        parameter=_EPSILON,
        unit="grey levels",
        direction=1,
        identity=0.0,
        low=0.0,
        high=255.0,
        source="Goodfellow, Shlens & Szegedy (2015), Explaining and harnessing adversarial examples, ICLR",
        own_levels=_EPSILONS,
        whole=True,
        needs_model=True,
        mind=_AGAINST,
    ),
    Perturbation(
        name="pgd",
        group="model",
        does="steps along the sign of the same gradient from a random place, "
        "each brought back to where no channel value is further than epsilon from clean",
        parameter=_EPSILON,
        unit="grey levels",
        direction=1,
        identity=0.0,
        low=0.0,
        high=255.0,
        source="Madry, Makelov, Schmidt, Tsipras & Vladu (2018), "
        "Towards deep learning models resistant to adversarial attacks, ICLR",
        own_levels=_EPSILONS,
        whole=True,
        random=True,
        needs_model=True,
        mind=_AGAINST,
    ),
    Perturbation(
        name="dream",
        group="model",
        does="picture that raises the spatial mean of one unit: Fourier coefficients of decorrelated "
        "colours, climbed by Adam under random shifts, scales and turns, with total variation held down",
        parameter="steps of the optimisation",
        unit="steps",
        direction=0,
        identity=None,
        low=1.0,
        high=100_000.0,
        source=_DREAM,
        own_levels=_DREAM_LEVELS,
        whole=True,
        random=True,
        needs_model=True,
        mind=_DREAM_MIND,
    ),
    Perturbation(
        name="dream_negative",
        group="model",
        does="the same with the sign turned: a picture that lowers the unit, "
        "below zero where a ReLU cuts it off",
        parameter="steps of the optimisation",
        unit="steps",
        direction=0,
        identity=None,
        low=1.0,
        high=100_000.0,
        source=_DREAM,
        own_levels=_DREAM_LEVELS,
        whole=True,
        random=True,
        needs_model=True,
        mind=_DREAM_MIND,
    ),
)
