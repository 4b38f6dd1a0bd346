"""False colours: each hue in place of the next, at equal luminance."""

from __future__ import annotations

from functools import reduce

import cv2
import numpy as np

from stimuli.corruptions.light import BY_LIGHT, LIGHT
from stimuli.corruptions.pixels import Pixels, Rng, Values

#: from linear sRGB to CIE XYZ (IEC 61966-2-1)
XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
#: the same, white being 1 in each
RELATIVE_XYZ = XYZ / XYZ.sum(axis=1, keepdims=True)

_TO_XYZ = RELATIVE_XYZ.astype(np.float32)
_FROM_XYZ = np.linalg.inv(RELATIVE_XYZ).astype(np.float32)
#: below its cube CIE 1976 L*a*b* is linear in light
_KNEE = np.float32(6 / 29)
_SLOPE, _OFFSET = np.float32(1 / (3 * (6 / 29) ** 2)), np.float32(4 / 29)
#: a channel is no nearer to the grey than this, in light
_NO_COLOUR = np.float32(1e-6)


def false_colour(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Turn each hue by 90 degrees at equal luminance for severity 1; 0 leaves the picture as it is.

    (a*, b*) becomes (-b*, a*) in CIE 1976 L*a*b*: reddish turns yellowish, yellowish greenish, and so on.
    Colours that a display cannot show are mixed with the grey of equal luminance, in light, until it can.
    Nothing is drawn from ``rng``, whatever its kind: there are no published pixels.
    """
    del rng
    if not severity:
        return image.copy()
    xyz = cv2.transform(cv2.LUT(image, LIGHT), _TO_XYZ)
    planes = [np.asarray(plane, np.float32) for plane in cv2.split(xyz)]
    turned = cv2.transform(cv2.merge(_hues_turned(*planes)), _FROM_XYZ)
    shown = _showable([np.asarray(plane, np.float32) for plane in cv2.split(turned)], planes[1])
    return BY_LIGHT(np.asarray(cv2.merge(shown), np.float32))


def _hues_turned(x: Values, y: Values, z: Values) -> list[Values]:
    """XYZ, white being 1, of the colours a quarter turn on.

    a* is 500 (x - y) and b* 200 (y - z) of the responses to X, Y and Z.
    """
    x_response, y_response, z_response = _response(x), _response(y), _response(z)
    red_green, yellow_blue = x_response - y_response, y_response - z_response
    new_x = y_response - np.float32(0.4) * yellow_blue
    new_z = y_response - np.float32(2.5) * red_green
    return [_stimulus(new_x), y, _stimulus(new_z)]


def _response(stimulus: Values) -> Values:
    low = stimulus * _SLOPE + _OFFSET
    return np.where(stimulus > _KNEE**3, np.cbrt(stimulus), low)


def _stimulus(response: Values) -> Values:
    low = (response - _OFFSET) / _SLOPE
    return np.where(response > _KNEE, response * response * response, low)


def _showable(light: list[Values], luminance: Values) -> list[Values]:
    """Channels drawn towards the grey of their luminance until each lies between 0 and 1."""
    away = [channel - luminance for channel in light]
    share = reduce(np.minimum, (_share(channel, luminance) for channel in away)).clip(max=1)
    return [luminance + share * channel for channel in away]


def _share(away: Values, luminance: Values) -> Values:
    """Share of its distance from grey at which a channel is at the end of its range."""
    room = np.where(away > 0, 1 - luminance, luminance)
    return np.asarray(room / np.maximum(np.abs(away), _NO_COLOUR), np.float32)
