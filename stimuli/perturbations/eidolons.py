"""Eidolons: pictures in disarray, coherent or not, over a reach."""

from __future__ import annotations

from stimuli.perturbations.perturbation import HumanAnchors, Perturbation

EIDOLON = (
    "Koenderink, Valsecchi, van Doorn, Wagemans & Gegenfurtner (2017), Eidolons: novel stimuli for vision "
    "research, Journal of Vision 17(2):7; coherence, reach and grain as in Geirhos et al. (2018), "
    "Generalisation in humans and deep neural networks, NeurIPS"
)
DOES = (
    "grey picture, cut into 12 slices between Gaussians of SD 0.71 to 32 px; each slice's pixels taken from "
    "random places nearby, the slices added up again; "
)
MIND = (
    "grey, and blurred by 0.71 px even at a reach of 0; the picture goes on as its mirror image beyond its "
    "edges; lengths are pixels of the stimulus, published for pictures of 256 px (SD of displacements as "
    "there, relative to 64 px at any size); legacy gives the published toolbox's pixels at the picture's own "
    "size, with its blurs a row askew and its places cut off to whole pixels"
)


def _eidolon(name: str, displacements: str, human: HumanAnchors | None = None) -> Perturbation:
    return Perturbation(
        name=name,
        group="eidolon",
        does=DOES + displacements,
        parameter="reach: displacements are proportional to it",
        unit="px",
        direction=1,
        identity=None,
        low=0.0,
        high=256.0,
        source=EIDOLON,
        published_levels=(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0),
        random=True,
        module="eidolon",
        human=human,
        mind=MIND,
    )


EIDOLONS: tuple[Perturbation, ...] = (
    _eidolon(
        "eidolon_i",
        "coherence 1: displacements of SD 0.119 reach, as smooth as the slice, on top of those of all "
        "coarser slices (SD 0.41 reach in all for the finest)",
        HumanAnchors(8.1, 14.8, 26.0),
    ),
    _eidolon(
        "eidolon_ii",
        "coherence 0.3: 0.3 of the displacements of eidolon_i and 0.7 of those of eidolon_iii",
    ),
    _eidolon(
        "eidolon_iii",
        "coherence 0: each slice by itself, displacements of SD 0.762 reach, smoothed by a Gaussian of "
        "SD 10 px (grain 10)",
    ),
)
