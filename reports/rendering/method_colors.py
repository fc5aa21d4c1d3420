"""One colour per method, in every figure and every report the same."""

from __future__ import annotations

import colorsys
import itertools
import math

from heatmark.foundation.hashes import sha256_of
from heatmark.models.methods import METHODS

# Of a colour that a name is given: strong enough on white, and not as dark as text.
SATURATIONS, VALUES = (0.55, 0.75, 0.95), (0.45, 0.6, 0.75)
# Of two colours that are told apart in a legend, between their red, green and blue from 0 to 255.
LEAST_DISTANCE = 45.0


def method_color(name: str) -> str:
    """The method's own colour as #RRGGBB; else one that follows from its name alone.

    The built-in methods have Okabe and Ito's colours, told apart with any colour vision; beyond the sixth darker ones.
    A colour by name is unlike all that methods have of their own, and stays what it is whichever methods there are
    besides; with many such methods two may come near each other.
    """
    own = METHODS[name].colour
    if own is not None:
        return own
    taken = [_rgb(each.colour) for each in METHODS.values() if each.colour is not None]
    colors = (_color_of(f"{name} {attempt}") for attempt in itertools.count())
    return next(each for each in colors if all(math.dist(_rgb(each), other) > LEAST_DISTANCE for other in taken))


def _color_of(text: str) -> str:
    number = int(sha256_of(text)[:8], 16)
    hue, saturation, value = number % 360, SATURATIONS[number // 360 % 3], VALUES[number // 1080 % 3]
    return "#" + "".join(f"{round(255 * part):02X}" for part in colorsys.hsv_to_rgb(hue / 360, saturation, value))


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))
