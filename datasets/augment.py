"""Random scale, rotation and mirroring of a training crop, the same for any number of workers and ranks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

ROTATION_PROBABILITY = 0.6


@dataclass(frozen=True)
class CropSettings:
    """How people are cropped and how crops vary in training. Defaults are SimpleBaseline's on COCO.

    input_size: width, height. scale: the box is multiplied by 1 + scale * N(0, 1), clipped to 1 +- scale. rotation:
    rotation * N(0, 1) degrees, clipped to +- 2 rotation, on 0.6 of the crops. flip: probability of mirroring.
    """

    input_size: tuple[int, int] = (192, 256)
    padding: float = 1.25
    scale: float = 0.3
    rotation: float = 40.0
    flip: float = 0.5


class Augmentation(NamedTuple):
    """What happens to one crop: arguments of geometry.crop_affine."""

    scale_factor: float = 1.0
    rotation_deg: float = 0.0
    mirrored: bool = False


class Purpose(IntEnum):
    """What random numbers are drawn for: streams of different purposes never overlap."""

    AUGMENTATION = 0
    ORDER = 1


def random_stream(seed: int, epoch: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """A generator that depends on nothing but its arguments: no worker, rank or earlier draw."""
    key = np.array([seed, epoch], dtype=np.uint64)
    # The draws count up in the first word; 2**64 of them would be needed to reach the next index.
    counter = np.array([0, 0, purpose, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def sample_augmentation(settings: CropSettings, seed: int, epoch: int, person: int) -> Augmentation:
    """The augmentation of one person (index in the data set) in one epoch."""
    random = random_stream(seed, epoch, Purpose.AUGMENTATION, person)
    # Always the same four draws, so that switching one off leaves the others as they were.
    scale_normal, rotation_normal = random.standard_normal(2)
    rotation_uniform, flip_uniform = random.random(2)
    rotation_deg = float(np.clip(rotation_normal * settings.rotation, -2 * settings.rotation, 2 * settings.rotation))
    return Augmentation(
        scale_factor=float(np.clip(1 + scale_normal * settings.scale, 1 - settings.scale, 1 + settings.scale)),
        rotation_deg=rotation_deg if rotation_uniform <= ROTATION_PROBABILITY else 0.0,
        mirrored=bool(flip_uniform < settings.flip),
    )
