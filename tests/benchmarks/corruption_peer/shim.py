"""imagecorruptions 1.1.2 on a current stack: what it asks for by names that are gone.

It is loaded as it is; only the names it imports are put back. Its salt and pepper drew from NumPy's global
generator through scikit-image, as the scikit-image of its time did; that is put back too.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import scipy.ndimage
import skimage.filters
import skimage.util


def load() -> Any:
    """The package."""
    _old_numpy()
    _old_modules()
    _old_skimage()
    return import_module("imagecorruptions")


def _old_numpy() -> None:
    if not hasattr(np, "float_"):
        setattr(np, "float_", np.float64)  # noqa: B010


def _old_modules() -> None:
    resources = ModuleType("pkg_resources")
    resources.__dict__["resource_filename"] = _no_resources
    interpolation = ModuleType("scipy.ndimage.interpolation")
    interpolation.__dict__["map_coordinates"] = scipy.ndimage.map_coordinates
    sys.modules |= {"pkg_resources": resources, "scipy.ndimage.interpolation": interpolation}


def _no_resources(*names: str) -> str:
    raise NotImplementedError(f"the benchmark does not compare what needs the files of {names}")


def _old_skimage() -> None:
    filters: Any = skimage.filters
    util: Any = skimage.util
    gaussian, random_noise = filters.gaussian, util.random_noise

    def old_gaussian(image: Any, *args: Any, multichannel: bool = False, **options: Any) -> Any:
        return gaussian(image, *args, channel_axis=-1 if multichannel else None, **options)

    def old_random_noise(image: Any, **options: Any) -> Any:
        return random_noise(image, rng=np.random.mtrand._rand, **options)

    filters.gaussian, util.random_noise = old_gaussian, old_random_noise
