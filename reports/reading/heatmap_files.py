"""evaluations/heatmaps-NNNN.npz of a run folder -> arrays: heatmaps of a few people after one epoch."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.foundation.errors import InputError
from heatmark.workloads.run_folder import RunFolder

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Heatmaps:
    """P people. density_PKHW: weight of each pixel in the read-out. crop_PRC3: RGB, what the network saw.

    true_PK2, found_PK2: joints in heatmap pixels. labelled_PK: where there is a truth.
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


def heatmap_files(folder: RunFolder | None) -> dict[int, Path]:
    """The files by epoch, counted from 1."""
    if folder is None:
        return {}
    paths = sorted((folder.path / "evaluations").glob("heatmaps-*.npz"))
    numbers = [path.stem.removeprefix("heatmaps-") for path in paths]
    return {int(number) + 1: path for number, path in zip(numbers, paths, strict=True) if number.isdecimal()}


def read_heatmaps(path: Path) -> Heatmaps:
    """Raises InputError for a file that cannot be read or whose arrays do not belong together."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = Heatmaps(**{name: file[name] for name in Heatmaps.__dataclass_fields__})
        people, joints = found.density_PKHW.shape[:2]
        shapes = {found.true_PK2.shape, found.found_PK2.shape}
        if shapes != {(people, joints, 2)} or found.crop_PRC3.shape[::3] != (people, 3):
            raise ValueError(f"shapes {shapes} and {found.crop_PRC3.shape} beside {found.density_PKHW.shape}")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not heatmaps of an evaluation ({error}); delete the file") from error
    return found
