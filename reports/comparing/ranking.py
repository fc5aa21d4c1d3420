"""AP taken apart: what a cell owes to where its joints are, and what to the order its scores put people in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.reading.digest import Digest

# Of the same people under numbers that tell nothing.
DRAWS = 10


@dataclass(frozen=True)
class Ranked:
    """AP of a cell with each prediction matched with its own person, over seeds: in the order of its own scores, in
    orders that are common to all cells and know nothing, and in the perfect one, by OKS itself.
    """

    own: Measured
    common: Measured
    perfect: Measured


def ranked(cell: GridCell) -> Ranked | None:
    """None where no seed has records with OKS."""
    values = [cell.over_digests(order) for order in (_own, _common, _perfect)]
    own, common, perfect = values
    return Ranked(own, common, perfect) if own and common and perfect else None


def _own(digest: Digest) -> float | None:
    return digest.ap(digest.everyone_N)


def _common(digest: Digest) -> float | None:
    """The mean over several random orders of the people, the same for every trial that evaluated them."""
    draw = np.random.default_rng(len(digest))
    found = [digest.ap(digest.everyone_N, draw.random(len(digest))) for _ in range(DRAWS)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _perfect(digest: Digest) -> float | None:
    return digest.ap(digest.everyone_N, np.nan_to_num(digest.oks_N))
