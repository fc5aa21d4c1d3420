"""A jointed body in three dimensions: a pose sampled from named families, turned before a camera.

The person's own frame: x to the person's left, y up, z forward out of the chest, origin between the hips, unit one
stature. The camera's frame: x to the right of the picture, y DOWN, z toward the viewer. Seen from the front the
person's left is therefore on the right of the picture; seen from behind, on the left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heatmark.datasets.people import FloatArray

SIDES = ("left", "right")

KEYPOINTS = (
    "nose",
    *(f"{side}_{joint}" for joint in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
      for side in SIDES),
)  # fmt: skip

# What other skeletons have beside the keypoints: MPII's pelvis, thorax, upper neck and head top, and LSPET's neck.
LANDMARKS = ("pelvis", "thorax", "neck", "upper_neck", "head_top")

Range = tuple[float, float]


@dataclass(frozen=True)
class ArmRange:
    """Degrees. abduction: away from the trunk; flexion: forward. curl_3: where the forearm bends to, for a left arm."""

    abduction: Range
    flexion: Range
    elbow: Range
    curl_3: tuple[float, float, float]


@dataclass(frozen=True)
class LegRange:
    """Degrees. abduction: outward; flexion: thigh forward; knee: shin backward."""

    abduction: Range
    flexion: Range
    knee: Range


ARMS = {
    "hanging": ArmRange((4, 20), (-15, 20), (5, 35), (-0.1, 0.2, 1.0)),
    "swinging": ArmRange((4, 18), (-40, 40), (15, 80), (-0.2, 0.6, 1.0)),
    "on hip": ArmRange((35, 55), (-25, -5), (85, 110), (-1.0, -0.3, 0.3)),
    "folded": ArmRange((2, 15), (10, 35), (80, 105), (-1.0, 0.2, 0.5)),
    "forward": ArmRange((5, 35), (45, 85), (5, 60), (-0.3, 1.0, 0.0)),
    "raised": ArmRange((115, 165), (-10, 10), (5, 70), (-0.6, 1.0, 0.2)),
    "sideways": ArmRange((65, 105), (-10, 15), (0, 50), (0.0, 1.0, 0.5)),
    "waving": ArmRange((50, 90), (-10, 20), (70, 125), (0.1, 1.0, 0.2)),
}

LEGS = {
    "straight": LegRange((1, 9), (-6, 8), (0, 12)),
    "astride": LegRange((14, 30), (-5, 12), (0, 25)),
    "ahead": LegRange((0, 8), (15, 38), (5, 30)),
    "behind": LegRange((0, 8), (-32, -10), (10, 50)),
    "seated": LegRange((4, 26), (58, 84), (68, 100)),
    "squatting": LegRange((15, 40), (75, 105), (95, 130)),
    "lifted": LegRange((0, 25), (40, 85), (30, 110)),
    "split": LegRange((32, 60), (-10, 20), (0, 20)),
    "kicking": LegRange((0, 45), (60, 115), (0, 35)),
    "pushing off": LegRange((0, 15), (-45, -10), (5, 90)),
}


@dataclass(frozen=True)
class Stance:
    """A family of poses: the two legs, how far the trunk bends forward, the arms that go with it, and how common."""

    legs: tuple[str, str]
    bend: Range
    arms: tuple[str, ...]
    weight: float


STANCES = {
    "standing": Stance(("straight", "straight"), (-4, 8), tuple(ARMS), 0.34),
    "walking": Stance(("ahead", "behind"), (0, 12), ("swinging", "swinging", "hanging", "waving"), 0.20),
    "astride": Stance(("astride", "astride"), (-4, 15), tuple(ARMS), 0.15),
    "sitting": Stance(("seated", "seated"), (-8, 20), ("hanging", "folded", "forward", "waving", "raised"), 0.15),
    "squatting": Stance(("squatting", "squatting"), (10, 40), ("forward", "forward", "hanging", "sideways"), 0.06),
    "one leg up": Stance(("lifted", "straight"), (-8, 15), ("swinging", "sideways", "raised", "on hip"), 0.10),
}

# Poses of athletes, in which whole bodies also turn over.
SPORTS = {
    "sprinting": Stance(("lifted", "pushing off"), (0, 30), ("swinging", "swinging", "forward", "waving"), 0.25),
    "lunging": Stance(("split", "squatting"), (0, 35), ("sideways", "forward", "raised", "swinging"), 0.15),
    "leaping": Stance(("split", "split"), (-10, 25), ("raised", "sideways", "waving", "forward"), 0.15),
    "kicking": Stance(("kicking", "pushing off"), (-20, 15), ("sideways", "raised", "waving", "swinging"), 0.15),
    "crouching": Stance(("squatting", "squatting"), (20, 60), ("forward", "forward", "sideways", "hanging"), 0.1),
    "stretching": Stance(("straight", "astride"), (-10, 60), ("raised", "forward", "sideways"), 0.1),
    "bowling": Stance(("ahead", "lifted"), (10, 45), ("swinging", "raised", "forward"), 0.1),
}
OVERTURNED_SHARE = 0.25

BACK_VIEW_SHARE = 0.15


@dataclass(frozen=True)
class Frame:
    """A rigid part before the camera: turn_33 takes its own axes to the camera's, where origin_3 is given."""

    turn_33: FloatArray
    origin_3: FloatArray

    def point(self, own_3: tuple[float, float, float] | FloatArray) -> FloatArray:
        seen: FloatArray = self.origin_3 + self.turn_33 @ np.asarray(own_3, dtype=np.float64)
        return seen

    def direction(self, own_3: tuple[float, float, float]) -> FloatArray:
        seen: FloatArray = self.turn_33 @ np.asarray(own_3, dtype=np.float64)
        return seen


