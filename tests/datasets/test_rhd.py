"""RHD's files: an unpickler that makes arrays only, the dominant hand, the two-byte depth, Eq. 27, and scores."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from heatmark.datasets.formats import score
from heatmark.datasets.rhd_files import depth_metres, dominant_hand, load_hands, read_depth, read_mask, surface_gap
from heatmark.foundation.errors import InputError

IMAGES = 4


def record(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    uv_vis = np.column_stack([random.uniform(0, 320, (42, 2)), random.integers(0, 2, 42)])
    return {"uv_vis": uv_vis, "xyz": random.uniform(0.1, 0.9, (42, 3)), "K": np.diag([300.0, 300, 1])}


def write(folder: Path, content: Any, protocol: int = 2) -> Path:
    path = folder / "anno_evaluation.pickle"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.fixture
def rhd(tmp_path: Path) -> Path:
    """Four images; the left hand is dominant on the even ones."""
    (tmp_path / "mask").mkdir()
    for number in range(IMAGES):
        mask_HW = np.zeros((320, 320), np.uint8)
        mask_HW[:50, :50], mask_HW[100:140, 100:140] = (5, 20) if number % 2 == 0 else (20, 5)
        cv2.imwrite(str(tmp_path / "mask" / f"{number:05d}.png"), mask_HW)
    return write(tmp_path, {number: record(number) for number in reversed(range(IMAGES))})


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_are_read(protocol: int, tmp_path: Path) -> None:
    hands = load_hands(write(tmp_path, {number: record(number) for number in (3, 1)}, protocol))
    assert [hand.number for hand in hands] == [1, 3]
    assert hands[0].uv_2K2.shape == (2, 21, 2) and hands[0].xyz_2K3.shape == (2, 21, 3)
    # The left hand's joints stand first.
    assert hands[0].uv_2K2[1, 0].tolist() == record(1)["uv_vis"][21, :2].tolist()


def test_the_dominant_hand_is_left_only_with_strictly_more_pixels(rhd: Path) -> None:
    assert [dominant_hand(read_mask(rhd.parent / "mask" / f"{number:05d}.png")) for number in range(4)] == [0, 1, 0, 1]
    same = np.array([[2, 17, 18, 33, 1, 0]], np.uint8)
    assert dominant_hand(same) == 1 and dominant_hand(same[:, :3]) == 0


def test_depth_is_two_bytes_of_five_metres(tmp_path: Path) -> None:
    rgb_HW3 = np.array([[[255, 255, 7], [0, 1, 0], [1, 0, 0], [200, 100, 50]]], np.uint8)
    expected = [5.0, 5 / 65535, 256 * 5 / 65535, (200 * 256 + 100) * 5 / 65535]
    assert depth_metres(rgb_HW3)[0].tolist() == pytest.approx(expected)
    cv2.imwrite(str(tmp_path / "depth.png"), rgb_HW3[..., ::-1])
    assert read_depth(tmp_path / "depth.png")[0].tolist() == pytest.approx(expected)


def test_a_joint_is_unoccluded_within_delta_of_the_surface() -> None:
    depth_HW = np.full((4, 5), 0.5)
    depth_HW[2, 3] = 0.4
    uv_K2 = np.array([[3.2, 1.8], [3.2, 1.8], [1, 1], [1, 1], [-1, 0], [4.6, 0]])
    depth_K = np.array([0.402, 0.404, 0.5029, 0.4969, 0.5, 0.5])
    assert (surface_gap(uv_K2, depth_K, depth_HW) < 0.003).tolist() == [True, False, True, False, False, False]
    assert (surface_gap(uv_K2, depth_K, depth_HW) < 0.005).tolist() == [True, True, True, True, False, False]


class Shell:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


class Evaluated:
    def __reduce__(self) -> Any:
        return eval, ("open('ran', 'w')",)


def test_a_hostile_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for hostile in (
        Shell("touch ran"),
        Evaluated(),
        {0: {**record(0), "K": Shell("touch ran")}},
        np.array([Shell("touch ran")]),
    ):
        path = write(tmp_path, hostile)
        with pytest.raises(InputError, match=r"not a pickle of arrays \(it asks for .*, which is no array\)") as caught:
            load_hands(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def spoiled(**changes: Any) -> dict[int, Any]:
    return {0: record(0), 7: {**record(7), **changes}}


MALFORMED = {
    "a list": ([record(0)], "not RHD's annotations"),
    "empty": ({}, "not RHD's annotations"),
    "text number": ({"7": record(7)}, "image '7' is no number"),
    "no dict": ({7: np.zeros(3)}, "image 7: is no dict of uv_vis, xyz, K"),
    "one hand": (
        spoiled(xyz=np.zeros((21, 3))),
        r"image 7: 'xyz' must be an array of 42 x 3 numbers, found float64 \(21",
    ),
    "no camera": (spoiled(K=None), "image 7: 'K' must be an array of 3 x 3 numbers, found None"),
    "a list of pixels": (spoiled(uv_vis=[[0, 0, 1]] * 42), "image 7: 'uv_vis' must be an array of 42 x 3 numbers"),
    "text pixels": (spoiled(uv_vis=np.full((42, 3), "a")), "image 7: 'uv_vis' must be an array"),
    "no camera either": (spoiled(K=np.zeros((3, 3))), "image 7: 'K' is no camera, it cannot be inverted"),
    "huge": (spoiled(xyz=np.full((42, 3), 1e200)), "image 7: 'xyz' must hold finite numbers"),
    "NaN": (spoiled(xyz=np.full((42, 3), np.nan)), "image 7: 'xyz' must hold finite numbers"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_annotations_are_named(case: str, tmp_path: Path) -> None:
    content, message = MALFORMED[case]
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        load_hands(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_pickles_cut_short_are_named(kept: int, rhd: Path) -> None:
    rhd.write_bytes(rhd.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"anno_evaluation\.pickle: not a pickle of arrays"):
        load_hands(rhd)


def predictions(offset: float) -> np.ndarray:
    """The dominant hands, each joint that far to the right."""
    uv = [
        record(number)["uv_vis"][:21, :2] if number % 2 == 0 else record(number)["uv_vis"][21:, :2]
        for number in range(4)
    ]
    shifted: np.ndarray = np.stack(uv) + np.array([offset, 0.0])
    return shifted


def test_dominant_hands_are_scored(rhd: Path) -> None:
    scipy.io.savemat(rhd.parent / "preds.mat", {"preds": predictions(6.1)})
    found = score("rhd", rhd, rhd.parent / "preds.mat")
    assert list(found) == ["flagged", "all"]
    for part in found.values():
        assert part["EPE"] == pytest.approx(6.1) and part["EPE pooled"] == pytest.approx(6.1)
        assert part["AUC@0-30px exact"] == pytest.approx(1 - 6.1 / 30)
        # Thresholds of 30 i / 19: the first not below 6.1 is the fourth, half of the interval before it counts.
        assert part["AUC@0-30px"] == pytest.approx((19 - 4 + 0.5) / 19)
        # Thresholds of 1.5 i: 7.5 is the first above 6.1.
        assert part["AUC@0-30px mmpose"] == pytest.approx(15 / 20)
    with h5py.File(rhd.parent / "preds.h5", "w") as file:
        file["preds"] = predictions(6.1).transpose(2, 1, 0)
    assert score("rhd", rhd, rhd.parent / "preds.h5") == found


@pytest.mark.parametrize("hands", [2, 3])
def test_as_many_hands_as_axes_come_first(hands: int, rhd: Path) -> None:
    write(rhd.parent, {number: record(number) for number in range(hands)})
    xyz = [record(number)["xyz"][:21] if number % 2 == 0 else record(number)["xyz"][21:] for number in range(hands)]
    content = {"preds": predictions(0.0)[:hands], "preds_xyz": 1000 * np.stack(xyz)}
    scipy.io.savemat(rhd.parent / "preds.mat", content)
    found = score("rhd", rhd, rhd.parent / "preds.mat")["all"]
    assert found["EPE"] == 0 and found["EPE mm"] == pytest.approx(0)


def test_only_flagged_joints_count_in_the_one_and_all_in_the_other(rhd: Path) -> None:
    preds = predictions(0.0)
    flags = np.stack([record(n)["uv_vis"][:21, 2] if n % 2 == 0 else record(n)["uv_vis"][21:, 2] for n in range(4)])
    preds[flags == 0] += 1000
    scipy.io.savemat(rhd.parent / "preds.mat", {"preds": preds})
    found = score("rhd", rhd, rhd.parent / "preds.mat")
    assert found["flagged"]["EPE pooled"] == 0 and found["all"]["EPE pooled"] > 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"preds": np.zeros((3, 21, 2))}, r"'preds' must be 4 x 21 x 2 or 2 x 21 x 4 .*, found 3 x 21 x 2"),
        ({"preds": np.full((4, 21, 2), np.nan)}, "'preds' must hold finite numbers"),
        ({"hands": np.zeros((4, 21, 2))}, "there is no array 'preds'"),
    ],
)
def test_predictions_that_are_none_are_named(content: Any, message: str, rhd: Path) -> None:
    scipy.io.savemat(rhd.parent / "preds.mat", content)
    with pytest.raises(InputError, match=message):
        score("rhd", rhd, rhd.parent / "preds.mat")


def test_absent_and_broken_masks_are_named(rhd: Path) -> None:
    scipy.io.savemat(rhd.parent / "preds.mat", {"preds": predictions(0.0)})
    mask = rhd.parent / "mask" / "00002.png"
    mask.write_bytes(b"")
    with pytest.raises(InputError, match=r"00002\.png: cannot decode this image"):
        score("rhd", rhd, rhd.parent / "preds.mat")
    mask.unlink()
    mask.mkdir()
    with pytest.raises(InputError, match=r"00002\.png: cannot decode this image"):
        score("rhd", rhd, rhd.parent / "preds.mat")
    mask.rmdir()
    with pytest.raises(InputError, match=r"00002\.png: no such file; give RHD's folder"):
        score("rhd", rhd, rhd.parent / "preds.mat")
