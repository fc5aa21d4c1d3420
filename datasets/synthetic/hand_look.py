"""What a drawn hand is made of: rounded solids with RHD's part numbers, and the colour of every point on them.

Fingers can be told apart by a tint of the skin and of the nail, the same on both hands; left from right only by
geometry: nails and knuckles are on the back, a paler skin with creases is on the palm. So a mirrored picture of a hand
is one that could have been drawn of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from heatmark.datasets.people import FloatArray
from heatmark.datasets.rhd_files import LEFT_PARTS, RIGHT_PARTS
from heatmark.datasets.synthetic.drawing import Colour, hsv
from heatmark.datasets.synthetic.figure import SKINS
from heatmark.datasets.synthetic.hand import BONES, FINGERS, RADII_MM, Hand
from heatmark.datasets.synthetic.solids import Hit, Limb, Slab, Solid

PERSON = 1

# Blue, green, red.
TINTS: dict[str, Colour] = {
    "thumb": (60, 60, 225),
    "index": (40, 190, 235),
    "middle": (80, 200, 90),
    "ring": (225, 140, 40),
    "little": (205, 70, 190),
}

# Of the palm, in millimetres of a right hand's own frame: the lines of heart, head and life.
CREASES_MM = (
    ((-40.0, 66.0), (-12.0, 68.0), (12.0, 84.0)),
    ((-26.0, 46.0), (6.0, 56.0), (32.0, 66.0)),
    ((32.0, 66.0), (12.0, 46.0), (4.0, 10.0)),
)
WRIST_MM = 12.0

# Where a ray met a solid, and the points themselves, to blue, green and red of the unlit surface, 0 to 255.
Paint = Callable[[Hit, FloatArray], FloatArray]


@dataclass(frozen=True)
class Piece:
    """label: the class in RHD's masks."""

    solid: Solid
    label: int
    paint: Paint


@dataclass(frozen=True)
class Skin:
    """One person's: of the backs of the hands, of the palms, how strong the fingers' tints are; and the sleeve."""

    back: FloatArray
    palm: FloatArray
    tint: float
    sleeve: FloatArray
    sleeve_start: float


def sample_skin(rng: np.random.Generator) -> Skin:
    """A colour of skin, its paler palm, and a sleeve."""
    back = np.array(SKINS[int(rng.integers(len(SKINS)))], dtype=np.float64) * rng.uniform(0.9, 1.1)
    pale = np.array([165.0, 185.0, 235.0])
    sleeve = np.array(hsv(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.85)), dtype=np.float64)
    return Skin(back, 0.6 * back + 0.4 * pale, rng.uniform(0.16, 0.28), sleeve, rng.uniform(0.1, 0.8))


def hand_pieces(hand: Hand, skin: Skin, elbow_3: FloatArray) -> list[Piece]:
    """Fingers, palm and forearm of a hand before the camera. elbow_3: the far end of the forearm."""
    first_label = RIGHT_PARTS[0] if hand.right else LEFT_PARTS[0]
    pieces = [
        piece
        for finger in range(len(FINGERS))
        for piece in _finger_pieces(hand, skin, finger, first_label + 3 * finger)
    ]
    palm = _palm_paint(hand, skin)
    pieces += [Piece(solid, first_label + BONES * len(FINGERS), palm) for solid in _palm_solids(hand)]
    return pieces + _forearm_pieces(hand, skin, elbow_3)


def flat_paint(colour: FloatArray) -> Paint:
    """One colour everywhere."""
    return lambda _hit, point_N3: np.broadcast_to(colour, point_N3.shape)


def _finger_pieces(hand: Hand, skin: Skin, finger: int, tip_label: int) -> list[Piece]:
    chain_43 = hand.chain(finger)
    radius_4 = np.array(RADII_MM[FINGERS[finger]]) / 1000 * hand.size
    pieces = []
    for bone in range(BONES):
        limb = Limb(chain_43[bone], chain_43[bone + 1], radius_4[bone], radius_4[bone + 1])
        # RHD numbers the parts of a finger from the tip to the palm.
        pieces.append(Piece(limb, tip_label + BONES - 1 - bone, _bone_paint(hand, skin, finger, bone)))
    return pieces


def _bone_paint(hand: Hand, skin: Skin, finger: int, bone: int) -> Paint:
    tint_3 = np.array(TINTS[FINGERS[finger]], dtype=np.float64)
    dorsal_3 = hand.dorsal_533[finger, bone]
    strength = skin.tint * (1.0 + 0.5 * bone)
    back_3, palm_3 = ((1 - strength) * colour + strength * tint_3 for colour in (skin.back, skin.palm))
    nail_3 = 0.45 * tint_3 + 0.55 * np.array([225.0, 225.0, 245.0])

    def paint(hit: Hit, _point_N3: FloatArray) -> FloatArray:
        up_N = hit.normal_N3 @ dorsal_3
        colour_N3 = _between(palm_3, back_3, up_N)
        at_joint_N = np.minimum(np.abs(hit.along_N), np.abs(1 - hit.along_N))
        creased_N = (at_joint_N < 0.05) & (at_joint_N > 0) & (np.abs(up_N) > 0.3)
        colour_N3 = np.where(creased_N[:, None], 0.78 * colour_N3, colour_N3)
        if bone == BONES - 1:
            nail_N = (up_N > 0.72) & (hit.along_N > 0.45)
            colour_N3 = np.where(nail_N[:, None], nail_3, colour_N3)
        return colour_N3

    return paint


