"""Simulated studies of known agreement, and how often the 95% intervals cover it.

``python -m tests.reference.alignment.coverage_agreement --studies 1000 --seed 1`` prints the long form.

Observers differ in ability and taste, pictures in difficulty, by concept and within. What a study generalises
to is known from many more observers, of these pictures or of many more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from scoring.alignment.confusions import confusion_table
from scoring.alignment.error_consistency import (
    crossed_consistency,
    error_consistency,
    human_consistency,
    model_consistency,
    model_pairs,
    sparse_consistency,
)
from scoring.alignment.estimate import Estimate
from scoring.alignment.observations import Matrix
from scoring.alignment.observer_pairs import pairs_estimate
from scoring.alignment.rater_agreement import choice_kappa, kappa_estimate
from scoring.alignment.split_half import attenuation, single_rater, spearman_brown, split_half
from scoring.statistics import Floats, Integers

#: draws of a bootstrap, and studies of the same pictures
DRAWS, STUDIES_A_SET = 200, 50
#: observers, and pictures, that stand for all there are
MANY, MANY_PICTURES = 2500, 20_000
#: standard deviations: of observers' ability and taste, of concepts, of pictures in a concept
ABILITY, TASTE, CONCEPTS, PICTURES = 0.8, 0.6, 0.8, 1.5
MEAN = 1.0


class Result(NamedTuple):
    """An estimate's truth, value and interval in one study."""

    truth: float
    value: float
    low: float
    high: float


class Pictures(NamedTuple):
    """Pictures (S,): their ease, three features (3, S) that tastes differ on, and their concept."""

    ease: Floats
    features: Floats
    concept: Integers


Study = Callable[[Pictures, np.random.Generator], Result]


def pictures(number: int, concepts: int, rng: np.random.Generator) -> Pictures:
    """Draw pictures, as many of each concept."""
    concept = np.arange(number) % concepts
    of_concept = np.random.default_rng(7).normal(0, CONCEPTS, concepts)
    ease = MEAN + of_concept[concept] + rng.normal(0, PICTURES, number)
    return Pictures(ease, rng.normal(0, 1 / np.sqrt(3), (3, number)), concept)


def chances(shown: Pictures, observers: int, rng: np.random.Generator) -> Floats:
    """How likely each of some observers (O,) is to be right about each picture (O, S)."""
    ability, taste = rng.normal(0, ABILITY, (observers, 1)), rng.normal(0, TASTE, (observers, 3))
    return np.asarray(expit(shown.ease + ability + taste @ shown.features))


def answers(shown: Pictures, observers: int, rng: np.random.Generator, share: float = 1.0) -> Floats:
    """Right (1) or wrong (0); NaN where an observer was not among the ``share`` who saw the picture."""
    chance = chances(shown, observers, rng)
    right = (rng.random(chance.shape) < chance).astype(np.float64)
    return np.where(rng.random(chance.shape) < share, right, np.nan)


def matrix(values: Floats, shown: Pictures) -> Matrix:
    """Arrange answers as a matrix in which every picture is a source of its own, in one condition."""
    observers, stimuli = (np.array([f"{n:05}" for n in range(size)]) for size in values.shape)
    own = np.arange(values.shape[1])
    return Matrix(values, observers, stimuli, own, shown.concept, np.zeros_like(own))


class _Truth:
    """What many observers would show of some pictures."""

    def __init__(self, shown: Pictures, seed: int) -> None:
        rng = np.random.default_rng([seed, 9])
        self.chance = chances(shown, MANY, rng)
        self.right = (rng.random(self.chance.shape) < self.chance).astype(np.float64)
        self.shown = shown

    def consistency(self, per_concept: bool) -> float:
        found = error_consistency(self.right, self.shown.concept if per_concept else None)
        return float(np.nanmean(found))

    def with_model(self, model: Floats) -> float:
        chance_right, right = self.right.mean(axis=1), model.mean()
        same = (self.right == model).mean(axis=1)
        expected = chance_right * right + (1 - chance_right) * (1 - right)
        return float(((same - expected) / (1 - expected)).mean())

    def single(self, within: bool) -> float:
        p = self.chance.mean(axis=0)
        spread = p.var(ddof=1)
        if within:
            groups = [p[self.shown.concept == number] for number in np.unique(self.shown.concept)]
            spread = np.sum([g.var() * g.size for g in groups]) / (p.size - len(groups))
        return float(spread / (spread + (p * (1 - p)).mean()))

    def fleiss(self, per_concept: bool) -> float:
        p = self.chance.mean(axis=0)
        concept = self.shown.concept if per_concept else np.zeros(p.size, int)
        mean = (np.bincount(concept, p) / np.bincount(concept))[concept]
        return float(1 - (p * (1 - p)).sum() / (mean * (1 - mean)).sum())


