"""AP taken apart: what a cell owes to where its joints are, and what to the order its scores put people in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatmark.reports.comparing.cells import GridCell, Measured, measured
from heatmark.reports.reading.digest import Digest
from heatmark.reports.statistics.ranked_ap import ap_in_orders

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
    found = [_in_orders(digest.compared) for digest in cell.digests]
    known = [values for values in found if values is not None]
    own, common, perfect = (measured([values[place] for values in known]) for place in range(3))
    return Ranked(own, common, perfect) if own and common and perfect else None


def _in_orders(digest: Digest) -> tuple[float, float, float] | None:
    """AP in its own order, in the mean of random ones, which are the same for who evaluated as many, in the perfect."""
    known_N = np.isfinite(digest.oks_N)
    if not known_N.any():
        return None
    oks_N, draw = digest.oks_N[known_N], np.random.default_rng(int(known_N.sum()))
    scores_DN = np.vstack([digest.score_N[known_N], oks_N, draw.random((DRAWS, len(oks_N)))])
    own, perfect, *random = ap_in_orders(digest.image_N[known_N], scores_DN, oks_N).tolist()
    return own, sum(random) / DRAWS, perfect
