"""sweep.json of a sweep's folder: which trials it has, and where they run. Written by pipeline/plan.py.

The trials are named by their signatures: other sweeps may have them as well (store.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from heatmark.workloads.run_folder.record import Part, Record


class CellRecord(Part):
    """A trial of the grid. label: for people."""

    signature: str
    label: str


class SweepRecord(Record):
    """created: UTC, ISO 8601. cluster: the sweep file's section. cells: in the order of the grid. targets: by data set,
    the quality in its headline metric that time is measured to.
    """

    VERSION: ClassVar[int] = 2
    UPGRADES: ClassVar = {1: lambda content: {**content, "targets": {}}}

    name: str
    created: str
    scheduler: Literal["fifo", "asha"]
    cluster: Mapping[str, Any]
    cells: Sequence[CellRecord]
    targets: Mapping[str, float]


def sweep_file(sweep: Path) -> Path:
    """Where a sweep's own record lies."""
    return sweep / "sweep.json"
