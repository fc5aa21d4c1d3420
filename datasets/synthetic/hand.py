"""A jointed hand in three dimensions: a palm and five fingers of three bones, bent within the limits of joints.

The hand's own frame: x to the side of the thumb, y along the fingers, z out of the palm, origin at the wrist, metres.
So it is of a right hand; a left hand is its mirror image, x turned round. Joints are in RHD's order: the wrist, then
each finger from its tip to its base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatmark.datasets.people import FloatArray

FINGERS = ("thumb", "index", "middle", "ring", "little")
BONES = 3

Range = tuple[float, float]

# An adult's measures in millimetres: where fingers begin, and their bones from the base to the tip.
BASES_MM = {
    "thumb": (24.0, 24.0, 12.0),
    "index": (24.0, 90.0, 0.0),
    "middle": (2.0, 94.0, -4.0),
    "ring": (-18.0, 89.0, -3.0),
    "little": (-36.0, 78.0, 1.0),
}
BONES_MM = {
    "thumb": (43.0, 33.0, 25.0),
    "index": (40.0, 26.0, 22.0),
    "middle": (44.0, 29.0, 23.0),
    "ring": (40.0, 28.0, 23.0),
    "little": (32.0, 20.0, 19.0),
}
# Half of the thickness at the base and after each bone.
RADII_MM = {
    "thumb": (13.5, 11.0, 9.3, 7.6),
    "index": (10.6, 9.0, 7.8, 6.4),
    "middle": (10.8, 9.2, 8.0, 6.6),
    "ring": (10.4, 8.7, 7.5, 6.2),
    "little": (9.4, 7.5, 6.5, 5.5),
}

# Degrees to the side of the thumb at rest, and how much more a spread hand has.
SPLAY = {"index": (2.0, 11.0), "middle": (0.0, 1.0), "ring": (-2.0, -8.0), "little": (-5.0, -18.0)}

# How far each finger is bent, 0 straight to 1 as far as it goes, thumb to little finger; and how common the gesture is.
GESTURES: dict[str, tuple[float, tuple[Range, Range, Range, Range, Range]]] = {
    "open": (0.22, ((0.0, 0.3), (0.0, 0.15), (0.0, 0.15), (0.0, 0.15), (0.0, 0.2))),
    "relaxed": (0.2, ((0.1, 0.5), (0.1, 0.4), (0.15, 0.45), (0.2, 0.5), (0.2, 0.55))),
    "fist": (0.1, ((0.4, 0.9), (0.8, 1.0), (0.8, 1.0), (0.8, 1.0), (0.8, 1.0))),
    "pointing": (0.12, ((0.3, 0.9), (0.0, 0.15), (0.7, 1.0), (0.7, 1.0), (0.7, 1.0))),
    "two fingers": (0.08, ((0.4, 0.9), (0.0, 0.15), (0.0, 0.15), (0.7, 1.0), (0.7, 1.0))),
    "thumb up": (0.06, ((0.0, 0.1), (0.8, 1.0), (0.8, 1.0), (0.8, 1.0), (0.8, 1.0))),
    "grasping": (0.12, ((0.2, 0.6), (0.35, 0.65), (0.35, 0.65), (0.35, 0.65), (0.35, 0.65))),
    "each its own": (0.1, ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))),
}


@dataclass(frozen=True)
class Hand:
    """right: which hand. joints_K3: RHD's order. dorsal_533: the back of each bone, by finger, from base to tip.

    axes_33: the rows are the hand's own x (to the thumb), y and z. size: relative to the measures above.
    """

    right: bool
    joints_K3: FloatArray
    dorsal_533: FloatArray
    axes_33: FloatArray
    size: float

    @property
    def wrist_3(self) -> FloatArray:
        wrist_3: FloatArray = self.joints_K3[0]
        return wrist_3

    def chain(self, finger: int) -> FloatArray:
        """chain_43: a finger's joints from its base to its tip."""
        chain_43: FloatArray = self.joints_K3[1 + 4 * finger : 5 + 4 * finger][::-1]
        return chain_43

    def point(self, own_mm: tuple[float, float, float]) -> FloatArray:
        """A point of the palm, given in the hand's own frame."""
        seen_3: FloatArray = self.wrist_3 + np.array(own_mm) / 1000 * self.size @ self.axes_33
        return seen_3

    def placed(self, turn_33: FloatArray, origin_3: FloatArray) -> Hand:
        """turn_33 takes the frame that the hand is in to another, where its wrist is at origin_3."""
        return Hand(
            self.right,
            self.joints_K3 @ turn_33.T + origin_3,
            self.dorsal_533 @ turn_33.T,
            self.axes_33 @ turn_33.T,
            self.size,
        )


