"""The Rendered Hand-pose Dataset's files, read and checked: anno_{training,evaluation}.pickle, masks and depth maps.

The pickle is read by an unpickler that makes arrays, numbers and plain containers and nothing else: a pickle may
otherwise run any program.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.images import image_content
from heatmark.datasets.number_lists import LARGEST_NUMBER
from heatmark.datasets.people import FloatArray
from heatmark.foundation.errors import InputError

JOINTS_PER_HAND = 21
SHAPES = {"uv_vis": (2 * JOINTS_PER_HAND, 3), "xyz": (2 * JOINTS_PER_HAND, 3), "K": (3, 3)}
# Classes of a mask: 0 background, 1 person, then the parts of each hand.
LEFT_PARTS, RIGHT_PARTS = (2, 17), (18, 33)
FARTHEST_METRES = 5.0
# What pickles of arrays and of numpy's numbers ask for, in protocols 0 to 5.
ARRAY_MAKERS = frozenset(
    {"numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "numpy._core.numeric._frombuffer"}
)


@dataclass(frozen=True)
class HandImage:
    """uv_2K2 pixels, flag_2K the file's own heuristic visibility, xyz_2K3 metres; the left hand first."""

    number: int
    uv_2K2: FloatArray
    flag_2K: FloatArray
    xyz_2K3: FloatArray
    camera_33: FloatArray


def load_hands(path: Path) -> list[HandImage]:
    """Read and check an annotation pickle, by ascending number of the image."""
    hands = [_hand_image(path, number, record) for number, record in _records(path).items()]
    return sorted(hands, key=lambda hand: hand.number)


def sound_and_faulty(path: Path) -> tuple[list[HandImage], list[str]]:
    """The images of an annotation pickle that can be used, and what is wrong with each of the others."""
    hands, faults = [], []
    for number, record in _records(path).items():
        try:
            hands.append(_hand_image(path, number, record))
        except InputError as error:
            faults.append(str(error).removeprefix(f"{path}: "))
    return hands, faults


def dominant_hand(mask_HW: npt.NDArray[np.uint8]) -> int:
    """0 for the left hand where strictly more pixels are its, else 1, the right one."""
    left, right = hand_pixels(mask_HW)
    return 0 if left > right else 1


def hand_pixels(mask_HW: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """How many pixels are the left hand's, and how many the right one's."""
    pixels_by_class = np.bincount(mask_HW.ravel(), minlength=256)
    left, right = (int(pixels_by_class[low : high + 1].sum()) for low, high in (LEFT_PARTS, RIGHT_PARTS))
    return left, right


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    """Class numbers, mask_HW."""
    return _read_png(path)[..., 2] if path.exists() else _absent(path)


def depth_metres(depth_rgb_HW3: npt.NDArray[np.uint8]) -> FloatArray:
    """Depth in metres: the red byte is the high one, the green byte the low one, 65535 stands for 5 m."""
    value_HW = depth_rgb_HW3[..., 0].astype(np.uint16) * 256 + depth_rgb_HW3[..., 1]
    metres_HW: FloatArray = np.multiply(value_HW, FARTHEST_METRES / 65535, dtype=np.float64)
    return metres_HW


def read_depth(path: Path) -> FloatArray:
    """depth_HW in metres."""
    return depth_metres(_read_png(path)[..., ::-1]) if path.exists() else _absent(path)


def surface_gap(uv_K2: FloatArray, depth_K: FloatArray, depth_HW: FloatArray) -> FloatArray:
    """|D(u, v) - z| of Eq. 27, metres between a joint and the surface seen at its pixel; infinite outside the image."""
    column_K, row_K = (np.rint(uv_K2[:, axis]).astype(int) for axis in (0, 1))
    height, width = depth_HW.shape
    inside_K = (column_K >= 0) & (column_K < width) & (row_K >= 0) & (row_K < height)
    seen_K = depth_HW[np.clip(row_K, 0, height - 1), np.clip(column_K, 0, width - 1)]
    gap_K: FloatArray = np.where(inside_K, np.abs(seen_K - depth_K), np.inf)
    return gap_K


class _ArraysOnly(pickle.Unpickler):
    """Whatever else a pickle asks for is refused before it is made."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core.", "numpy._core.")
        if f"{module}.{name}" in ARRAY_MAKERS:
            return super().find_class(module, name)
        if module == "numpy" and name in {"ndarray", "dtype"}:
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")


def _latin1_bytes(text: str, _encoding: str = "latin1") -> bytes:
    """How a pickle of an old protocol writes bytes."""
    return text.encode("latin1")


def _records(path: Path) -> dict[Any, Any]:
    content = _unpickled(path)
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: not RHD's annotations, which are a dict by image number; fetch the file again")
    return content


def _unpickled(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return _ArraysOnly(file, encoding="latin1").load()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    # Broken bytes end in a dozen kinds of error; none of them comes from code of the pickle's own choice.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: not a pickle of arrays ({reason:.160}); fetch RHD's own file, and open no other"
        ) from error


def _hand_image(path: Path, number: Any, record: Any) -> HandImage:
    if type(number) is not int or number < 0:
        raise InputError(f"{path}: image {number!r:.40} is no number; fetch the file again")
    if not isinstance(record, Mapping):
        raise InputError(f"{path}: image {number}: is no dict of {', '.join(SHAPES)}; fetch the file again")
    arrays = {name: _array(path, number, name, record.get(name)) for name in SHAPES}
    if np.linalg.matrix_rank(arrays["K"]) < 3:
        raise InputError(f"{path}: image {number}: 'K' is no camera, it cannot be inverted; fetch the file again")
    uv_vis_2K3 = arrays["uv_vis"].reshape(2, JOINTS_PER_HAND, 3)
    xyz_2K3 = arrays["xyz"].reshape(2, JOINTS_PER_HAND, 3)
    return HandImage(number, uv_vis_2K3[..., :2], uv_vis_2K3[..., 2], xyz_2K3, arrays["K"])


def _array(path: Path, number: int, name: str, value: Any) -> FloatArray:
    where, shape = f"{path}: image {number}: '{name}'", SHAPES[name]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub" or value.shape != shape:
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.40}"
        raise InputError(f"{where} must be an array of {shape[0]} x {shape[1]} numbers, found {found}")
    array: FloatArray = value.astype(np.float64)
    # NaN fails every comparison.
    if not (np.abs(array) <= LARGEST_NUMBER).all():
        raise InputError(f"{where} must hold finite numbers; fetch the file again")
    return array


def _read_png(path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(image_content(path) or b"\0", np.uint8), cv2.IMREAD_COLOR)
    # OpenCV's stubs allow None nowhere, its decoder returns it.
    if image is None:
        raise InputError(f"{path}: cannot decode this image; replace the file")
    return image.astype(np.uint8, copy=False)


def _absent(path: Path) -> Any:
    raise InputError(f"{path}: no such file; give RHD's folder with color, mask and depth beside the annotations")
