"""Made-up evaluation records in the agreed schema: test data of the reporter. Nothing of it was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

JOINTS = {"coco": 17, "mpii": 16, "lspet": 14, "rhd": 21}
REACHES = tuple(range(13))
WINDOWS = (4, 8)
SIGMAS = (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5)
ABOUT = {"schema_version": 1, "boxes": "gt", "reaches": REACHES, "windows": WINDOWS, "sigmas": SIGMAS}

Arrays = dict[str, Any]


def made_up_people(people: int = 120, data_format: str = "coco", seed: int = 0) -> Arrays:
    """People of all difficulties, two to an image: the same for every method. Columns of the schema but the errors."""
    draw = np.random.default_rng(seed)
    joints = JOINTS[data_format]
    labelled = draw.integers(1, joints + 1, people)
    labelled[: people // 3] = joints
    visibility_NK = np.zeros((people, joints), np.uint8)
    hidden = np.zeros(people)
    for row, count in enumerate(labelled):
        chosen = draw.permutation(joints)[:count]
        visibility_NK[row, chosen] = np.where(draw.random(count) < draw.choice([0.05, 0.35, 0.8]), 1, 2)
        hidden[row] = np.count_nonzero(visibility_NK[row] == 1)
    root_of_area = np.exp(draw.uniform(np.log(33), np.log(300), people))
    return {
        "image_id": np.arange(people) // 2 + 1000,
        "annotation_id": np.arange(people) + 5000,
        "labelled_joints": labelled.astype(np.float32),
        "occluded_share": (hidden / labelled).astype(np.float32),
        "root_of_area": root_of_area.astype(np.float32),
        "longest_side": (1.6 * root_of_area).astype(np.float32),
        "reference_length": (0.4 * root_of_area).astype(np.float32),
        "visibility": visibility_NK,
    }


def made_hard_and_easy(people: Arrays, hard: int, easy: int) -> Arrays:
    """The same people, of whom the first count as hard and the next as easy by all three factors."""
    changed = {name: np.array(values) for name, values in people.items()}
    for rows, (labelled, hidden, size) in ((slice(0, hard), (3, 1.0, 50)), (slice(hard, hard + easy), (17, 0.0, 200))):
        changed["labelled_joints"][rows] = labelled
        changed["occluded_share"][rows] = hidden
        changed["root_of_area"][rows] = size
    return changed


def with_errors(people: Arrays, scale: float, seed: int = 0, oks: bool = True, mm: bool = False) -> Arrays:
    """Errors of about `scale` pixels, larger for the hidden; the draws of one seed are shared by all methods."""
    draw = np.random.default_rng([7, seed])
    visibility_NK: npt.NDArray[Any] = people["visibility"]
    rows, joints = visibility_NK.shape
    error_NK = scale * draw.gamma(2.0, 0.5, (rows, joints)) * np.where(visibility_NK == 1, 2.0, 1.0)
    error_NK = np.where(visibility_NK > 0, error_NK, np.nan).astype(np.float32)
    with np.errstate(invalid="ignore"):
        similarity_NK = np.exp(-(error_NK**2) / (2 * (0.15 * people["root_of_area"][:, None]) ** 2))
    oks_N = np.nanmean(similarity_NK, axis=1) if oks else np.full(rows, np.nan)
    share = np.exp(-np.arange(len(REACHES)) / scale)
    matched = np.array([[abs(np.log(sigma / 2)) + 0.1 for sigma in SIGMAS] for _ in WINDOWS]) * (1 + scale / 10)
    return {
        **people,
        "score": np.asarray(draw.random(rows), np.float32),
        "oks": np.asarray(oks_N, np.float32),
        "error": error_NK,
        "confidence": draw.random((rows, joints)).astype(np.float32),
        "joints": draw.random((rows, 2 * joints)).astype(np.float32),
        **({"error_mm": (3 * error_NK).astype(np.float32)} if mm else {}),
        "activation_sum": np.tile(1 - share, (rows, 1)).astype(np.float32),
        "chi_square": np.tile(matched.ravel(), (rows, 1)).astype(np.float32),
        "fitted_sigma": np.full(rows, 2.0, np.float32),
        "log_mass_ratio": np.full(rows, 3.0, np.float32),
    }


def with_kinds(columns: Arrays, readings: Sequence[str] = (), seed: int = 0) -> Arrays:
    """The columns that the first version had not: kinds that follow from the errors, and other read-outs.

    A joint is good up to 3 pixels, a jitter up to 6, then in turn an inversion, a swap and a miss. Every reading is a
    tenth better than the one before it, and than the method's own.
    """
    error_NK = np.asarray(columns["error"])
    turn_NK = np.arange(error_NK.size).reshape(error_NK.shape) % 3 + 3
    with np.errstate(invalid="ignore"):
        kind_NK = np.select([np.isnan(error_NK), error_NK <= 3, error_NK <= 6], [0, 1, 2], turn_NK).astype(np.uint8)
    draw = np.random.default_rng([8, seed])
    oks_N = np.asarray(columns["oks"])
    found = {
        **columns,
        "softmax_activation": np.asarray(columns["activation_sum"]) ** 0.5,
        "towards": (error_NK * draw.uniform(-1, 1, error_NK.shape)).astype(np.float32),
        "kind": kind_NK,
        "oks_mended": np.clip(oks_N[:, None] + np.array([0.02, 0.01, 0.03, 0.05]), 0, 1).astype(np.float32),
    }
    for place, name in enumerate(readings):
        found[f"error:{name}"] = (error_NK * np.float32(0.9 ** (place + 1))).astype(np.float32)
        found[f"oks:{name}"] = (oks_N ** np.float32(0.9 ** (place + 1))).astype(np.float32)
    return found


def write_records(run: Path, columns: Arrays, epoch: int = 11, data_format: str = "coco", **about: Any) -> Path:
    """One file of a run folder. epoch: as in metrics.jsonl, from 0."""
    joints = np.asarray(columns["error"]).shape[1]
    names = about.pop("joints", [f"joint_{number}" for number in range(joints)])
    arrays: dict[str, pa.Array[Any]] = {name: _array(values) for name, values in columns.items()}
    readings = [name.removeprefix("oks:") for name in columns if name.startswith("oks:")]
    newer = {"schema_version": 2, "readings": readings} if "kind" in columns else {}
    metadata = {"heatmark": json.dumps({**ABOUT, **newer, "format": data_format, "joints": names, **about})}
    path = run / "evaluations" / f"epoch-{epoch:04d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays).replace_schema_metadata(metadata), path, compression="zstd")
    return path


def _array(values: Sequence[Any] | npt.NDArray[Any]) -> pa.Array[Any]:
    array = np.asarray(values)
    if array.ndim == 1:
        return cast("pa.Array[Any]", pa.array(array))
    return cast("pa.Array[Any]", pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1]))