def sample_hand(rng: np.random.Generator, *, right: bool) -> Hand:
    """A hand in some gesture, in its own frame."""
    names = list(GESTURES)
    weights = np.array([weight for weight, _ in GESTURES.values()])
    gesture = GESTURES[names[int(rng.choice(len(names), p=weights / weights.sum()))]][1]
    size, spread = rng.uniform(0.88, 1.12), rng.random()
    joints_K3, dorsal_533 = [np.zeros(3)], []
    for finger, bend in zip(FINGERS, gesture, strict=True):
        directions_33, dorsal_33 = _thumb(rng, bend) if finger == "thumb" else _finger(rng, finger, bend, spread)
        lengths_3 = np.array(BONES_MM[finger]) * rng.uniform(0.95, 1.05)
        chain_43 = np.cumsum([BASES_MM[finger], *(directions_33 * lengths_3[:, None])], axis=0)
        joints_K3 += list(chain_43[::-1] / 1000 * size)
        dorsal_533.append(dorsal_33)
    mirror_33 = np.diag([1.0 if right else -1.0, 1.0, 1.0])
    return Hand(right, np.array(joints_K3) @ mirror_33, np.array(dorsal_533) @ mirror_33, mirror_33, float(size))


def _finger(rng: np.random.Generator, finger: str, bend: Range, spread: float) -> tuple[FloatArray, FloatArray]:
    """Directions and backs of the three bones of a finger, which bends in one plane."""
    curl = rng.uniform(*bend)
    rest, more = SPLAY[finger]
    # Bent fingers cannot spread.
    aside = np.radians(rest + more * spread * (1 - curl) + rng.normal(0, 1.5))
    angles_3 = np.array([-12 + 97 * curl, 105 * curl, 70 * curl]) + rng.normal(0, (6, 6, 4)) * (0.4 + curl)
    flexion_3 = np.radians(np.cumsum(np.clip(angles_3, (-20, 0, 0), (90, 110, 75))))
    return _bent(np.array([np.sin(aside), np.cos(aside), 0.0]), np.array([0.0, 0.0, 1.0]), flexion_3)


def _thumb(rng: np.random.Generator, bend: Range) -> tuple[FloatArray, FloatArray]:
    """The thumb stands off the palm and bends across it."""
    curl = rng.uniform(*bend)
    out, up = np.radians(rng.uniform(28, 52) - 12 * curl), np.radians(rng.uniform(5, 25) + 25 * curl)
    first_3 = np.array([np.sin(out) * np.cos(up), np.cos(out) * np.cos(up), np.sin(up)])
    inward_3 = np.array([-0.85, 0.1, 0.5])
    inward_3 -= (inward_3 @ first_3) * first_3
    angles_3 = np.array([0.0, 4 + 46 * curl, -6 + 70 * curl]) + rng.normal(0, (0, 5, 6))
    flexion_3 = np.radians(np.cumsum(np.clip(angles_3, (0, -5, -15), (0, 55, 75))))
    return _bent(first_3, inward_3 / np.linalg.norm(inward_3), flexion_3)


def _bent(straight_3: FloatArray, inward_3: FloatArray, flexion_3: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bones turned from `straight_3` toward `inward_3`, unit vectors at right angles; and the backs of the bones."""
    cos_31, sin_31 = np.cos(flexion_3)[:, None], np.sin(flexion_3)[:, None]
    return cos_31 * straight_3 + sin_31 * inward_3, sin_31 * straight_3 - cos_31 * inward_3
