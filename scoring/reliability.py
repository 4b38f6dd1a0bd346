"""How reliable the human scores of a study's images are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scoring.cells import Cells
from scoring.statistics import CONFIDENCE, Floats, Integers, central_interval, members, numbered

#: draws looked at together, so that memory stays small
DRAWS_AT_ONCE = 50


def reliability(cells: Cells) -> float:
    """Give the share of the variance of p between images of a cell that is not the raters' noise.

    1 - mean(s_i²/n_i) / pooled variance of p within concept and condition, over the images with at least two
    responses; at most 1, and 0 or less where noise explains all. One number for a study: with few images
    a concept's own is too noisy to divide by. NaN without a cell that has two such images, or where p does
    not vary in any cell.
    """
    images = _images(cells)
    once = np.ones((len(cells.sources), 1))
    return float(_share(images, once)[0]) if images.noise.size else float("nan")


def reliability_ends(cells: Cells, times: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The central part of the reliability when sources are drawn again, ``times`` (S, draws).

    Where its lower end is not above 0, images may as well be recognised alike, and nothing should be divided
    by its root. NaN ends where there is no reliability.
    """
    images = _images(cells)
    if not images.noise.size:
        return float("nan"), float("nan")
    parts = [times[:, start : start + DRAWS_AT_ONCE] for start in range(0, times.shape[1], DRAWS_AT_ONCE)]
    found = central_interval(np.concatenate([_share(images, part) for part in parts]), confidence)
    return found.low, found.high


class _Images(NamedTuple):
    """The images (n,) with two responses or more: their source, cell, score, and the noise in it."""

    source: Integers
    cell: Integers
    score: Floats
    noise: Floats


def _images(cells: Cells) -> _Images:
    rated = ~np.isnan(cells.variance) & ~np.isnan(cells.recognition)
    condition, source = np.nonzero(rated)
    number = condition * len(cells.concepts) + cells.concept[source]
    cell = numbered(number)
    noise = cells.variance[rated] / cells.responses[rated]
    return _Images(source.astype(np.intp), cell, cells.recognition[rated], noise)


def _share(images: _Images, times: Floats) -> Floats:
    """1 - noise / variance between images, (draws,); the variance within cells, each about its own mean.

    A sample drawn again varies less than the one it is drawn from, by (n - 1)/n, which is made good.
    """
    drawn = times[images.source]
    member = members(images.cell, int(images.cell.max()) + 1)
    size = member @ drawn
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(size > 0, member @ (drawn * images.score[:, None]) / size, 0.0)
        squares = (drawn * (images.score[:, None] - mean[images.cell]) ** 2).sum(axis=0)
        freedom = member.sum(axis=1) - 1
        lost = drawn.max() > 1
        between = squares / (freedom * (freedom / (freedom + 1) if lost else 1)).sum()
        noise = (drawn * images.noise[:, None]).sum(axis=0) / drawn.sum(axis=0)
        return np.asarray(np.where(between > 0, 1 - noise / between, np.nan))
