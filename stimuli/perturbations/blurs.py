"""Blurs of the corruption benchmark."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Companion, Perturbation
from stimuli.perturbations.sources import IMAGENET_C

GROUP = "blur"
#: the authors of the package imagecorruptions
MICHAELIS = (
    "Michaelis et al. (2019), Benchmarking robustness in object detection: autonomous driving when winter "
    "is coming, arXiv:1907.07484"
)
#: standard deviations of the glass, with its other parameters
GLASS_LEVELS = (0.7, 0.9, 1.0, 1.1, 1.5)
GLASS = (
    Companion("delta", "px", (1, 2, 2, 3, 4), whole=True),
    Companion("iterations", "", (2, 1, 3, 2, 2), whole=True),
)
#: radii of the disc, with its smoothing
DISC_LEVELS = (3.0, 4.0, 6.0, 8.0, 10.0)
DISC = (Companion("alias_blur", "px", (0.1, 0.5, 0.5, 0.5, 0.5)),)
#: standard deviations of the motion, with its extent
MOTION_LEVELS = (3.0, 5.0, 8.0, 12.0, 15.0)
MOTION_RADII = (10.0, 15.0, 15.0, 15.0, 20.0)
#: largest zooms, with the distance between one zoom and the next
ZOOM_LEVELS = (1.11, 1.15, 1.2, 1.24, 1.3)
ZOOM = (Companion("step", "", (0.01, 0.01, 0.02, 0.02, 0.03)),)

BLURS: tuple[Perturbation, ...] = (
    Perturbation(
        name="gaussian_blur",
        group=GROUP,
        does="blur of each channel by a Gaussian, edge pixels repeated, kernel cut at 4 SD",
        parameter="standard deviation of the Gaussian",
        unit="px",
        direction=1,
        identity=0.0,
        low=0.0,
        high=128.0,
        source=IMAGENET_C,
        published_levels=(1.0, 2.0, 3.0, 4.0, 6.0),
        linear_light=True,
        mind="pixels are those of the stimulus, so scale it with its size",
    ),
    Perturbation(
        name="defocus_blur",
        group=GROUP,
        does="blur of each channel by a smoothed disc of weight 1, the picture mirrored at its edges",
        parameter="radius of the disc",
        unit="px",
        direction=1,
        identity=0.0,
        low=0.0,
        high=64.0,
        source=IMAGENET_C,
        published_levels=DISC_LEVELS,
        linear_light=True,
        companions=DISC,
        mind="pixels are those of the stimulus; lenses blur light, so see the form in linear light",
    ),
    Perturbation(
        name="defocus_blur_published",
        group=GROUP,
        does="blur of each channel by a smoothed disc that meets the kernel's edge from radius 7 on",
        parameter="radius of the disc",
        unit="px",
        direction=1,
        identity=0.0,
        low=0.0,
        high=64.0,
        source=IMAGENET_C,
        published_levels=DISC_LEVELS,
        linear_light=True,
        companions=DISC,
        mind="from radius 7 on the weights sum to more than 1: the picture gets 1% brighter",
    ),
    Perturbation(
        name="glass_blur",
        group=GROUP,
        does="blur by a Gaussian, pixels change places twice with others up to 8/3 SD away, the blur again",
        parameter="standard deviation of the Gaussian",
        unit="px",
        direction=1,
        identity=None,
        low=0.7,
        high=16.0,
        source=IMAGENET_C,
        own_levels=GLASS_LEVELS,
        random=True,
        linear_light=True,
        mind="all lengths grow with the severity, so scale it with the stimulus; pixels go 3.9 to 3.4 times "
        "as far as the blur's SD; the levels are the published SDs, whose reach and iterations do not grow "
        "with them and are the ones here at 1.5 only (see glass_blur_published); below 0.7 px the blur no "
        "longer smooths the disorder, and milder would be further from clean",
    ),
    Perturbation(
        name="glass_blur_published",
        group=GROUP,
        does="blur by a Gaussian, pixels copy others up to delta px away one by one, the same blur again",
        parameter="standard deviation of the Gaussian",
        unit="px",
        direction=0,
        identity=None,
        low=0.0,
        high=32.0,
        source=IMAGENET_C,
        published_levels=GLASS_LEVELS,
        random=True,
        linear_light=True,
        companions=GLASS,
        mind="delta and iterations go up and down, and photographs come nearer to clean from 0.7 to 0.9 and "
        "from 1 to 1.1, so severities count as unordered; half to three quarters of the pixels are lost; the "
        "picture moves down and right by 1 to 2 px",
    ),
    Perturbation(
        name="motion_blur",
        group=GROUP,
        does="blur by a Gaussian along a line within 45° of the horizontal, cut to both sides at the least "
        "radius or, beyond 15 px, at 4/3 SD",
        parameter="standard deviation of the Gaussian",
        unit="px",
        direction=1,
        identity=0.0,
        low=0.0,
        high=128.0,
        source=IMAGENET_C,
        published_levels=MOTION_LEVELS,
        random=True,
        linear_light=True,
        companions=(Companion("least_radius", "px", MOTION_RADII, whole=True),),
        mind="the radius cuts the wide ones: at 15 px the standard deviation along the line is 10.4 px, and "
        "beyond it 0.68 of what is asked for",
    ),
    Perturbation(
        name="motion_blur_published",
        group=GROUP,
        does="blur by half a Gaussian along a line within 45° of the horizontal, cut at twice the radius",
        parameter="standard deviation of the Gaussian, if it were whole",
        unit="px",
        direction=1,
        identity=None,
        low=0.1,
        high=15.0,
        source=f"{MICHAELIS}; after {IMAGENET_C}",
        published_levels=MOTION_LEVELS,
        random=True,
        linear_light=True,
        companions=(Companion("radius", "px", MOTION_RADII, whole=True),),
        mind="moves the picture to the left, by 11 px at 15 px; a picture smaller than the line gets darker",
    ),
    Perturbation(
        name="zoom_blur",
        group=GROUP,
        does="mean of the picture, twice, and of its magnifications about its centre",
        parameter="largest magnification",
        unit="times",
        direction=1,
        identity=1.0,
        low=1.0,
        high=3.0,
        source=IMAGENET_C,
        published_levels=ZOOM_LEVELS,
        linear_light=True,
        companions=ZOOM,
        mind="little is lost at the centre, most at the edges",
    ),
    Perturbation(
        name="zoom_blur_published",
        group=GROUP,
        does="mean of the picture, twice, and of magnifications of crops, cut to size at the right and below",
        parameter="largest magnification",
        unit="times",
        direction=1,
        identity=1.0,
        low=1.0,
        high=3.0,
        source=f"{MICHAELIS}; after {IMAGENET_C}",
        published_levels=ZOOM_LEVELS,
        linear_light=True,
        companions=ZOOM,
        mind="crops of whole pixels: centres lie up to 1 px apart, and the picture moves by 0.3 to 0.6 px",
    ),
)
