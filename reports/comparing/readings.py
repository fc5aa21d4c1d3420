"""One net, many read-outs: what each makes of the maps that a cell's nets gave at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heatmark.reports.comparing.cells import GridCell, Measured, measured
from heatmark.reports.reading.digest import Digest
from heatmark.workloads.run_folder.evaluation import EXACT

# As published; for methods that are not merged exactly, the same so; then whatever read-outs the records have.
OWN = "own"


@dataclass(frozen=True)
class Read:
    """Means over seeds. epe: in pixels."""

    headline: Measured | None
    epe: Measured | None


def readings(cell: GridCell) -> dict[str, Read]:
    """By read-out, OWN first, betas left away; empty where the records know no other read-out."""
    names = dict.fromkeys(name for digest in cell.digests for name in digest.readings)
    if not names.keys() - {EXACT}:
        return {}
    ways = {name: [digest.readings[name] for digest in cell.digests if name in digest.readings] for name in names}
    return {name.partition("@")[0]: _over_seeds(read) for name, read in {OWN: cell.digests, **ways}.items()}


def _over_seeds(read: Sequence[Digest]) -> Read:
    return Read(measured([each.headline() for each in read]), measured([each.epe for each in read]))
