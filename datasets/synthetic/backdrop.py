"""What stands behind people and in front of them: gradients, textured noise, clutter, and opaque occluders."""

from __future__ import annotations

import cv2
import numpy as np

from heatmark.datasets.people import FloatArray
from heatmark.datasets.synthetic.drawing import ByteArray, Canvas, Colour, ellipse, hsv, hull_of_discs

SIZES_WH = ((320, 240), (400, 300), (480, 360), (360, 480), (640, 480), (480, 640))
SIZE_WEIGHTS = (0.22, 0.2, 0.2, 0.16, 0.14, 0.08)


def sample_canvas(rng: np.random.Generator, size_wh: tuple[int, int] | None = None) -> Canvas:
    """A cluttered picture with nobody in it, of one of the usual sizes where none is given."""
    width, height = size_wh or SIZES_WH[int(rng.choice(len(SIZES_WH), p=SIZE_WEIGHTS))]
    canvas = Canvas(_gradient(rng, width, height), np.zeros((height, width), np.uint8))
    for _ in range(int(rng.integers(4, 18))):
        centre_2 = rng.uniform(0, 1, 2) * (width, height)
        canvas.paint(sample_shape(rng, centre_2, rng.uniform(0.04, 0.3) * height), sample_colour(rng))
    if rng.random() < 0.5:
        cv2.blur(canvas.image_HW3, (5, 5), dst=canvas.image_HW3)
    _add_texture(rng, canvas.image_HW3)
    return canvas


def sample_shape(rng: np.random.Generator, centre_2: FloatArray, reach: float) -> FloatArray:
    """A box, a ball or a stick about a centre. reach: half of the longest side, pixels."""
    kind, angle = rng.integers(3), rng.uniform(0, np.pi)
    if kind == 0:
        return ellipse(centre_2, (reach, reach * rng.uniform(0.4, 1.0)), angle)
    along_2 = reach * np.array([np.cos(angle), np.sin(angle)])
    if kind == 1:
        return hull_of_discs([(centre_2 - along_2, reach * 0.12), (centre_2 + along_2, reach * 0.12)])
    across_2 = rng.uniform(0.3, 0.9) * np.array([-along_2[1], along_2[0]])
    return centre_2 + np.array([along_2 + across_2, along_2 - across_2, -along_2 - across_2, across_2 - along_2]) / 1.4


def sample_colour(rng: np.random.Generator) -> Colour:
    """Any hue, never at its strongest, never black."""
    return hsv(rng.random(), rng.uniform(0.0, 0.7), rng.uniform(0.15, 0.95))


def _gradient(rng: np.random.Generator, width: int, height: int) -> ByteArray:
    """A few colours near one another, blended smoothly over the picture."""
    rows, columns = (int(n) for n in rng.integers(2, 6, 2))
    base_3 = rng.uniform(60, 190) + rng.normal(0, 22, 3)
    coarse = np.clip(base_3 + rng.normal(0, 25, (rows, columns, 3)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _add_texture(rng: np.random.Generator, image_HW3: ByteArray) -> None:
    """Grey noise with a grain of 1 to 4 pixels."""
    height, width = image_HW3.shape[:2]
    grain, strength = int(rng.integers(1, 5)), int(rng.integers(4, 28))
    shape = (height // grain + 1, width // grain + 1)
    noise = rng.integers(0, strength, shape, dtype=np.uint8)
    noise = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    cv2.add(image_HW3, cv2.cvtColor(noise, cv2.COLOR_GRAY2BGR), dst=image_HW3)
