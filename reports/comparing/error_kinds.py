"""What kinds of error a cell makes, over its seeds, and what mending each kind would be worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heatmark.datasets.metrics.error_kinds import MENDABLE
from heatmark.reports.comparing.cells import GridCell, Measured, measured
from heatmark.reports.reading.digest import Digest
from heatmark.reports.reading.joint_errors import EVERYBODY, Counts
from heatmark.reports.statistics.ranked_ap import ap_in_orders


@dataclass(frozen=True)
class KindsOfError:
    """joints: their names. counts_KC: by (factor, band), `("", "")` of everyone, joints by kind, summed over seeds.

    gain: what AP would gain without errors of a kind, as a fraction, mean over seeds.
    """

    joints: tuple[str, ...]
    counts_KC: Mapping[tuple[str, str], Counts]
    gain: Mapping[str, Measured]

    @property
    def totals_C(self) -> Counts:
        total_C: Counts = self.counts_KC[EVERYBODY].sum(axis=0)
        return total_C


def kinds_of_error(cell: GridCell) -> KindsOfError | None:
    """None where no records of the cell tell kinds."""
    known = [digest for digest in cell.digests if digest.joints.kinds is not None]
    if not known:
        return None
    counts: dict[tuple[str, str], Counts] = {}
    for digest in known:
        for place, counts_KC in (digest.joints.kinds or {}).items():
            counts[place] = counts[place] + counts_KC if place in counts else counts_KC
    gains = [_gains(digest) for digest in known]
    gain = {kind: found for kind in MENDABLE if (found := measured([each.get(kind) for each in gains]))}
    return KindsOfError(known[0].joints.names, counts, gain)


def _gains(digest: Digest) -> dict[str, float]:
    """Of AP, each prediction matched with its own person."""
    mended_NE = digest.joints.mended_NE
    if mended_NE is None:
        return {}
    known_N = np.isfinite(digest.oks_N) & np.isfinite(mended_NE).all(axis=1)
    if not known_N.any():
        return {}
    image_N, score_N = digest.image_N[known_N], digest.score_N[known_N]
    ways = {"": digest.oks_N, **dict(zip(MENDABLE, mended_NE.T, strict=True))}
    ap = {name: float(ap_in_orders(image_N, score_N, oks_N[known_N])[0]) for name, oks_N in ways.items()}
    return {kind: ap[kind] - ap[""] for kind in MENDABLE}
