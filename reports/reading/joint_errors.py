"""Evaluation records, cut down to what is told of single joints: their errors, of what kind, and how sure each was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.datasets.metrics.error_kinds import GOOD, JITTER, KINDS
from heatmark.reports.statistics.calibration import Reliability, auroc, reliability, sparsification_error
from heatmark.workloads.run_folder.evaluation import Records

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

# (factor, band) -> how many joints of each kind: K x len(KINDS). ("", "") is everyone.
KindCounts = Mapping[tuple[str, str], Counts]
EVERYBODY = ("", "")


@dataclass(frozen=True)
class Calibration:
    """How sure joints were and whether they were right. auroc, sparsification: None where they cannot be told."""

    reliability: Reliability
    auroc: float | None
    sparsification: float | None


@dataclass(frozen=True)
class JointErrors:
    """K joints by name. count_K: labelled. error_K: mean error in pixels, NaN where no joint is labelled. right_K: the
    share of joints that are right. towards_K: mean error towards the centre of the box, None in files of earlier
    versions. kinds, mended_NE: None where there are no kinds. Right: good or a jitter; where there are no kinds, within
    the headline metric's reach.
    """

    names: tuple[str, ...]
    count_K: Counts
    error_K: Numbers
    right_K: Numbers
    towards_K: Numbers | None
    kinds: KindCounts | None
    mended_NE: npt.NDArray[np.float32] | None
    calibration: Calibration | None


def joint_errors(
    records: Records, within_NK: Numbers, counted_NK: Mask, bands: Mapping[str, npt.NDArray[np.str_]]
) -> JointErrors:
    """within_NK, counted_NK: what each joint adds to the headline metric, and which count; empty for AP."""
    labelled_NK = np.isfinite(records.error_NK)
    count_K = labelled_NK.sum(axis=0)
    right_NK = _right(records, within_NK, counted_NK)
    return JointErrors(
        names=records.joints,
        count_K=count_K,
        error_K=_mean(records.error_NK, labelled_NK),
        right_K=_mean(right_NK, labelled_NK) if right_NK is not None else np.full(len(count_K), np.nan),
        towards_K=None if records.towards_NK is None else _mean(records.towards_NK, np.isfinite(records.towards_NK)),
        kinds=None if records.kind_NK is None else _kinds(records.kind_NK, bands),
        mended_NE=records.oks_mended_NE,
        calibration=None if right_NK is None else _calibration(records, labelled_NK, right_NK),
    )


def _right(records: Records, within_NK: Numbers, counted_NK: Mask) -> Numbers | None:
    if records.kind_NK is not None:
        return np.isin(records.kind_NK, (GOOD, JITTER)).astype(np.float64)
    return (within_NK >= 0.5).astype(np.float64) if counted_NK.size else None


def _mean(value_NK: npt.ArrayLike, mask_NK: Mask) -> Numbers:
    """Of each joint; NaN where it has no value."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_K: Numbers = np.where(mask_NK, value_NK, 0).astype(np.float64).sum(axis=0) / mask_NK.sum(axis=0)
    return mean_K


def _kinds(kind_NK: npt.NDArray[np.uint8], bands: Mapping[str, npt.NDArray[np.str_]]) -> KindCounts:
    found = {EVERYBODY: _counts(kind_NK)}
    for factor in ("size", "occlusion"):
        for band in dict.fromkeys(bands[factor].tolist()):
            if band:
                found[factor, band] = _counts(kind_NK[bands[factor] == band])
    return found


def _counts(kind_NK: npt.NDArray[np.uint8]) -> Counts:
    return np.stack([(kind_NK == place + 1).sum(axis=0) for place in range(len(KINDS))], axis=-1)


def _calibration(records: Records, labelled_NK: Mask, right_NK: Numbers) -> Calibration | None:
    known_NK = labelled_NK & np.isfinite(records.confidence_NK)
    if not known_NK.any():
        return None
    confidence_M, right_M = records.confidence_NK[known_NK].astype(np.float64), right_NK[known_NK]
    return Calibration(
        reliability(confidence_M, right_M),
        auroc(confidence_M, right_M),
        sparsification_error(confidence_M, records.error_NK[known_NK]),
    )