@dataclass(frozen=True)
class Body:
    """points: keypoints, landmarks, hands and toes before the camera, in statures; the frames carry what is worn."""

    points: dict[str, FloatArray]
    trunk: Frame
    head: Frame

    @property
    def shows_back(self) -> bool:
        return bool(self.trunk.direction((0.0, 0.0, 1.0))[2] < 0)


def sample_body(rng: np.random.Generator, *, in_sport: bool = False) -> Body:
    """A plausible pose: the hips of most are turned 40 degrees at most from facing us, of the rest from facing away."""
    stance = _pick_stance(rng, SPORTS if in_sport else STANCES)
    half_turn = 180.0 if rng.random() < BACK_VIEW_SHARE else 0.0
    lean = _lean_in_sport(rng) if in_sport else _bounded(rng, 5, 20)
    pelvis = Frame(_camera(rng, lean) @ _about_y(half_turn + _bounded(rng, 18, 40)), np.zeros(3))
    trunk_turn = pelvis.turn_33 @ _about_y(_bounded(rng, 6, 15)) @ _about_z(_bounded(rng, 5, 15))
    trunk = Frame(trunk_turn @ _about_x(rng.uniform(*stance.bend)), pelvis.origin_3)
    head_turn = _about_y(_bounded(rng, 12, 25)) @ _about_z(_bounded(rng, 6, 15)) @ _about_x(_bounded(rng, 7, 15))
    head = Frame(trunk.turn_33 @ head_turn, trunk.point((0.0, 0.405, 0.01)))
    points = _face(head) | _landmarks(pelvis, trunk, head)
    legs = stance.legs if rng.random() < 0.5 else stance.legs[::-1]
    arms = _pick_arms(rng, stance)
    shoulder_half, hip_half = rng.uniform(0.105, 0.125), rng.uniform(0.062, 0.078)
    for side, arm, leg in zip(SIDES, arms, legs, strict=True):
        points |= _arm(rng, side, ARMS[arm], trunk, shoulder_half)
        points |= _leg(rng, side, LEGS[leg], pelvis, hip_half)
    return Body(points, trunk, head)


def _pick_stance(rng: np.random.Generator, table: Mapping[str, Stance]) -> Stance:
    stances = list(table.values())
    weights = np.array([stance.weight for stance in stances])
    return stances[int(rng.choice(len(stances), p=weights / weights.sum()))]


def _pick_arms(rng: np.random.Generator, stance: Stance) -> tuple[str, str]:
    """Two arms of a stance, half of the time in the same manner."""
    first, second = (stance.arms[int(rng.integers(len(stance.arms)))] for _ in SIDES)
    return (first, first) if rng.random() < 0.5 else (first, second)


def _lean_in_sport(rng: np.random.Generator) -> float:
    return float(rng.uniform(-180, 180)) if rng.random() < OVERTURNED_SHARE else _bounded(rng, 15, 40)


