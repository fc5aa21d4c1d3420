"""A creature of any skeleton: joints as blobs whose colours tell them apart, limbs as tapered strokes.

All creatures of a skeleton are one shape, its layout, each bent, turned and tinted in its own way. All are seen from
the front, so that in a mirrored picture, too, the side that a joint is on tells left from right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatmark.datasets.people import FloatArray, Skeleton
from heatmark.datasets.skeletons.layout import layout
from heatmark.datasets.synthetic.drawing import Colour, ellipse, hsv, hull, hull_of_discs, shaded

# Of the bends: how many waves run over a creature, their strength, and how often each turns over half of its extent. As
# long as waves * strength * 2 pi stays below 1 no creature is folded over.
WAVES, STRENGTH, TURNS = 3, 0.05, (0.15, 0.5)
STRETCH = 0.12
TILT_DEGREES = 25.0

# Radii of a joint: pixels at the least, a share of the creature at the most, and of the way to the next joint.
SMALLEST_BLOB, LARGEST_BLOB, BLOB_SHARE = 1.6, 0.036, 0.42
LIMB_ENDS = (0.75, 0.45)
# From here on a dark rim leaves enough of a blob's own colour.
RIMMED_BLOB = 3.0
# Steps of this part of the wheel keep the hues of neighbouring joints far apart, however many there are.
GOLDEN_TURN = 0.6180339887


@dataclass(frozen=True)
class Shape:
    """What all creatures of a skeleton share. places_K2: within -1..1; colours: of the joints."""

    places_K2: FloatArray
    bones: tuple[tuple[int, int], ...]
    colours: tuple[Colour, ...]


@dataclass(frozen=True)
class Part:
    """A convex outline of a creature, in pixels, with its colours."""

    outline_N2: FloatArray
    colour: Colour
    edge: Colour | None = None


@dataclass(frozen=True)
class Creature:
    """joints_K2: (x, y) in pixels, the middle of their extent at 0. size: the longer side of that extent."""

    joints_K2: FloatArray
    size: float
    parts: tuple[Part, ...]

    def moved(self, by_2: FloatArray) -> Creature:
        """The same creature elsewhere."""
        parts = tuple(Part(part.outline_N2 + by_2, part.colour, part.edge) for part in self.parts)
        return Creature(self.joints_K2 + by_2, self.size, parts)


def shape_of(skeleton: Skeleton) -> Shape:
    """The layout of a skeleton and the colours of its joints.

    The joints of a pair share a hue, of which the left one has the light shade and the right one the dark.
    """
    shades = {"left": (0.85, 1.0), "right": (1.0, 0.55), None: (0.95, 0.85)}
    colours = tuple(
        hsv(min(joint, twin) * GOLDEN_TURN, *shades[skeleton.side_of(joint)])
        for joint, twin in enumerate(skeleton.mirrored_order)
    )
    return Shape(_centred(layout(skeleton), 2.0), skeleton.bones, colours)


def sample_creature(rng: np.random.Generator, shape: Shape, size: float) -> Creature:
    """One creature about the origin. size: the longer side in pixels of its joints' extent."""
    angle = np.radians(rng.uniform(-TILT_DEGREES, TILT_DEGREES))
    cos, sin = np.cos(angle), np.sin(angle)
    bent_K2 = _bent(rng, shape.places_K2 * rng.uniform(1 - STRETCH, 1 + STRETCH, 2))
    joints_K2 = _centred(bent_K2 @ np.array([[cos, sin], [-sin, cos]]), size)
    return Creature(joints_K2, size, _parts(rng, shape, joints_K2, size))


def _bent(rng: np.random.Generator, places_K2: FloatArray) -> FloatArray:
    """Moved by a sum of plane waves, which is smooth: joints stay beside their neighbours."""
    moved_K2 = places_K2.copy()
    for _ in range(WAVES):
        along, across = rng.uniform(0, 2 * np.pi, 2)
        turns, start = rng.uniform(*TURNS), rng.uniform(0, 2 * np.pi)
        phase_K = 2 * np.pi * turns * (places_K2 @ [np.cos(along), np.sin(along)]) + start
        moved_K2 += STRENGTH / turns * np.sin(phase_K)[:, None] * [np.cos(across), np.sin(across)]
    return moved_K2


def _centred(places_K2: FloatArray, size: float) -> FloatArray:
    """With the middle of the extent at 0 and its longer side of a size."""
    low_2, high_2 = places_K2.min(axis=0), places_K2.max(axis=0)
    centred_K2: FloatArray = (places_K2 - (low_2 + high_2) / 2) * (size / max(float((high_2 - low_2).max()), 1e-9))
    return centred_K2


def _parts(rng: np.random.Generator, shape: Shape, joints_K2: FloatArray, size: float) -> tuple[Part, ...]:
    """Limbs, or else one body behind the joints of a skeleton without limbs; then the joints."""
    own = hsv(rng.random(), rng.uniform(0.1, 0.45), rng.uniform(0.35, 0.9))
    blob = _blob_radius(joints_K2, size)
    if shape.bones:
        first, last = (blob * end for end in LIMB_ENDS)
        limbs = [hull_of_discs([(joints_K2[a], first), (joints_K2[b], last)]) for a, b in shape.bones]
    else:
        limbs = [hull(np.concatenate([ellipse(joint_2, (2.0 * blob, 2.0 * blob)) for joint_2 in joints_K2]))]
    parts = [Part(outline_N2, own, shaded(own, 0.6) if blob >= RIMMED_BLOB else None) for outline_N2 in limbs]
    for joint_2, colour in zip(joints_K2, shape.colours, strict=True):
        rim = shaded(colour, 0.35) if blob >= RIMMED_BLOB else None
        parts.append(Part(ellipse(joint_2, (blob, blob)), colour, rim))
    return tuple(parts)


def _blob_radius(joints_K2: FloatArray, size: float) -> float:
    """Pixels: small enough for most joints to be seen beside their neighbours."""
    distance_KK = np.linalg.norm(joints_K2[:, None] - joints_K2[None], axis=-1)
    np.fill_diagonal(distance_KK, np.inf)
    nearest = float(np.percentile(distance_KK.min(axis=1), 25)) if len(joints_K2) > 1 else np.inf
    return max(SMALLEST_BLOB, min(LARGEST_BLOB * size, BLOB_SHARE * nearest))
