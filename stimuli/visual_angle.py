"""Between degrees of visual angle and pixels of a picture that is seen straight on.

An extent of a degrees around the point looked at covers 2 d tan(a / 2) at the viewing distance d, so that a
picture whose side spans A degrees has tan(a / 2) / tan(A / 2) of its side for it.
"""

from __future__ import annotations

import math


def pixels(degrees: float, side_pixels: int, side_degrees: float) -> float:
    """Pixels that an extent in degrees covers in the middle of a picture whose side spans ``side_degrees``.

    >>> round(pixels(0.5, 288, 8.0), 2)
    17.97
    """
    return side_pixels * math.tan(math.radians(degrees) / 2) / math.tan(math.radians(side_degrees) / 2)


def degrees(extent_pixels: float, side_pixels: int, side_degrees: float) -> float:
    """Degrees of visual angle of an extent in pixels; the inverse of ``pixels``.

    >>> round(degrees(17.97, 288, 8.0), 3)
    0.5
    """
    share = extent_pixels / side_pixels
    return math.degrees(2 * math.atan(share * math.tan(math.radians(side_degrees) / 2)))
