"""What the operators share: from numbers to pixel values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def to_uint8(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Round to the nearest grey level and clip to 0 to 255. Changes ``values`` in place."""
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    pixels: npt.NDArray[np.uint8] = values.astype(np.uint8)
    return pixels
