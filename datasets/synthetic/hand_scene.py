"""One picture of hands: both of one person, at least one of them in view, with things before and behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatmark.datasets.hand_depth import project
from heatmark.datasets.people import FloatArray
from heatmark.datasets.synthetic.backdrop import sample_canvas, sample_colour
from heatmark.datasets.synthetic.drawing import ByteArray
from heatmark.datasets.synthetic.hand import Hand, sample_hand
from heatmark.datasets.synthetic.hand_look import PERSON, Piece, Skin, flat_paint, hand_pieces, sample_skin
from heatmark.datasets.synthetic.hand_render import Light, View
from heatmark.datasets.synthetic.solids import Limb

SIZE = 320
SECOND_HAND_SHARE = 0.4
OCCLUDER_SHARE = 0.35
TRUNK_SHARE = 0.5
FOREARM_METRES = 0.42
# Two palms are no nearer to one another than this.
LEAST_GAP_METRES = 0.13

PALM_MM = (0.0, 60.0, 0.0)


@dataclass(frozen=True)
class HandScene:
    """image_HW3: blue, green, red. mask_HW: RHD's classes. depth_HW: metres. hands: left, right, before the camera."""

    image_HW3: ByteArray
    mask_HW: ByteArray
    depth_HW: FloatArray
    hands: tuple[Hand, Hand]
    camera_33: FloatArray


def compose_hands(rng: np.random.Generator) -> HandScene:
    """A picture in which one hand is near the middle; in some the other is in view too."""
    focal = rng.uniform(260, 310)
    camera_33 = np.array([[focal, 0.0, SIZE / 2], [0.0, focal, SIZE / 2], [0.0, 0.0, 1.0]])
    canvas = sample_canvas(rng, (SIZE, SIZE))
    view = View(camera_33, canvas.image_HW3.astype(np.float64), np.zeros((SIZE, SIZE), np.uint8), _wall(rng))
    light = _sample_light(rng)
    main_right, skin = bool(rng.random() < 0.5), sample_skin(rng)
    main = _placed(
        rng, camera_33, main_right, rng.uniform(0.28, 0.72, 2) * SIZE, float(np.exp(rng.uniform(-1.2, -0.45)))
    )
    other = _second(rng, camera_33, main)
    if rng.random() < TRUNK_SHARE:
        view.draw([_trunk(rng, main, skin)], light)
    for hand in (main, other):
        view.draw(hand_pieces(hand, skin, _elbow(rng, hand)), light)
    if rng.random() < OCCLUDER_SHARE:
        view.draw([_occluder(rng, main)], light)
    view.shade_steps()
    image_HW3 = np.clip(view.image_HW3 + rng.integers(-3, 4, (SIZE, SIZE, 1)), 0, 255).astype(np.uint8)
    left, right = (other, main) if main_right else (main, other)
    return HandScene(image_HW3, view.label_HW, view.depth_HW, (left, right), camera_33)


def _placed(rng: np.random.Generator, camera_33: FloatArray, right: bool, pixel_2: FloatArray, depth: float) -> Hand:
    """A hand turned any way, but for forearms that point at the camera, its palm at a pixel and a depth."""
    hand = sample_hand(rng, right=right)
    while True:
        turn_33 = _random_turn(rng)
        if -0.8 < turn_33[2, 1] < 0.4:
            break
    turned = hand.placed(turn_33, np.zeros(3))
    palm_3 = depth * np.linalg.inv(camera_33) @ np.array([*pixel_2, 1.0])
    return turned.placed(np.eye(3), palm_3 - turned.point(PALM_MM))


def _second(rng: np.random.Generator, camera_33: FloatArray, main: Hand) -> Hand:
    """The other hand: in view, or beside the picture."""
    in_view = rng.random() < SECOND_HAND_SHARE
    while True:
        if in_view:
            pixel_2 = rng.uniform(0.1, 0.9, 2) * SIZE
        else:
            pixel_2 = np.array([rng.uniform(1.7, 2.5), rng.uniform(0, 1)])[:: 1 if rng.random() < 0.5 else -1] * SIZE
            pixel_2 = SIZE - pixel_2 if rng.random() < 0.5 else pixel_2
        hand = _placed(rng, camera_33, not main.right, pixel_2, float(rng.uniform(0.32, 0.75)))
        if np.linalg.norm(hand.point(PALM_MM) - main.point(PALM_MM)) > LEAST_GAP_METRES:
            return hand


def _elbow(rng: np.random.Generator, hand: Hand) -> FloatArray:
    """The wrist is bent a little."""
    aside, up = np.tan(np.radians(rng.normal(0, (10, 18)).clip(-35, 35)))
    back_3 = np.array([aside, -1.0, up]) @ hand.axes_33
    elbow_3: FloatArray = hand.wrist_3 + FOREARM_METRES * back_3 / np.linalg.norm(back_3)
    return elbow_3


def _wall(rng: np.random.Generator) -> FloatArray:
    """depth_HW of a slanted wall behind everything."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    slant_2 = rng.uniform(-0.5, 0.5, 2)
    depth_HW: FloatArray = rng.uniform(1.6, 4.0) + slant_2[0] * rows + slant_2[1] * columns
    return depth_HW


def _trunk(rng: np.random.Generator, main: Hand, skin: Skin) -> Piece:
    """The person's own body, somewhere behind the hand, in the colour of the sleeve."""
    shoulder_3 = main.point(PALM_MM) + np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.1), rng.uniform(0.4, 0.7)])
    below_3 = shoulder_3 + np.array([rng.uniform(-0.2, 0.2), 2.0, 0.0])
    return Piece(Limb(shoulder_3, below_3, 0.16, 0.26), PERSON, flat_paint(0.9 * skin.sleeve))


def _occluder(rng: np.random.Generator, main: Hand) -> Piece:
    """A stick or a ball between the camera and some joint."""
    joint_3 = main.joints_K3[int(rng.integers(len(main.joints_K3)))]
    centre_3 = joint_3 * (1 - rng.uniform(0.03, 0.1) / joint_3[2]) + rng.normal(0, 0.008, 3)
    angle, length = rng.uniform(0, np.pi), rng.choice([0.0, rng.uniform(0.04, 0.15)])
    half_3 = length * np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.3, 0.3)])
    radius = rng.uniform(0.004, 0.012) if length else rng.uniform(0.01, 0.022)
    colour = np.array(sample_colour(rng), dtype=np.float64)
    return Piece(Limb(centre_3 - half_3, centre_3 + half_3, radius, radius), 0, flat_paint(colour))


def _sample_light(rng: np.random.Generator) -> Light:
    toward_3 = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-1.0, 0.1), -rng.uniform(0.5, 1.0)])
    return Light(toward_3 / np.linalg.norm(toward_3), rng.uniform(0.35, 0.6))


def _random_turn(rng: np.random.Generator) -> FloatArray:
    """A rotation, all equally likely: from a quaternion of four normal numbers."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def pixels(scene: HandScene) -> FloatArray:
    """uv_2K2 of both hands, left first."""
    return np.stack([project(hand.joints_K3, scene.camera_33) for hand in scene.hands])
