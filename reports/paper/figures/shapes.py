"""What the last evaluation says of a cell's heatmaps, by difficulty: A(s) for every s, and the sigma they resemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.datasets.subsets import DIFFICULTIES, OCCLUDED
from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.reading.digest import Digest
from heatmark.reports.reading.records import last_records

Numbers = npt.NDArray[np.float64]

ALL = "all"
GROUPS = (*DIFFICULTIES, ALL)
# Windows of Appendix G: wide enough to hold most of a map.
WINDOW = {"easy": 4, "medium": 4, "hard": 8}


@dataclass(frozen=True)
class Shapes:
    """By difficulty, and of all people. activation_S: A(s) of the softmax of Eq. 3, mean over people, of the first
    finished seed that has it. as_read_S: the same of the weights that the method reads with; files of earlier versions
    hold it alone.

    sigma: the Gaussian of least chi-square on average over people. people: how many there are, with and without maps.
    """

    reaches: tuple[int, ...]
    activation_S: Mapping[str, Numbers]
    as_read_S: Mapping[str, Numbers]
    sigma: Mapping[str, float]
    people: Mapping[str, int]


def shapes_of(cell: GridCell) -> Shapes | None:
    """None where no run folder of the cell has readable records."""
    for trial in cell.finished:
        digest = cell.evidence.of(trial)
        try:
            records = last_records(trial) if digest else None
        except InputError:
            continue
        if digest is None or records is None:
            continue
        masks = {name: digest.of_difficulty(name) for name in DIFFICULTIES} | {ALL: digest.everyone_N}
        return Shapes(
            records.reaches,
            _means(records.softmax_activation_NS, masks),
            _means(records.activation_NS, masks),
            {name: sigma for name in DIFFICULTIES if (sigma := _best_sigma(digest, name)) is not None},
            {name: int(mask.sum()) for name, mask in masks.items()},
        )
    return None


def _means(values_NS: npt.NDArray[np.float32] | None, masks: Mapping[str, npt.NDArray[np.bool_]]) -> dict[str, Numbers]:
    """Over the people of each mask who have values; masks without any are left out."""
    if values_NS is None:
        return {}
    known_N = np.isfinite(values_NS).all(axis=1)
    parts = {name: values_NS[mask_N & known_N].astype(np.float64) for name, mask_N in masks.items()}
    return {name: part.mean(axis=0) for name, part in parts.items() if len(part)}


def _best_sigma(digest: Digest, difficulty: str) -> float | None:
    if WINDOW[difficulty] not in digest.windows:
        return None
    statistic_G = digest.chi_square[OCCLUDED][difficulty][digest.windows.index(WINDOW[difficulty])]
    return None if not np.isfinite(statistic_G).any() else digest.sigmas[int(np.nanargmin(statistic_G))]
