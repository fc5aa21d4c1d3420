"""evaluations/epoch-NNNN.parquet of a run folder -> arrays: what every evaluated person was like, and how it went.

A run from before there were records has no such folder; whoever reads it then has no records, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from heatmark.foundation.errors import InputError
from heatmark.reports.reading.collect import Trial
from heatmark.workloads.run_folder import RunFolder

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

FOLDER = "evaluations"
SCHEMA_VERSION = 1
# Columns of one number per person; the first four are the factors that sub-benchmarks are cut by.
NUMBERS = (
    *("labelled_joints", "occluded_share", "root_of_area", "longest_side"),
    *("score", "oks", "reference_length", "fitted_sigma", "log_mass_ratio"),
)
# Columns of one number per joint.
PER_JOINT = ("error", "visibility", "confidence", "error_mm")


@dataclass(frozen=True)
class Records:
    """The people of one evaluation, sorted by image and annotation; NaN where there is no value.

    epoch: counted from 1. format, boxes: the data set's format and `gt` or `det`. annotation_N: -1 where there is none.
    numbers: columns of one number per person (NUMBERS). error_NK in image pixels, NaN where a joint is not labelled;
    error_mm_NK: the same in millimetres, of methods that predict 3D. visibility_NK: 0 not labelled, 1 hidden, 2
    visible. joints_NK2: predicted, in image pixels. activation_NS: A(s) for s in reaches. chi_square_NWG: for windows
    and sigmas.
    """

    epoch: int
    format: str
    boxes: str
    joints: tuple[str, ...]
    reaches: tuple[int, ...]
    windows: tuple[int, ...]
    sigmas: tuple[float, ...]
    image_N: Integers
    annotation_N: Integers
    numbers: Mapping[str, Floats]
    error_NK: Floats
    error_mm_NK: Floats
    visibility_NK: Floats
    confidence_NK: Floats
    joints_NK2: Floats
    activation_NS: Floats
    chi_square_NWG: Floats

    def __len__(self) -> int:
        return len(self.image_N)


def record_files(folder: RunFolder | None) -> dict[int, Path]:
    """The files of a run folder by epoch, counted from 1; empty where there are none."""
    if folder is None:
        return {}
    found = {}
    for path in sorted((folder.path / FOLDER).glob("epoch-*.parquet")):
        number = path.stem.removeprefix("epoch-")
        if number.isdecimal():
            found[int(number) + 1] = path
    return found


def last_records(trial: Trial) -> Records | None:
    """Those of the newest evaluation; None where there are none. Raises InputError for a file that is no good."""
    files = record_files(trial.folder)
    return read_records(files[max(files)]) if files else None


def records_at(trial: Trial, epoch: int) -> Records | None:
    """Those of one epoch, counted from 1; None where there are none."""
    path = record_files(trial.folder).get(epoch)
    return read_records(path) if path else None


def read_records(path: Path) -> Records:
    """One file. Raises InputError for one that cannot be read or does not hold what its metadata says."""
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
        about = json.loads((table.schema.metadata or {})[b"heatmark"])
        if about["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version {about['schema_version']}, this version reads {SCHEMA_VERSION}")
        return _records(table, about, int(path.stem.removeprefix("epoch-")) + 1)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: not evaluation records of this version ({type(error).__name__}: {error}); "
            "delete the file or evaluate the trial again"
        ) from error


def _records(table: pa.Table, about: Mapping[str, Any], epoch: int) -> Records:
    joints = tuple(str(name) for name in about["joints"])
    reaches, windows = tuple(about["reaches"]), tuple(about["windows"])
    sigmas = tuple(float(sigma) for sigma in about["sigmas"])
    per_joint = {name: _matrix(table, name, len(joints)) for name in PER_JOINT}
    chi_square_NP = _matrix(table, "chi_square", len(windows) * len(sigmas))
    return Records(
        epoch=epoch,
        format=str(about["format"]),
        boxes=str(about["boxes"]),
        joints=joints,
        reaches=reaches,
        windows=windows,
        sigmas=sigmas,
        image_N=_integers(table, "image_id"),
        annotation_N=_integers(table, "annotation_id"),
        numbers={name: _matrix(table, name, 1)[:, 0] for name in NUMBERS},
        error_NK=per_joint["error"],
        error_mm_NK=per_joint["error_mm"],
        visibility_NK=per_joint["visibility"],
        confidence_NK=per_joint["confidence"],
        joints_NK2=_matrix(table, "joints", 2 * len(joints)).reshape(-1, len(joints), 2),
        activation_NS=_matrix(table, "activation_sum", len(reaches)),
        chi_square_NWG=chi_square_NP.reshape(-1, len(windows), len(sigmas)),
    )


def _integers(table: pa.Table, name: str) -> Integers:
    values: Integers = table.column(name).fill_null(-1).to_numpy().astype(np.int64, copy=False)
    return values


def _matrix(table: pa.Table, name: str, width: int) -> Floats:
    """A column of numbers, or of lists of `width` numbers, as people x width; NaN where it is absent or null."""
    if name not in table.column_names:
        return np.full((table.num_rows, width), np.nan, np.float32)
    column = table.column(name).combine_chunks()
    if pa.types.is_fixed_size_list(column.type):
        if column.type.list_size != width or column.null_count:
            raise ValueError(
                f"{name}: lists of {column.type.list_size} with {column.null_count} null, expected {width}"
            )
        column = column.flatten()
    values: Floats = column.cast(pa.float32()).to_numpy(zero_copy_only=False).reshape(table.num_rows, width)
    return values
