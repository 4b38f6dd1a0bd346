"""Training the embedded model: a contrastive loss over captions and random views of drawings.

It sees the drawings of two hands; those of the other hands are held out entirely, and its accuracy is
measured on them. One seed gives one set of weights on one machine and one version of the libraries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from scoring.activations import demo_model
from scoring.activations.augment import augment
from scoring.activations.demo_model import PREPROCESSING, TEMPLATES
from scoring.activations.model import DEMO, load_model
from scoring.activations.zero_shot import hand_accuracy
from stimuli.files import replacing
from stimuli.sources.artwork import CONCEPTS, HANDS, load_drawing

#: the hands that are learnt from; all others are held out
TRAINED_HANDS = ("twemoji", "noto")
STEPS = 900
#: views to a step: each concept this often
VIEWS_EACH = 8
#: side in pixels at which the drawings are kept
DRAWING_SIDE = 128
LEARNING_RATE, WARM_UP_STEPS, WEIGHT_DECAY, BETAS = 2e-3, 50, 0.05, (0.9, 0.98)
LARGEST_GRADIENT = 1.0
#: the loss's largest scale of cosines
LARGEST_LOGIT_SCALE = 50.0
#: the weight that a residual branch starts with, so that it learns from the first step
BRANCH_WEIGHT = 0.5
#: torch's threads: their number takes part in what comes out
THREADS = 2
#: renderings of each concept and hand that the accuracy is measured on, and their seed
TEST_EACH, TEST_SEED = 20, 20_240_000

#: shows progress: is given the steps and how many there are, and hands them on
Track = Callable[[Iterable[int], int], Iterable[int]]


@dataclass(frozen=True)
class Trained:
    """What ``train`` made."""

    label: str
    weights_hash: str
    steps: int
    seed: int
    #: hand -> zero-shot accuracy over the concepts; hands that were learnt from come first
    accuracy: dict[str, float]


def train(out: Path, artwork: Path, seed: int, steps: int, track: Track, force: bool = False) -> Trained:
    """Train the embedded model and write it to ``out``, a safetensors file.

    Raises UserError if ``out`` exists and not ``force``, or if the artwork is not there.
    """
    with replacing(out, force=force) as temporary:
        drawings = load_drawings(artwork)
        with _threads(THREADS):
            model = fit(drawings, seed, track(range(steps), steps), steps)
        tokens = np.unique(caption_tokens().numpy()).tolist()
        demo_model.write(temporary, model, tokens, _metadata(seed, steps))
        accuracy = measured_accuracy(temporary, artwork)
        demo_model.write(temporary, model, tokens, {**_metadata(seed, steps), "accuracy": accuracy})
        loaded = load_model(DEMO, device="cpu", checkpoint=temporary)
    return Trained(loaded.label.replace(temporary.name, out.name), loaded.weights_hash, steps, seed, accuracy)


def measured_accuracy(weights: Path, artwork: Path) -> dict[str, float]:
    """Zero-shot accuracy of a trained file by hand, on clean random renderings."""
    loaded = load_model(DEMO, device="cpu", checkpoint=weights)
    hands = sorted(HANDS, key=lambda hand: hand not in TRAINED_HANDS)
    return {
        hand: round(hand_accuracy(loaded, artwork, hand, list(CONCEPTS), TEST_EACH, TEST_SEED), 4)
        for hand in hands
    }


def load_drawings(artwork: Path) -> torch.Tensor:
    """Load the drawings to learn from: uint8, shape (hands, concepts, 4, side, side)."""
    drawings = [
        [load_drawing(artwork, hand, concept, DRAWING_SIDE) for concept in CONCEPTS] for hand in TRAINED_HANDS
    ]
    return torch.from_numpy(np.array(drawings)).permute(0, 1, 4, 2, 3).contiguous()


def caption_tokens() -> torch.Tensor:
    """Token ids of every caption, shape (templates, concepts, context length)."""
    tokenizer = demo_model.tokenizer()
    return torch.stack([tokenizer([template.format(name) for name in CONCEPTS]) for template in TEMPLATES])


def fit(drawings: torch.Tensor, seed: int, counted: Iterable[int], steps: int) -> torch.nn.Module:
    """Train a new model on drawings for ``steps`` steps; ``counted`` yields their numbers from 0."""
    generator = torch.Generator().manual_seed(seed)
    model = _fresh_model(seed)
    captions = caption_tokens()
    optimizer = _optimizer(model)
    for step in counted:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        optimizer.zero_grad(set_to_none=True)
        _batch_loss(model, drawings, captions, generator).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
        optimizer.step()
    return model.eval()


def learning_rate(step: int, steps: int) -> float:
    """Rise linearly over the warm-up, then fall along a cosine to nothing."""
    rise = min(1.0, (step + 1) / WARM_UP_STEPS)
    return LEARNING_RATE * rise * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def _fresh_model(seed: int) -> torch.nn.Module:
    model = demo_model.new_model(seed).train()
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight") and "layer" in name:
            torch.nn.init.constant_(parameter, BRANCH_WEIGHT)
    return model.to(memory_format=torch.channels_last)


def _optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
    named = list(model.named_parameters())
    decayed = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
    kept = [p for name, p in named if p.ndim < 2 or "embedding" in name]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": kept, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS)


def _batch_loss(
    model: torch.nn.Module, drawings: torch.Tensor, captions: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    hands, n = drawings.shape[:2]
    concept = torch.arange(n).repeat(VIEWS_EACH)
    hand = torch.randint(0, hands, (len(concept),), generator=generator)
    template = torch.randint(0, len(captions), (n,), generator=generator)
    side = int(model.visual.image_size)  # type: ignore[union-attr,arg-type]
    views = augment(drawings[hand, concept].float() / 255, side, generator)
    inputs = normalised(views).contiguous(memory_format=torch.channels_last)
    images = model.encode_image(inputs, normalize=True)  # type: ignore[operator]
    texts = model.encode_text(captions[template, torch.arange(n)], normalize=True)  # type: ignore[operator]
    scale = model.logit_scale.exp().clamp(max=LARGEST_LOGIT_SCALE)  # type: ignore[operator]
    return contrastive_loss(scale * images @ texts.T, concept)


def normalised(views: torch.Tensor) -> torch.Tensor:
    """Normalise pictures (n, 3, side, side) in [0, 1] as the model's inputs are."""
    mean, std = (torch.tensor(PREPROCESSING[key])[:, None, None] for key in ("mean", "std"))
    return (views - mean) / std


def contrastive_loss(logits: torch.Tensor, concept: torch.Tensor) -> torch.Tensor:
    """CLIP's symmetric loss with several pictures to a caption.

    ``logits`` is (pictures, captions), ``concept`` each picture's caption. Half is the cross entropy of
    the captions given a picture; half that of the pictures given a caption, averaged over its pictures.
    """
    from_pictures = functional.cross_entropy(logits, concept)
    own = functional.one_hot(concept, logits.shape[1]).T.float()
    log_shares = functional.log_softmax(logits.T, dim=1)
    from_captions = -((log_shares * own).sum(1) / own.sum(1)).mean()
    return (from_pictures + from_captions) / 2


def _metadata(seed: int, steps: int) -> dict[str, Any]:
    return {
        "command": f"python manage.py demo-model train --seed {seed} --steps {steps}",
        "seed": seed,
        "steps": steps,
        "hands": list(TRAINED_HANDS),
        "held_out": [hand for hand in HANDS if hand not in TRAINED_HANDS],
        "concepts": list(CONCEPTS),
        "torch": torch.__version__,
    }


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