def _camera(rng: np.random.Generator, lean: float) -> FloatArray:
    """From the upright frame to the camera's: y turned down, seen from a little above, `lean` degrees askew."""
    upside: FloatArray = np.diag([1.0, -1.0, 1.0])
    return upside @ _about_z(lean) @ _about_x(rng.uniform(-3, 18))


def _face(head: Frame) -> dict[str, FloatArray]:
    points = {"nose": head.point((0.0, -0.006, 0.064))}
    for side, sign in zip(SIDES, (1, -1), strict=True):
        points[f"{side}_eye"] = head.point((0.024 * sign, 0.014, 0.056))
        points[f"{side}_ear"] = head.point((0.059 * sign, 0.0, 0.0))
    return points


def _landmarks(pelvis: Frame, trunk: Frame, head: Frame) -> dict[str, FloatArray]:
    """Between the hips, between the shoulders, the base of the neck, where it meets the skull, the top of the skull."""
    own = (pelvis, (0.0, 0.0, 0.0)), (trunk, (0.0, 0.295, 0.0)), (trunk, (0.0, 0.32, 0.0))
    of_head = (head, (0.0, -0.062, 0.0)), (head, (0.0, 0.076, 0.0))
    return {name: frame.point(own_3) for name, (frame, own_3) in zip(LANDMARKS, (*own, *of_head), strict=True)}


def _arm(rng: np.random.Generator, side: str, arm: ArmRange, trunk: Frame, half: float) -> dict[str, FloatArray]:
    sign = 1 if side == "left" else -1
    upper_3 = _swing(sign, rng.uniform(*arm.abduction), rng.uniform(*arm.flexion))
    curl_3 = (np.array(arm.curl_3) + rng.normal(0, 0.15, 3)) * (sign, 1, 1)
    across_3 = curl_3 - (curl_3 @ upper_3) * upper_3
    bend = np.radians(rng.uniform(*arm.elbow))
    fore_3 = np.cos(bend) * upper_3 + np.sin(bend) * across_3 / np.linalg.norm(across_3)
    shoulder_3 = np.array([half * sign, 0.295, 0.0])
    elbow_3 = shoulder_3 + rng.uniform(0.155, 0.175) * upper_3
    wrist_3 = elbow_3 + rng.uniform(0.135, 0.155) * fore_3
    own = {"shoulder": shoulder_3, "elbow": elbow_3, "wrist": wrist_3, "hand": wrist_3 + 0.045 * fore_3}
    return {f"{side}_{name}": trunk.point(own_3) for name, own_3 in own.items()}


def _leg(rng: np.random.Generator, side: str, leg: LegRange, pelvis: Frame, half: float) -> dict[str, FloatArray]:
    sign = 1 if side == "left" else -1
    abduction, flexion = rng.uniform(*leg.abduction), rng.uniform(*leg.flexion)
    shin_flexion = flexion - rng.uniform(*leg.knee)
    hip_3 = np.array([half * sign, 0.0, 0.0])
    knee_3 = hip_3 + rng.uniform(0.225, 0.245) * _swing(sign, abduction, flexion)
    ankle_3 = knee_3 + rng.uniform(0.215, 0.235) * _swing(sign, 0.4 * abduction, shin_flexion)
    # The foot keeps a right angle to the shin, toes a little outward.
    toe_3 = ankle_3 + 0.075 * _swing(sign, 15.0, shin_flexion + 75.0)
    own = {"hip": hip_3, "knee": knee_3, "ankle": ankle_3, "toe": toe_3}
    return {f"{side}_{name}": pelvis.point(own_3) for name, own_3 in own.items()}


def _swing(sign: int, abduction: float, flexion: float) -> FloatArray:
    """Unit direction of a limb that hangs straight down at zero angles. sign: +1 left, -1 right."""
    out, fore = np.radians(abduction), np.radians(flexion)
    return np.array([sign * np.sin(out), -np.cos(out) * np.cos(fore), np.cos(out) * np.sin(fore)])


def _bounded(rng: np.random.Generator, spread: float, limit: float) -> float:
    return float(np.clip(rng.normal(0.0, spread), -limit, limit))


def _about_x(degrees: float) -> FloatArray:
    """Right-handed: a positive turn bends what stands up forward, toward z."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


def _about_y(degrees: float) -> FloatArray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def _about_z(degrees: float) -> FloatArray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
