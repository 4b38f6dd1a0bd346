"""Pictures come out with the mean luminance and the contrast that were asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage

from stimuli.conditions import Matching
from stimuli.matching import TOLERANCE, CannotMatchError, matched
from stimuli.measures import mean_luminance, rms_contrast

data: Any = skimage.data
PICTURES: dict[str, npt.NDArray[np.uint8]] = {
    "astronaut": data.astronaut(),
    "cat": data.chelsea(),
    "rocket": data.rocket(),
}
pictures = pytest.mark.parametrize("name", list(PICTURES))


@pictures
@pytest.mark.parametrize(("luminance", "contrast"), [(0.5, 0.2), (0.4, 0.1), (0.6, 0.25)])
def test_both_are_reached(name: str, luminance: float, contrast: float) -> None:
    image = PICTURES[name]
    before = image.copy()
    shown = matched(image, Matching(luminance, contrast), name)
    assert shown.shape == image.shape
    assert shown.dtype == np.uint8
    assert mean_luminance(shown) == pytest.approx(luminance, abs=TOLERANCE)
    assert rms_contrast(shown) == pytest.approx(contrast, abs=TOLERANCE)
    assert np.array_equal(image, before)


@pictures
def test_what_is_not_wanted_stays(name: str) -> None:
    image = PICTURES[name]
    shown = matched(image, Matching(luminance=0.5), name)
    assert rms_contrast(shown) == pytest.approx(rms_contrast(image), abs=TOLERANCE)
    shown = matched(image, Matching(contrast=0.15), name)
    assert mean_luminance(shown) == pytest.approx(mean_luminance(image), abs=TOLERANCE)


def test_a_flat_picture_has_no_contrast_to_give() -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert mean_luminance(matched(flat, Matching(luminance=0.6), "flat")) == pytest.approx(0.6, abs=TOLERANCE)
    with pytest.raises(CannotMatchError) as error:
        matched(flat, Matching(0.5, 0.2), "flat.png")
    assert str(error.value) == (
        "flat.png cannot be given mean luminance 0.500 and RMS contrast 0.200 (it comes to 0.502 and 0.000); "
        "leave it out, or match to other values"
    )
