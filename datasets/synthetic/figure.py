"""From a body to the convex parts that draw it, back to front, and to which part shows which keypoint.

Why left and right can be told, also after a mirror. Training mirrors pictures and swaps the left and right labels, so
a rule such as "the left sleeve is warm" would turn into its opposite in half of the samples. The only rule that
survives is one of geometry: the mirror image of a person who faces the camera is a person who faces the camera, and in
both the left hand is on the right of the picture. So everything worn is the same on both sides, and what tells left
from right is whether the person shows the front or the back, made large enough to be seen in a crop of 96 x 128: a face
and a pale bib on the chest in front; hair all over the head and a big dark bag behind. Nobody is seen from the side
(body.py). Crossed limbs keep their sides: depth alone decides which is drawn in front.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from heatmark.datasets.people import FloatArray
from heatmark.datasets.synthetic.body import KEYPOINTS, LANDMARKS, SIDES, Body, Frame
from heatmark.datasets.synthetic.drawing import Colour, ellipse, hsv, hull, hull_of_discs, shaded

LIMB_KINDS = ("upper arm", "forearm", "hand", "thigh", "shin", "foot", "ear")
PART_KINDS = ("torso", "pelvis", "neck", "head", "hair", "bag", *(f"{s} {kind}" for s in SIDES for kind in LIMB_KINDS))

_SHOWN_BY = {
    "ear": ("ear",),
    "shoulder": ("torso", "upper arm"),
    "elbow": ("upper arm", "forearm"),
    "wrist": ("forearm", "hand"),
    "hip": ("torso", "pelvis", "thigh"),
    "knee": ("thigh", "shin"),
    "ankle": ("shin", "foot"),
}

SKINS: tuple[Colour, ...] = (
    (180, 205, 240), (150, 185, 228), (125, 165, 214), (95, 135, 190), (70, 105, 160), (50, 78, 122), (38, 55, 88),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (20, 20, 22),
    (28, 38, 58),
    (40, 65, 105),
    (70, 150, 205),
    (150, 150, 155),
    (225, 230, 232),
)


def parts_showing(keypoint: str) -> tuple[str, ...]:
    """The parts on which a keypoint lies: where another part is drawn over it, it is hidden."""
    side, _, joint = keypoint.rpartition("_")
    if joint in ("nose", "eye"):
        return ("head",)
    return tuple(kind if kind in PART_KINDS else f"{side} {kind}" for kind in _SHOWN_BY[joint])


@dataclass(frozen=True)
class Part:
    """kind: one of PART_KINDS. outline_N2: convex, image pixels. depth: toward the viewer, statures."""

    kind: str
    outline_N2: FloatArray
    colour: Colour
    depth: float


@dataclass(frozen=True)
class Figure:
    """parts: back to front. joints_K2: image pixels. turned_away_K: face keypoints on the far side of the head.

    landmarks_L2: body.LANDMARKS in image pixels. skull_22: two corners of the upright box around the skull.
    """

    parts: tuple[Part, ...]
    joints_K2: FloatArray
    turned_away_K: tuple[bool, ...]
    stature: float
    shows_back: bool
    landmarks_L2: FloatArray
    skull_22: FloatArray

    @property
    def extent(self) -> tuple[FloatArray, FloatArray]:
        """The corners of the box around every part, whether inside the picture or not."""
        points_N2 = np.concatenate([part.outline_N2 for part in self.parts])
        return points_N2.min(axis=0), points_N2.max(axis=0)

    @property
    def points(self) -> dict[str, FloatArray]:
        """Keypoints and landmarks by name, inside the picture or not."""
        named = zip(KEYPOINTS + LANDMARKS, np.concatenate([self.joints_K2, self.landmarks_L2]), strict=True)
        return dict(named)

    def moved(self, by_2: FloatArray) -> Figure:
        parts = tuple(Part(p.kind, p.outline_N2 + by_2, p.colour, p.depth) for p in self.parts)
        return replace(
            self,
            parts=parts,
            joints_K2=self.joints_K2 + by_2,
            landmarks_L2=self.landmarks_L2 + by_2,
            skull_22=self.skull_22 + by_2,
        )


@dataclass(frozen=True)
class Outfit:
    """What one person wears, the same on both sides. girth multiplies every thickness."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    bib: Colour
    bag: Colour
    girth: float
    long_hair: bool
    short_sleeves: bool
    shorts: bool


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Colours of skin, hair and clothes that can be told apart."""
    shirt_hue, shirt_value = rng.random(), rng.uniform(0.4, 0.85)
    skin = SKINS[int(rng.integers(len(SKINS)))]
    # Hair of the skin's colour would make the back of a head look like a face.
    hairs = [hair for hair in HAIRS if sum(abs(h - s) for h, s in zip(hair, skin, strict=True)) > 130]
    return Outfit(
        skin=shaded(skin, rng.uniform(0.9, 1.1)),
        hair=shaded(hairs[int(rng.integers(len(hairs)))], rng.uniform(0.85, 1.15)),
        shirt=hsv(shirt_hue, rng.uniform(0.45, 1.0), shirt_value),
        trousers=hsv(shirt_hue + rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.75)),
        shoes=hsv(rng.random(), rng.uniform(0.0, 0.6), rng.uniform(0.1, 0.9)),
        bib=hsv(rng.random(), rng.uniform(0.0, 0.15), rng.uniform(0.92, 1.0)),
        bag=hsv(shirt_hue + 0.5, rng.uniform(0.3, 0.8), rng.uniform(0.1, 0.25)),
        girth=rng.uniform(0.85, 1.25),
        long_hair=bool(rng.random() < 0.4),
        short_sleeves=bool(rng.random() < 0.5),
        shorts=bool(rng.random() < 0.3),
    )


def draw_figure(body: Body, outfit: Outfit, stature: float) -> Figure:
    """The parts of a body of `stature` pixels, the point between the hips at (0, 0)."""
    points = {name: stature * point_3 for name, point_3 in body.points.items()}
    # These frames scale as well: what is worn is given in statures and comes out in pixels.
    trunk = Frame(stature * body.trunk.turn_33, body.trunk.origin_3)
    head = Frame(stature * body.head.turn_33, stature * body.head.origin_3)
    parts = _trunk_parts(points, trunk, outfit, stature) + _head_parts(points, head, trunk, outfit, stature)
    for side in SIDES:
        parts += _arm_parts(side, points, outfit, stature) + _leg_parts(side, points, outfit, stature)
    front_3 = body.head.direction((0.0, 0.0, 1.0))
    turned_away = tuple(name in ("nose", "left_eye", "right_eye") and front_3[2] < 0.15 for name in KEYPOINTS)
    joints_K2, landmarks_L2 = (np.array([points[n][:2] for n in names]) for names in (KEYPOINTS, LANDMARKS))
    parts.sort(key=lambda part: part.depth)
    skull_N2 = _skull(head, stature)
    skull_22 = np.stack([skull_N2.min(axis=0), skull_N2.max(axis=0)])
    return Figure(tuple(parts), joints_K2, turned_away, stature, body.shows_back, landmarks_L2, skull_22)


def _trunk_parts(points: dict[str, FloatArray], trunk: Frame, outfit: Outfit, stature: float) -> list[Part]:
    unit = stature * outfit.girth
    hips = [points["left_hip"], points["right_hip"]]
    shoulders = [points["left_shoulder"], points["right_shoulder"]]
    neck_3 = trunk.point((0.0, 0.31, 0.0))
    torso = hull_of_discs(
        [(0.9 * s + 0.1 * neck_3, 0.04 * unit) for s in shoulders]
        + [(h - 0.15 * (h - neck_3), 0.05 * unit) for h in hips]
    )
    pelvis = hull_of_discs([(hip_3, 0.056 * unit) for hip_3 in hips])
    return [
        Part("pelvis", pelvis, outfit.trousers, -0.01),
        Part("torso", torso, outfit.shirt, float(trunk.point((0, 0.15, 0))[2] / stature)),
        *(_bag(trunk, outfit, stature) if trunk.direction((0, 0, 1))[2] < 0 else _bib(trunk, outfit, stature)),
    ]


def _bib(trunk: Frame, outfit: Outfit, stature: float) -> list[Part]:
    """A pale bib on the chest with a dark stripe down its middle."""
    chest = _patch(trunk, ((-0.06, 0.27), (0.06, 0.27), (0.05, 0.12), (-0.05, 0.12)), 0.05)
    stripe = _patch(trunk, ((-0.01, 0.27), (0.01, 0.27), (0.01, 0.12), (-0.01, 0.12)), 0.05)
    depth = float(trunk.point((0, 0.15, 0))[2] / stature)
    return [
        Part("torso", chest, outfit.bib, depth + 0.001),
        Part("torso", stripe, shaded(outfit.shirt, 0.5), depth + 0.002),
    ]


def _bag(trunk: Frame, outfit: Outfit, stature: float) -> list[Part]:
    """A dark bag on the back, with a pale pocket low on it."""
    corners = ((-0.085, 0.28), (0.085, 0.28), (0.085, 0.03), (-0.085, 0.03))
    body = hull(np.concatenate([_patch(trunk, corners, z) for z in (-0.05, -0.11)]))
    pocket = _patch(trunk, ((-0.055, 0.12), (0.055, 0.12), (0.055, 0.05), (-0.055, 0.05)), -0.11)
    depth = float(trunk.point((0, 0.15, -0.06))[2] / stature)
    return [Part("bag", body, outfit.bag, depth), Part("bag", pocket, shaded(outfit.bag, 2.0), depth + 0.001)]


def _patch(frame: Frame, corners_xy: tuple[tuple[float, float], ...], z: float) -> FloatArray:
    """A flat outline at depth z of a frame, seen by the camera."""
    return np.array([frame.point((x, y, z))[:2] for x, y in corners_xy])


def _tilt(head: Frame) -> float:
    up_3 = head.direction((0.0, 1.0, 0.0))
    return float(np.arctan2(up_3[1], up_3[0]) + np.pi / 2)


def _skull(head: Frame, stature: float) -> FloatArray:
    return ellipse(head.origin_3[:2], (0.056 * stature, 0.076 * stature), _tilt(head))


def _head_parts(points: dict[str, FloatArray], head: Frame, trunk: Frame, outfit: Outfit, stature: float) -> list[Part]:
    tilt, skull = _tilt(head), _skull(head, stature)
    depth = float(head.origin_3[2] / stature) + 0.03
    facing = float(head.direction((0, 0, 1))[2] / stature)
    neck = hull_of_discs([(trunk.point((0, 0.31, 0)), 0.03 * stature), (head.origin_3, 0.03 * stature)])
    parts = [Part("neck", neck, shaded(outfit.skin, 0.9), depth - 0.02)]
    if facing > 0:
        face_radii = ((0.03 + 0.019 * facing) * stature, 0.062 * stature)
        face = ellipse(head.point((0, -0.012, 0.03))[:2], face_radii, tilt)
        parts += [Part("hair", skull, outfit.hair, depth), Part("head", face, outfit.skin, depth + 0.001)]
        parts += _face_parts(head, outfit, stature, tilt, depth + 0.002)
    else:
        parts.append(Part("hair", skull, outfit.hair, depth + 0.03))
    for side in SIDES:
        ear_3 = points[f"{side}_ear"]
        outline = ellipse(ear_3[:2], (0.015 * stature, 0.024 * stature), tilt)
        parts.append(Part(f"{side} ear", outline, shaded(outfit.skin, 0.88), float(ear_3[2] / stature) + 0.03))
    if outfit.long_hair:
        discs = [(head.point((0, 0.01, -0.03)), 0.075), (head.point((0, -0.13, -0.03)), 0.06)]
        curtain = hull_of_discs([(centre_3, radius * stature) for centre_3, radius in discs])
        behind = float(trunk.origin_3[2] / stature) - 0.06
        parts.append(Part("hair", curtain, outfit.hair, behind if facing > 0 else depth + 0.06))
    return parts


def _face_parts(head: Frame, outfit: Outfit, stature: float, tilt: float, depth: float) -> list[Part]:
    """Eyes, nose and mouth; drawn over the head, they count as head."""
    dark: Colour = (30, 25, 25)
    parts = []
    for sign in (1, -1):
        eye_2 = head.point((0.024 * sign, 0.014, 0.056))[:2]
        parts.append(Part("head", ellipse(eye_2, (0.014 * stature, 0.01 * stature), tilt), (245, 245, 245), depth))
        parts.append(Part("head", ellipse(eye_2, (0.0075 * stature, 0.0085 * stature), tilt), dark, depth + 0.001))
    nose = _patch(head, ((0.0, 0.012), (0.01, -0.014), (-0.01, -0.014)), 0.064)
    mouth = _patch(head, ((0.02, -0.036), (-0.02, -0.036), (-0.012, -0.045), (0.012, -0.045)), 0.055)
    parts.append(Part("head", nose, shaded(outfit.skin, 0.72), depth))
    parts.append(Part("head", mouth, (60, 50, 150), depth))
    return parts


def _arm_parts(side: str, points: dict[str, FloatArray], outfit: Outfit, stature: float) -> list[Part]:
    shoulder, elbow, wrist, hand = (points[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand"))
    sleeve = outfit.skin if outfit.short_sleeves else outfit.shirt
    unit = stature * outfit.girth
    upper = hull_of_discs([(shoulder, 0.037 * unit), (elbow, 0.029 * unit)])
    fore = hull_of_discs([(elbow, 0.029 * unit), (wrist, 0.02 * unit)])
    palm = hull_of_discs([(wrist, 0.018 * stature), (hand, 0.025 * stature)])
    return [
        Part(f"{side} upper arm", upper, shaded(outfit.shirt, 0.92), _middle(shoulder, elbow, stature) + 0.01),
        Part(f"{side} forearm", fore, shaded(sleeve, 0.96), _middle(elbow, wrist, stature) + 0.015),
        Part(f"{side} hand", palm, outfit.skin, _middle(wrist, hand, stature) + 0.016),
    ]


def _leg_parts(side: str, points: dict[str, FloatArray], outfit: Outfit, stature: float) -> list[Part]:
    hip, knee, ankle, toe = (points[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "toe"))
    lower = outfit.skin if outfit.shorts else outfit.trousers
    unit = stature * outfit.girth
    thigh = hull_of_discs([(hip, 0.056 * unit), (knee, 0.042 * unit)])
    shin = hull_of_discs([(knee, 0.041 * unit), (ankle, 0.026 * unit)])
    foot = hull_of_discs([(ankle, 0.026 * stature), (toe, 0.024 * stature)])
    return [
        Part(f"{side} thigh", thigh, shaded(outfit.trousers, 0.95), _middle(hip, knee, stature) - 0.005),
        Part(f"{side} shin", shin, shaded(lower, 0.9), _middle(knee, ankle, stature)),
        Part(f"{side} foot", foot, outfit.shoes, _middle(ankle, toe, stature) + 0.002),
    ]


def _middle(first_3: FloatArray, second_3: FloatArray, stature: float) -> float:
    return float(first_3[2] + second_3[2]) / (2 * stature)
