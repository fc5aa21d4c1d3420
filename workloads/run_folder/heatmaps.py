"""evaluations/heatmaps-NNNN.npz: the heatmaps of a few people after one epoch, for the paper's Figs. 7, 10 and 11."""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.foundation.errors import InputError

Array = npt.NDArray[Any]
VERSION = 1
VERSION_KEY = "schema_version"


@dataclass(frozen=True)
class Heatmaps:
    """P people in the order of the data set. density_PKHW: float16, the weight of each pixel in the read-out.

    crop_PRC3: uint8, RGB, what the network saw. true_PK2, found_PK2: float32, joints in heatmap pixels.
    labelled_PK: where there is a truth.
    """

    density_PKHW: Array
    crop_PRC3: Array
    true_PK2: Array
    found_PK2: Array
    labelled_PK: Array
    image_id_P: Array
    annotation_id_P: Array

    def __len__(self) -> int:
        return len(self.image_id_P)

    def errors_K(self, person: int) -> npt.NDArray[np.float64]:
        """Distance of every joint as read from the true one, in heatmap pixels."""
        errors_K: npt.NDArray[np.float64] = np.linalg.norm(self.found_PK2[person] - self.true_PK2[person], axis=-1)
        return errors_K


def encode(heatmaps: Heatmaps) -> bytes:
    """The file of an epoch."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {VERSION_KEY: np.array(VERSION), **asdict(heatmaps)}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_heatmaps(path: Path) -> Heatmaps:
    """Raises InputError naming the file and the array that is absent, unknown or does not belong to the others."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not heatmaps of an evaluation ({error}); delete the file") from error
    # The first files had no number.
    version = arrays.pop(VERSION_KEY, np.array(1))
    if version.shape or version != VERSION:
        raise InputError(f"{path}: {VERSION_KEY} {version}: this heatmark reads {VERSION}; delete the file")
    names = [each.name for each in fields(Heatmaps)]
    for name in [*names, *arrays]:
        if name not in arrays or name not in names:
            problem = "unknown" if name in arrays else "missing"
            raise InputError(f"{path}: array {name}: {problem}; delete the file")
    found = Heatmaps(**arrays)
    _check_shapes(found, path)
    return found


def _check_shapes(found: Heatmaps, path: Path) -> None:
    people, joints = (*found.density_PKHW.shape, 0, 0)[:2]
    expected = {
        "density_PKHW": (people, joints, *found.density_PKHW.shape[2:4]),
        "crop_PRC3": (people, *found.crop_PRC3.shape[1:3], 3),
        "true_PK2": (people, joints, 2),
        "found_PK2": (people, joints, 2),
        "labelled_PK": (people, joints),
        "image_id_P": (people,),
        "annotation_id_P": (people,),
    }
    for name, shape in expected.items():
        array = getattr(found, name)
        if array.shape != shape or array.dtype.kind not in "bifu":
            raise InputError(f"{path}: array {name}: {array.dtype} {array.shape}, expected {shape}; delete the file")