@lru_cache(maxsize=20)
def _truth_of(number: int, concepts: int, seed: int) -> tuple[Pictures, _Truth]:
    shown = pictures(number, concepts, np.random.default_rng([seed, 3]))
    return shown, _Truth(shown, seed)


@cache
def _everything(concepts: int) -> float:
    """Consistency among observers over very many pictures."""
    shown = pictures(MANY_PICTURES, concepts, np.random.default_rng(8))
    right = answers(shown, MANY // 2, np.random.default_rng(9))
    return float(np.nanmean(error_consistency(right)))


def _result(truth: float, found: Estimate) -> Result:
    return Result(truth, found.value, found.low, found.high)


def of_people(kind: str, observers: int, number: int, studies: int, seed: int) -> Iterator[Result]:
    """Studies in which people answer about pictures that stay the same for some of the studies."""
    concepts = 8
    for study in range(studies):
        shown, truth = _truth_of(number, concepts, seed * 1000 + study // STUDIES_A_SET)
        yield _one(kind, observers, shown, truth, np.random.default_rng([seed, study]))


@cache
def _known(truth: _Truth, kind: str) -> float:
    found = {
        "human": lambda: truth.consistency(False),
        "human per concept": lambda: truth.consistency(True),
        "sparse": lambda: truth.fleiss(False),
        "sparse per concept": lambda: truth.fleiss(True),
        "single": lambda: truth.single(False),
        "single within": lambda: truth.single(True),
    }
    return found[kind]()


def _one(kind: str, observers: int, shown: Pictures, truth: _Truth, rng: np.random.Generator) -> Result:
    seed = int(rng.integers(2**31))
    seen = matrix(answers(shown, observers, rng, 0.4 if "sparse" in kind else 1.0), shown)
    within, per = "within" in kind, "concept" in kind
    if kind in {"human", "human per concept"}:
        found = human_consistency(seen, per_concept=per, draws=DRAWS, seed=seed)
    elif kind in {"sparse", "sparse per concept"}:
        found = sparse_consistency(seen, per_concept=per, draws=DRAWS, seed=seed)
    elif kind in {"model", "gap"}:
        return _with_model(kind, seen, shown, truth, seed)
    else:
        return _reliability(kind, seen, _known(truth, "single within" if within else "single"), seed)
    return _result(_known(truth, kind), found)


def _reliability(kind: str, seen: Matrix, single: float, seed: int) -> Result:
    within = "within" in kind
    if kind.startswith("single"):
        return _result(single, single_rater(seen, within_cell=within))
    number = (~np.isnan(seen.values)).sum(axis=0)
    whole = spearman_brown(single, float(1 / np.mean(1 / number[number >= 2])))
    if kind.startswith("split"):
        return _result(whole, split_half(seen, within_cell=within, draws=50, seed=seed))
    return _result(whole, attenuation(seen, within_cell=within))


def _with_model(kind: str, seen: Matrix, shown: Pictures, truth: _Truth, seed: int) -> Result:
    of_set = np.random.default_rng(int(truth.right[:, 0].sum()))
    chance = expit(shown.ease * 0.7 + of_set.normal(0, 1))
    model = (of_set.random(chance.shape) < chance).astype(np.float64)
    row = model_consistency(seen, matrix(model[None], shown), draws=DRAWS, seed=seed).iloc[0]
    with_people = truth.with_model(model)
    if kind == "model":
        return Result(with_people, row["consistency"], row["consistency_low"], row["consistency_high"])
    return Result(_known(truth, "human") - with_people, row["gap"], row["gap_low"], row["gap_high"])


def crossed(interval: str, observers: int, number: int, studies: int, seed: int) -> Iterator[Result]:
    """Studies with other observers and other pictures each."""
    for study in range(studies):
        rng = np.random.default_rng([seed, study])
        shown = pictures(number, 8, rng)
        seen = matrix(answers(shown, observers, rng), shown)
        found = crossed_consistency(seen, draws=DRAWS, seed=study, interval=interval)  # type: ignore[arg-type]
        yield _result(_everything(8), found)


def of_models(number: int, studies: int, seed: int) -> Iterator[Result]:
    """Two models and other pictures each time."""
    rng = np.random.default_rng(12)

    def right(shown: Pictures, rng: np.random.Generator) -> Floats:
        chance = expit(np.stack([shown.ease, shown.ease * 0.6 + 0.4]))
        return (rng.random(chance.shape) < chance).astype(np.float64)

    truth = float(np.nanmean(error_consistency(right(pictures(300_000, 8, rng), rng))))
    for study in range(studies):
        own = np.random.default_rng([seed, study])
        shown = pictures(number, 8, own)
        row = model_pairs(matrix(right(shown, own), shown), draws=DRAWS, seed=study).iloc[0]
        yield Result(truth, row["consistency"], row["low"], row["high"])


def choices(observers: int, number: int, studies: int, seed: int) -> Iterator[Result]:
    """People choose among eight concepts or none; the wrong choice is often that which a picture invites."""

    def chosen(shown: Pictures, people: int, rng: np.random.Generator) -> Integers:
        right = answers(shown, people, rng) == 1
        invited = np.where(rng.random(right.shape) < 0.6, (shown.concept * 3 + 1) % 9, 8)
        return np.where(right, shown.concept, invited).astype(np.intp)

    for study in range(studies):
        which = seed * 1000 + study // STUDIES_A_SET
        shown = pictures(number, 8, np.random.default_rng([which, 3]))
        truth = _choice_truth(which, number, chosen)
        seen = chosen(shown, observers, np.random.default_rng([seed, study]))
        yield _result(truth, pairs_estimate(choice_kappa(seen), draws=DRAWS, seed=study))


_CHOICE_TRUTHS: dict[tuple[int, int], float] = {}


def _choice_truth(
    which: int, number: int, chosen: Callable[[Pictures, int, np.random.Generator], Integers]
) -> float:
    if (which, number) not in _CHOICE_TRUTHS:
        shown = pictures(number, 8, np.random.default_rng([which, 3]))
        many = chosen(shown, 2000, np.random.default_rng([which, 4]))
        _CHOICE_TRUTHS[which, number] = float(np.nanmean(choice_kappa(many)))
    return _CHOICE_TRUTHS[which, number]


def two_raters(kept: float, weights: str | None, items: int, studies: int, seed: int) -> Iterator[Result]:
    """Two raters of three categories who agree on a share of items and rate the others as they like."""
    often = np.array([0.5, 0.2, 0.3])
    joint = kept * np.diag(often) + (1 - kept) * np.outer(often, often)
    for study in range(studies):
        rng = np.random.default_rng([seed, study])
        one, other = np.divmod(rng.choice(9, size=items, p=joint.reshape(-1)), 3)
        found = kappa_estimate(one.tolist(), other.tolist(), weights, draws=DRAWS, seed=study)  # type: ignore[arg-type]
        yield _result(kept, found)


def clustered_raters(clusters: int, studies: int, seed: int) -> Iterator[Result]:
    """Items in clusters of ten that raters agree on more or less: ends by clusters."""
    for study in range(studies):
        rng = np.random.default_rng([seed, study])
        cluster = np.repeat(np.arange(clusters), 10)
        kept = rng.uniform(0.4, 1, clusters)[cluster]
        one, alone = rng.integers(3, size=(2, cluster.size))
        other = np.where(rng.random(cluster.size) < kept, one, alone)
        yield _result(
            0.7,
            kappa_estimate(one.tolist(), other.tolist(), clusters=cluster.tolist(), draws=DRAWS, seed=study),
        )


def confusion(share: float, observers: int, sources: int, studies: int, seed: int) -> Iterator[Result]:
    """The share of answers that take one concept for another: by people, or by one model (0 observers)."""
    people, pics = 0.4, 0.7
    for study in range(studies):
        rng = np.random.default_rng([seed, study])
        spread = (0.0 if observers == 0 else people, pics)
        number = max(observers, 1)
        threshold = _threshold(share) * np.sqrt(1 + spread[0] ** 2 + spread[1] ** 2)
        latent = threshold + rng.normal(0, spread[0], (number, 1)) + rng.normal(0, spread[1], sources)
        taken = rng.random((number, sources)) < ndtr(latent)
        frame = _frame(taken, "human" if observers else "model")
        table = confusion_table(frame, ["cat", "dog"], "human" if observers else "model")
        row = table[table["condition"].eq("all") & table["chosen"].eq("dog")].iloc[0]
        yield Result(share, row["share"], row["low"], row["high"])


def _threshold(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _frame(taken: NDArray[np.bool_], kind: str) -> pd.DataFrame:
    observer, source = (place.reshape(-1) for place in np.indices(taken.shape))
    return pd.DataFrame(
        {
            "kind": kind,
            "observer": [f"o{n:03}" for n in observer],
            "source": [f"s{n:03}" for n in source],
            "condition": "clean",
            "concept": "cat",
            "chosen": np.where(taken.reshape(-1), "dog", "cat"),
            "correct": ~taken.reshape(-1),
        }
    )


_KINDS = (
    *("human", "human per concept", "model", "gap"),
    *("split", "split within", "rel within", "single within"),
)

Cases = dict[str, Callable[[int, int], Iterator[Result]]]


def cases() -> Cases:
    """Every case by its name: called with a number of studies and a seed, it gives their results."""
    return _for_people() | _for_items()


def _for_people() -> Cases:
    found: Cases = {}
    for n in (7, 10, 20, 40):
        for kind in _KINDS:
            found[f"{kind}, {n} observers"] = partial(of_people, kind, n, 160)
        for kind in ("two_way", "percentile"):
            found[f"crossed {kind}, {n} observers"] = partial(crossed, kind, n, 160)
        found[f"choices, {n} observers"] = partial(choices, n, 160)
    for kind in ("sparse", "sparse per concept", "sparse rel", "sparse rel within"):
        for n in (20, 40):
            found[f"{kind}, {n} observers"] = partial(of_people, kind, n, 160)
    return dict(sorted(found.items()))


def _for_items() -> Cases:
    found: Cases = {}
    for items in (30, 160, 400):
        for kept in (0.4, 0.9):
            found[f"kappa {kept}, {items} items"] = partial(two_raters, kept, None, items)
    found["quadratic kappa 0.9, 160 items"] = partial(two_raters, 0.9, "quadratic", 160)
    for clusters in (10, 40):
        found[f"kappa .7, {clusters} clusters"] = partial(clustered_raters, clusters)
    found["two models, 160 sources"] = partial(of_models, 160)
    for share in (0.02, 0.1, 0.5):
        found[f"share {share}, 10 observers, 40 sources"] = partial(confusion, share, 10, 40)
        found[f"share {share}, a model, 80 sources"] = partial(confusion, share, 0, 80)
    return found


def summary(results: Iterator[Result]) -> dict[str, float]:
    """Coverage in %, mean truth and estimate, the estimates' standard deviation, mean width, and how many."""
    table = np.array(list(results))
    truth, value, low, high = table[~np.isnan(table[:, 2])].T
    return {
        "truth": truth.mean(),
        "mean": value.mean(),
        "sd": float((value - truth).std()),
        "width": (high - low).mean(),
        "covered %": 100 * float(((low <= truth) & (truth <= high)).mean()),
        "n": truth.size,
    }


def main() -> None:
    """Print a row for each case, or for those whose name begins as given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    for name, case in cases().items():
        if name.startswith(chosen.only):
            row = summary(case(chosen.studies, chosen.seed))
            cells = "  ".join(f"{key} {value:.4g}" for key, value in row.items())
            print(f"{name:40s} {cells}", flush=True)


if __name__ == "__main__":
    main()
