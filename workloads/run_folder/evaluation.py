"""evaluations/epoch-NNNN.parquet: what every evaluated person was like, and how it went. Needs numpy and pyarrow.

A run from before there were records has no such files; whoever reads it then has no records, and says so.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from heatmark.foundation.errors import InputError
from heatmark.workloads.run_folder.epoch import epoch_of
from heatmark.workloads.run_folder.record import Record

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

# Columns of one number per person; the first four are the factors that sub-benchmarks are cut by.
NUMBERS: Final = (
    *("labelled_joints", "occluded_share", "root_of_area", "longest_side"),
    *("score", "oks", "reference_length", "fitted_sigma", "log_mass_ratio"),
)
# The reading of a trial's own read-out with the mirror's lag exactly undone, where it moves by a whole pixel.
EXACT: Final = "exact"
# Jitter, inversion, swap, miss.
KINDS_MENDED: Final = 4
METADATA_KEY: Final = b"heatmark"


class About(Record):
    """The metadata of a file. format, boxes: of the data (DataSpec). joints: by name, in the order of the columns.

    reaches: s of A(s), Eq. 26. windows, sigmas: of the chi-square statistics. readings: names of other read-outs of the
    same maps.
    """

    VERSION: ClassVar[int] = 2
    # The first files told of one read-out alone.
    UPGRADES: ClassVar = {1: lambda content: {**content, "readings": ()}}

    format: str
    boxes: str
    joints: Sequence[str]
    reaches: Sequence[int]
    windows: Sequence[int]
    sigmas: Sequence[float]
    readings: Sequence[str]


@dataclass(frozen=True)
class Reading:
    """What another read-out makes of the same maps, mirrors merged exactly. error_NK, oks_N: as in Records."""

    error_NK: Floats
    oks_N: Floats


@dataclass(frozen=True)
class Records:
    """The people of one evaluation, sorted by image and annotation; NaN where there is no value.

    epoch: counted from 1, of the file it was read from. format, boxes: of the data (DataSpec). annotation_N: -1 where
    there is none. numbers: columns of one number per person (NUMBERS). error_NK in image pixels, NaN where a joint is
    not labelled; error_mm_NK: the same in millimetres, NaN but for methods that predict 3D. visibility_NK: 0 not
    labelled, 1 hidden, 2 visible. joints_NK2: predicted, in image pixels. activation_NS: A(s) for s in reaches.
    chi_square_NWG: for windows and sigmas.
    """

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
    visibility_NK: npt.NDArray[np.uint8]
    confidence_NK: Floats
    joints_NK2: Floats
    activation_NS: Floats
    chi_square_NWG: Floats
    epoch: int = 0
    error_mm_NK: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    softmax_activation_NS: Floats | None = None
    towards_NK: Floats | None = None
    kind_NK: npt.NDArray[np.uint8] | None = None
    oks_mended_NE: Floats | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.error_mm_NK.size:
            object.__setattr__(self, "error_mm_NK", np.full_like(self.error_NK, np.nan))

    def __len__(self) -> int:
        return len(self.image_N)


def encode(records: Records) -> bytes:
    """The file of an evaluation. Raises ValueError for columns that do not belong together."""
    about = About(
        format=records.format,
        boxes=records.boxes,
        joints=records.joints,
        reaches=records.reaches,
        windows=records.windows,
        sigmas=records.sigmas,
        readings=tuple(records.readings),
    )
    people = len(records)
    columns: dict[str, npt.NDArray[Any]] = {
        "image_id": records.image_N.astype(np.int64),
        "annotation_id": records.annotation_N.astype(np.int64),
        **{name: records.numbers[name] for name in NUMBERS},
        "error": records.error_NK,
        **({"error_mm": records.error_mm_NK} if np.isfinite(records.error_mm_NK).any() else {}),
        "visibility": records.visibility_NK.astype(np.uint8),
        "confidence": records.confidence_NK,
        "joints": records.joints_NK2.reshape(people, -1),
        "activation_sum": records.activation_NS,
        "chi_square": records.chi_square_NWG.reshape(people, -1),
        **{name: column for name, column in _later_columns(records).items() if column is not None},
    }
    for name, reading in records.readings.items():
        columns |= {f"error:{name}": reading.error_NK, f"oks:{name}": reading.oks_N}
    table = pa.table({name: _arrow(column) for name, column in columns.items()})
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(about.plain())}), file, compression="zstd")
    return file.getvalue()


def _later_columns(records: Records) -> dict[str, npt.NDArray[Any] | None]:
    return {
        "softmax_activation": records.softmax_activation_NS,
        "towards": records.towards_NK,
        "kind": records.kind_NK,
        "oks_mended": records.oks_mended_NE,
    }


def _arrow(column: npt.NDArray[Any]) -> Any:
    """A fixed-size list for more than one value per person; numbers that are not integers in single precision.

    Of their bytes: pa.array would import pandas, to see whether it was given a series.
    """
    values = np.ascontiguousarray(column, None if np.issubdtype(column.dtype, np.integer) else np.float32)
    flat = pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values.data)])
    if values.ndim == 2 and values.shape[1] > 1:
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return flat


def read_records(path: Path) -> Records:
    """One file. Raises InputError naming the file and the column that is absent, unknown or of another type."""
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
        metadata = json.loads((table.schema.metadata or {})[METADATA_KEY])
        number = epoch_of(path.stem.removeprefix("epoch-"))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path}: no evaluation records ({type(error).__name__}: {error}); {REMEDY}") from error
    if number is None:
        raise InputError(f"{path}: no evaluation records by its name, which is epoch-NNNN.parquet; {REMEDY}")
    if not isinstance(metadata, dict):
        raise InputError(f"{path}: no evaluation records (their metadata is no JSON object); {REMEDY}")
    return _Columns(path, table, About.of(metadata, str(path))).records(number + 1)


REMEDY: Final = "delete the file or evaluate the trial again"


class _Columns:
    """The columns of a file, each checked as it is taken."""

    def __init__(self, path: Path, table: pa.Table, about: About) -> None:
        self.path, self.table, self.about = path, table, about
        self.left = set(table.column_names)

    def records(self, epoch: int) -> Records:
        about, joints = self.about, len(self.about.joints)
        windows, sigmas = len(about.windows), len(about.sigmas)
        chi_square_NP = self.floats("chi_square", windows * sigmas)
        found = Records(
            epoch=epoch,
            format=about.format,
            boxes=about.boxes,
            joints=tuple(about.joints),
            reaches=tuple(about.reaches),
            windows=tuple(about.windows),
            sigmas=tuple(about.sigmas),
            image_N=self.integers("image_id"),
            annotation_N=self.integers("annotation_id", absent=-1),
            numbers={name: self.floats(name, 1)[:, 0] for name in NUMBERS},
            error_NK=self.floats("error", joints),
            visibility_NK=self.column("visibility", joints, pa.uint8()),
            confidence_NK=self.floats("confidence", joints),
            joints_NK2=self.floats("joints", 2 * joints).reshape(-1, joints, 2),
            activation_NS=self.floats("activation_sum", len(about.reaches)),
            chi_square_NWG=chi_square_NP.reshape(-1, windows, sigmas),
            # Of methods that predict 3D alone.
            **({"error_mm_NK": self.floats("error_mm", joints)} if "error_mm" in self.left else {}),
            softmax_activation_NS=self.later("softmax_activation", len(about.reaches)),
            towards_NK=self.later("towards", joints),
            kind_NK=self.column("kind", joints, pa.uint8()) if "kind" in self.left else None,
            oks_mended_NE=self.later("oks_mended", KINDS_MENDED),
            readings={
                name: Reading(self.floats(f"error:{name}", joints), self.floats(f"oks:{name}", 1)[:, 0])
                for name in about.readings
            },
        )
        if self.left:
            raise self.refused(min(self.left), "unknown")
        return found

    def integers(self, name: str, absent: int | None = None) -> Integers:
        """absent: what null stands for."""
        values: Integers = self.column(name, 1, pa.int64(), absent)[:, 0]
        return values

    def floats(self, name: str, width: int) -> Floats:
        values: Floats = self.column(name, width, pa.float32(), np.nan)
        return values

    def later(self, name: str, width: int) -> Floats | None:
        """A column that earlier versions did not write."""
        return self.floats(name, width) if name in self.left else None

    def column(self, name: str, width: int, kind: pa.DataType, absent: float | None = None) -> npt.NDArray[Any]:
        """Numbers, or lists of `width` numbers, as people x width. absent: what null stands for, if for anything."""
        if name not in self.left:
            raise self.refused(name, "missing")
        self.left.remove(name)
        column: Any = self.table.column(name).combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            found = column.type.list_size
            column = column.flatten()
        else:
            found = 1
        if column.type != kind or found != width:
            raise self.refused(name, f"{found} x {column.type} per person, expected {width} x {kind}")
        if absent is not None and column.null_count:
            column = column.fill_null(absent)
        if column.null_count or len(column) != width * self.table.num_rows:
            raise self.refused(name, "null for some people")
        values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False).reshape(-1, width)
        return values

    def refused(self, name: str, problem: str) -> InputError:
        return InputError(f"{self.path}: column {name}: {problem}; {REMEDY}")
