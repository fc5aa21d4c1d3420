"""Drawn hands: solids met where geometry says, hands of the right side and size, and RHD's files that agree."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.io

from heatmark.datasets.formats import make_recipe, score
from heatmark.datasets.hand_depth import project
from heatmark.datasets.people import FloatArray
from heatmark.datasets.rhd_files import (
    LEFT_PARTS,
    RIGHT_PARTS,
    HandImage,
    dominant_hand,
    load_hands,
    read_depth,
    read_mask,
    surface_gap,
)
from heatmark.datasets.synthetic.hand import sample_hand
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.datasets.synthetic.solids import Limb, Slab

IMAGES, HELD_OUT = 36, 6
# No finger is thicker: a joint nearer to the surface than this has nothing in front of it.
THICKEST = 0.015


@pytest.fixture(scope="module")
def rhd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "rhd"
    write_tree(root, make_recipe("rhd", IMAGES, HELD_OUT, 2))
    return root


@pytest.fixture(scope="module")
def hands(rhd: Path) -> list[HandImage]:
    return load_hands(rhd / "training" / "anno_training.pickle")


def mask_of(rhd: Path, hand: HandImage) -> np.ndarray:
    return read_mask(rhd / "training" / "mask" / f"{hand.number:05d}.png")


def depth_of(rhd: Path, hand: HandImage) -> FloatArray:
    return read_depth(rhd / "training" / "depth" / f"{hand.number:05d}.png")


def in_picture(uv_K2: FloatArray) -> np.ndarray:
    return np.asarray(((uv_K2 >= 0) & (uv_K2 <= 319)).all(axis=-1))


def palm_side(xyz_K3: FloatArray) -> float:
    """How far the base of the thumb stands out of the plane of the palm, metres; the sign is the side of the hand."""
    wrist, thumb, index, little = xyz_K3[[0, 4, 8, 20]]
    normal = np.cross(index - wrist, little - wrist)
    return float((thumb - wrist) @ normal / np.linalg.norm(normal))


def test_a_ray_meets_a_limb_where_it_would_meet_the_balls_it_is_made_of() -> None:
    random = np.random.default_rng(0)
    ray_N3 = np.column_stack([random.uniform(-0.25, 0.25, (400, 2)), np.ones(400)])
    for first, last, radii in (
        ((0.0, 0.0, 0.5), (0.08, 0.03, 0.55), (0.02, 0.035)),
        ((-0.05, 0.0, 0.4), (0.0, 0.05, 0.7), (0.04, 0.01)),
        ((0.0, 0.0, 0.5), (0.001, 0.0, 0.5), (0.01, 0.05)),
    ):
        limb = Limb(np.array(first), np.array(last), *radii)
        expected_N = np.full(400, np.inf)
        for along in np.linspace(0, 1, 1500):
            centre, radius = (1 - along) * limb.first_3 + along * limb.last_3, np.interp(along, (0, 1), radii)
            b_N, a_N = ray_N3 @ centre, (ray_N3**2).sum(axis=1)
            inner_N = b_N**2 - a_N * (centre @ centre - radius**2)
            nearest_N = (b_N - np.sqrt(np.maximum(inner_N, 0))) / a_N
            expected_N = np.where(inner_N >= 0, np.minimum(expected_N, nearest_N), expected_N)
        hit = limb.hit(ray_N3)
        found_N = np.isfinite(hit.depth_N)
        assert found_N.sum() > 10 and (found_N == np.isfinite(expected_N)).mean() > 0.99
        both_N = found_N & np.isfinite(expected_N)
        # At the rim a ray is steep and 1500 balls are few.
        facing_N = both_N & (-(hit.normal_N3 * ray_N3).sum(axis=1) > 0.3)
        assert hit.depth_N[facing_N] == pytest.approx(expected_N[facing_N], abs=1e-5)
        assert np.linalg.norm(hit.normal_N3[both_N], axis=1) == pytest.approx(1)


def test_a_ray_meets_a_slab_at_its_raised_face() -> None:
    slab = Slab(np.array([[-0.1, -0.1, 0.5], [0.3, -0.1, 0.5], [-0.1, 0.3, 0.5]]), 0.02)
    hit = slab.hit(np.array([[0.0, 0.0, 1.0], [0.1, 0.05, 1.0], [0.5, 0.5, 1.0], [-0.5, 0.0, 1.0]]))
    assert hit.depth_N.tolist() == pytest.approx([0.48, 0.48, np.inf, np.inf])
    assert hit.normal_N3[0].tolist() == pytest.approx([0, 0, -1])


def test_left_and_right_hands_are_mirror_images(hands: list[HandImage]) -> None:
    for hand in hands:
        left, right = (palm_side(xyz_K3) for xyz_K3 in hand.xyz_2K3)
        assert left < -0.005 and right > 0.005


def test_real_hands_have_that_side_and_that_size(real: Any, hands: list[HandImage]) -> None:
    annotations = json.loads(real("rhd/test_rhd.json").read_text())["annotations"]
    sizes = []
    for each in annotations:
        xyz_K3 = np.array(each["joint_cam"]) / 1000
        assert (palm_side(xyz_K3) > 0) == (each["hand_type"] == "right")
        sizes.append(np.linalg.norm(np.diff(xyz_K3[[0, 8, 7, 6, 5]], axis=0), axis=1))
    drawn = np.array(
        [np.linalg.norm(np.diff(h.xyz_2K3[s][[0, 8, 7, 6, 5]], axis=0), axis=1) for h in hands for s in (0, 1)]
    )
    mean_mm = 1000 * drawn.mean(axis=0)
    real_mm = 1000 * np.mean(sizes, axis=0)
    assert np.abs(mean_mm / real_mm - 1).max() < 0.2


def test_bones_keep_their_lengths_and_fingers_bend_to_the_palm() -> None:
    for seed in range(60):
        hand = sample_hand(np.random.default_rng(seed), right=True)
        for finger in range(1, 5):
            bones_33 = np.diff(hand.chain(finger), axis=0)
            lengths_3 = np.linalg.norm(bones_33, axis=1)
            assert lengths_3.min() > 0.014 and lengths_3.max() < 0.055
            # Seen along the palm: how far each bone is turned from straight ahead toward z, out of the palm.
            turned_3 = np.degrees(np.arctan2(bones_33[:, 2], bones_33[:, 1]))
            assert turned_3[0] > -30 and (np.diff(np.unwrap(np.radians(turned_3))) > -0.02).all()


def test_the_camera_takes_xyz_to_uv(rhd: Path, hands: list[HandImage]) -> None:
    assert [hand.number for hand in hands] == list(range(IMAGES))
    for hand in hands:
        for side in (0, 1):
            assert project(hand.xyz_2K3[side], hand.camera_33) == pytest.approx(hand.uv_2K2[side], abs=1e-9)
    record = pickle.loads((rhd / "evaluation" / "anno_evaluation.pickle").read_bytes())[HELD_OUT - 1]
    assert sorted(record) == ["K", "uv_vis", "xyz"]
    assert record["uv_vis"].shape == record["xyz"].shape == (42, 3) and record["K"].shape == (3, 3)


def test_pictures_masks_and_depths_are_of_rhds_kind(rhd: Path) -> None:
    for part, images in (("training", IMAGES), ("evaluation", HELD_OUT)):
        for kind, shape in (("color", (320, 320, 3)), ("mask", (320, 320)), ("depth", (320, 320, 3))):
            files = sorted((rhd / part / kind).iterdir())
            assert [file.name for file in files] == [f"{number:05d}.png" for number in range(images)]
            image = cv2.imread(str(files[0]), cv2.IMREAD_UNCHANGED)
            assert image is not None and image.shape == shape


def test_a_joint_is_inside_its_hand(rhd: Path, hands: list[HandImage]) -> None:
    for hand in hands:
        depth_HW, mask_HW = depth_of(rhd, hand), mask_of(rhd, hand)
        for side, (low, high) in enumerate((LEFT_PARTS, RIGHT_PARTS)):
            shown_K = in_picture(hand.uv_2K2[side])
            column_K, row_K = np.rint(hand.uv_2K2[side][shown_K]).astype(int).T
            behind_K = hand.xyz_2K3[side][shown_K, 2] - depth_HW[row_K, column_K]
            # Something is in front of every joint: its own skin, if nothing else.
            assert (behind_K > 0.003).all()
            label_K = mask_HW[row_K, column_K][behind_K < 0.01]
            # A forearm begins in the wrist.
            assert (((label_K >= low) & (label_K <= high)) | (label_K == 1)).mean() >= 0.9 if label_K.size else True


def test_a_tips_own_part_shows_where_nothing_hides_it(rhd: Path, hands: list[HandImage]) -> None:
    right = wrong = 0
    for hand in hands:
        mask_HW = mask_of(rhd, hand)
        for side, (low, _) in enumerate((LEFT_PARTS, RIGHT_PARTS)):
            uv_K2, z_K = hand.uv_2K2[side], hand.xyz_2K3[side][:, 2]
            seen_K = surface_gap(uv_K2, z_K, depth_of(rhd, hand)) < 0.009
            for finger in range(5):
                tip = 1 + 4 * finger
                if seen_K[tip]:
                    column, row = np.rint(uv_K2[tip]).astype(int)
                    own = mask_HW[row, column] == low + 3 * finger
                    right, wrong = right + own, wrong + (not own)
    assert right > 60 and wrong < 0.05 * right


def test_a_good_share_of_joints_is_hidden(rhd: Path, hands: list[HandImage]) -> None:
    hidden: list[bool] = []
    flags: list[float] = []
    for hand in hands:
        side = dominant_hand(mask_of(rhd, hand))
        shown_K = in_picture(hand.uv_2K2[side])
        seen_K = surface_gap(hand.uv_2K2[side], hand.xyz_2K3[side][:, 2], depth_of(rhd, hand)) < THICKEST
        hidden += (~seen_K[shown_K]).tolist()
        flags += hand.flag_2K[side].tolist()
    assert 0.2 < np.mean(hidden) < 0.45
    assert 0.85 < np.mean(flags) < 1


def test_both_hands_come_forward_and_some_pictures_have_two(rhd: Path, hands: list[HandImage]) -> None:
    masks = [mask_of(rhd, hand) for hand in hands]
    assert 0.25 < np.mean([dominant_hand(mask_HW) for mask_HW in masks]) < 0.75
    shown = np.array(
        [[np.isin(m, range(low, high + 1)).sum() > 200 for low, high in (LEFT_PARTS, RIGHT_PARTS)] for m in masks]
    )
    assert shown.any(axis=1).all() and 0.15 < shown.all(axis=1).mean() < 0.6
    assert all(mask_HW.max() <= RIGHT_PARTS[1] and mask_HW.min() == 0 for mask_HW in masks)


def test_fingers_can_be_told_apart_by_their_looks(rhd: Path, hands: list[HandImage]) -> None:
    # Of each finger's last part: the colour by which it differs from the mean of all fingers in the same picture.
    looks: dict[int, list[FloatArray]] = {finger: [] for finger in range(5)}
    for hand in hands:
        mask_HW = mask_of(rhd, hand)
        image = cv2.imread(str(rhd / "training" / "color" / f"{hand.number:05d}.png"))
        assert image is not None
        image_HW3 = image.astype(float)
        first = (LEFT_PARTS, RIGHT_PARTS)[dominant_hand(mask_HW)][0]
        parts = {finger: image_HW3[mask_HW == first + 3 * finger] for finger in range(5)}
        shares = {finger: part.mean(axis=0) / part.mean() for finger, part in parts.items() if len(part) > 25}
        for finger, share in shares.items():
            looks[finger].append(share - np.mean(list(shares.values()), axis=0))
    centres = {finger: np.mean(each[::2], axis=0) for finger, each in looks.items()}
    told = [
        min(centres, key=lambda other: float(np.linalg.norm(look - centres[other]))) == finger
        for finger, each in looks.items()
        for look in each[1::2]
    ]
    assert len(told) > 30 and np.mean(told) > 0.7


def test_the_truth_has_no_error(rhd: Path, tmp_path: Path) -> None:
    truth_file = rhd / "evaluation" / "anno_evaluation.pickle"
    preds = []
    for hand in load_hands(truth_file):
        side = dominant_hand(read_mask(rhd / "evaluation" / "mask" / f"{hand.number:05d}.png"))
        preds.append(hand.uv_2K2[side])
    scipy.io.savemat(tmp_path / "preds.mat", {"preds": np.stack(preds)})
    found = score("rhd", truth_file, tmp_path / "preds.mat")
    assert found["all"]["EPE"] == 0 and found["flagged"]["AUC@0-30px exact"] == 1
