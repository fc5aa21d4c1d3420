"""Random scale, rotation, mirroring, half bodies and shifts of a training crop, the same for any number of workers and
ranks. Recipes are data: the distributions of four published training codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from heatmark.datasets.crop_settings import CropSettings, RecipeName
from heatmark.datasets.geometry import Box
from heatmark.datasets.people import FloatArray, Skeleton

# A half body is padded by this and not by the padding of whole bodies (HRNet).
HALF_BODY_PADDING = 1.5


@dataclass(frozen=True)
class Recipe:
    """The distributions of one training code.

    spread: of scale and rotation. `clipped_normal` is N(0, 1) clipped to 1 for the scale and to 2 for the rotation;
    `uniform` is within +- 1; `truncated_normal` is N(0, 1) without what lies beyond 1.
    rotation_probability: of rotating at all. least_joints: labelled joints from which on half bodies are cut.
    upper_probability: of the upper half, taken where it has least_upper joints; the lower needs least_lower.
    shift_probability: of shifting the box.
    """

    spread: Literal["clipped_normal", "uniform", "truncated_normal"]
    rotation_probability: float
    least_joints: int = 9
    upper_probability: float = 0.0
    least_upper: int = 3
    least_lower: int = 3
    shift_probability: float = 0.3


# HRNet asks for `randn() < 0.5`, of probability 0.69, and RLE copies it.
HRNET_UPPER = 0.6914624612740131
RECIPES: Mapping[RecipeName, Recipe] = {
    "sbl": Recipe("clipped_normal", 0.6),
    "hrnet": Recipe("clipped_normal", 0.6, least_joints=9, upper_probability=HRNET_UPPER),
    "rle": Recipe("uniform", 0.5, least_joints=4, upper_probability=HRNET_UPPER),
    "mmpose": Recipe("truncated_normal", 0.6, least_joints=9, upper_probability=0.7, least_upper=2),
}


class Variation(NamedTuple):
    """How far a recipe goes on one data set: the amplitudes of CropSettings."""

    scale: float
    rotation: float
    half_body: float = 0.0
    shift: float = 0.0


# MPII's configs of SBL and HRNet, RLE's and mmpose's of any data set but COCO.
USUAL_VARIATION: Mapping[RecipeName, Variation] = {
    "sbl": Variation(0.25, 30.0),
    "hrnet": Variation(0.25, 30.0),
    "rle": Variation(0.25, 45.0),
    "mmpose": Variation(0.5, 80.0),
}


class Augmentation(NamedTuple):
    """What happens to one crop: arguments of geometry.crop_affine, and changes of the box before it.

    half: which half of a body is wanted. shift: in sides of the padded box.
    """

    scale_factor: float = 1.0
    rotation_deg: float = 0.0
    mirrored: bool = False
    half: Literal["upper", "lower"] | None = None
    shift: tuple[float, float] = (0.0, 0.0)


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
    recipe = RECIPES[settings.augmentation]
    random = random_stream(seed, epoch, Purpose.AUGMENTATION, person)
    # Always the same draws in the same order, so that switching one off leaves the others as they were.
    normal_2 = random.standard_normal(2)
    rotation_uniform, flip_uniform = random.random(2)
    uniform_2 = random.random(2)
    half_uniform, upper_uniform, shift_uniform = random.random(3)
    shift_2 = settings.shift * _truncated_normal(random.random(2))
    scale_spread, rotation_spread = _spread(recipe, normal_2, uniform_2)
    half: Literal["upper", "lower"] = "upper" if upper_uniform < recipe.upper_probability else "lower"
    return Augmentation(
        scale_factor=1 + scale_spread * settings.scale,
        rotation_deg=rotation_spread * settings.rotation if rotation_uniform <= recipe.rotation_probability else 0.0,
        mirrored=bool(flip_uniform < settings.flip),
        half=half if half_uniform < settings.half_body else None,
        shift=(float(shift_2[0]), float(shift_2[1])) if shift_uniform < recipe.shift_probability else (0.0, 0.0),
    )


def _spread(recipe: Recipe, normal_2: FloatArray, uniform_2: FloatArray) -> tuple[float, float]:
    """Of scale and rotation."""
    if recipe.spread == "uniform":
        scale, rotation = 2 * uniform_2 - 1
    elif recipe.spread == "truncated_normal":
        scale, rotation = _truncated_normal(uniform_2)
    else:
        scale, rotation = np.clip(normal_2, [-1, -2], [1, 2])
    return float(scale), float(rotation)


def _truncated_normal(uniform_N: FloatArray) -> FloatArray:
    """Uniform numbers as draws of N(0, 1) without what lies beyond 1."""
    from scipy.special import ndtr, ndtri  # as slow to import as all else

    low, high = ndtr([-1.0, 1.0])
    drawn_N: FloatArray = ndtri(low + uniform_N * (high - low))
    return drawn_N


def half_body_box(
    joints_K2: FloatArray,
    labelled_K: npt.ArrayLike,
    skeleton: Skeleton,
    wanted: Literal["upper", "lower"],
    recipe: Recipe,
) -> Box | None:
    """The extent of a half's labelled joints, its middle their mean (HRNet's half_body_transform), as x, y, w, h.

    None where too few joints are labelled, and for skeletons without halves. The other half is taken where the wanted
    one has too few.
    """
    labelled = np.flatnonzero(np.asarray(labelled_K) > 0)
    if not skeleton.upper_body or len(labelled) < recipe.least_joints:
        return None
    upper = [k for k in labelled if k in skeleton.upper_body]
    lower = [k for k in labelled if k not in skeleton.upper_body]
    if wanted == "upper":
        chosen = upper if len(upper) >= recipe.least_upper else lower
    else:
        chosen = lower if len(lower) >= recipe.least_lower else upper
    if len(chosen) < 2:
        return None
    found_M2 = joints_K2[chosen]
    width, height = np.ptp(found_M2, axis=0)
    if max(width, height) < 1:
        return None
    x, y = found_M2.mean(axis=0) - (width / 2, height / 2)
    return float(x), float(y), float(width), float(height)