def _palm_paint(hand: Hand, skin: Skin) -> Paint:
    def paint(hit: Hit, point_N3: FloatArray) -> FloatArray:
        own_N3 = (point_N3 - hand.wrist_3) @ hand.axes_33.T / hand.size * 1000
        inward_N = hit.normal_N3 @ hand.axes_33[2]
        colour_N3 = _between(skin.back, skin.palm, inward_N)
        creased_N = np.zeros(len(point_N3), np.bool_)
        for first, *others in CREASES_MM:
            for last in others:
                creased_N |= _distance(own_N3[:, :2], np.array(first), np.array(last)) < 1.2
                first = last
        return np.where((creased_N & (inward_N > 0.3))[:, None], 0.72 * colour_N3, colour_N3)

    return paint


def _between(below_3: FloatArray, above_3: FloatArray, up_N: FloatArray) -> FloatArray:
    """One colour where a normal points down, the other where it points up."""
    share_N1 = np.clip(0.5 + 0.9 * up_N, 0.0, 1.0)[:, None]
    colours: FloatArray = (1 - share_N1) * below_3 + share_N1 * above_3
    return colours


def _distance(point_N2: FloatArray, first_2: FloatArray, last_2: FloatArray) -> FloatArray:
    """From a segment."""
    axis_2 = last_2 - first_2
    along_N1 = np.clip((point_N2 - first_2) @ axis_2 / (axis_2 @ axis_2), 0.0, 1.0)[:, None]
    distance_N: FloatArray = np.linalg.norm(point_N2 - first_2 - along_N1 * axis_2, axis=1)
    return distance_N


def _palm_solids(hand: Hand) -> list[Solid]:
    """Two slabs between the wrist and the knuckles, rounded off by limbs; the ball of the thumb and its web."""
    unit = hand.size / 1000
    thumb_43, *chains = (hand.chain(finger) for finger in range(len(FINGERS)))
    knuckles = [chain_43[0] for chain_43 in chains]
    radii = [RADII_MM[finger][0] * unit for finger in FINGERS[1:]]
    inner_3, outer_3 = hand.point((13.0, 0.0, 0.0)), hand.point((-13.0, 0.0, 0.0))
    wrist, flat = WRIST_MM * unit, 9.8 * unit
    limbs = [Limb(inner_3, outer_3, wrist, wrist)]
    for share, knuckle_3, radius in zip((0.0, 0.33, 0.67, 1.0), knuckles, radii, strict=True):
        limbs.append(Limb((1 - share) * inner_3 + share * outer_3, knuckle_3, wrist, radius))
    for first in range(3):
        limbs.append(Limb(knuckles[first], knuckles[first + 1], radii[first], radii[first + 1]))
    limbs.append(Limb(inner_3, thumb_43[0], wrist, RADII_MM["thumb"][0] * unit))
    limbs.append(Limb(0.35 * thumb_43[0] + 0.65 * thumb_43[1], 0.35 * inner_3 + 0.65 * knuckles[0], 0.009, 0.009))
    slabs = [
        Slab(np.stack(corners), flat)
        for corners in (
            (inner_3, knuckles[0], knuckles[1]),
            (inner_3, knuckles[1], knuckles[2]),
            (inner_3, knuckles[2], outer_3),
            (outer_3, knuckles[2], knuckles[3]),
        )
    ]
    web = Slab(np.stack([thumb_43[0], thumb_43[1], 0.3 * inner_3 + 0.7 * knuckles[0]]), 8 * unit)
    return [*limbs, *slabs, web]


def _forearm_pieces(hand: Hand, skin: Skin, elbow_3: FloatArray) -> list[Piece]:
    """Three limbs side by side, flat at the wrist, in a sleeve from some place on."""

    def paint(hit: Hit, _point_N3: FloatArray) -> FloatArray:
        bare_N3 = _between(skin.back, skin.palm, hit.normal_N3 @ hand.axes_33[2])
        return np.where((hit.along_N > skin.sleeve_start)[:, None], skin.sleeve, bare_N3)

    unit = hand.size / 1000
    starts = [hand.point((side, 0.0, 0.0)) for side in (12.0, 0.0, -12.0)]
    limbs = [Limb(each_3, elbow_3 + 0.8 * (each_3 - hand.wrist_3), 13.5 * unit, 42 * unit) for each_3 in starts]
    return [Piece(limb, PERSON, paint) for limb in limbs]
