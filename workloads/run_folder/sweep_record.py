"""sweep.json of a sweep's folder: which trials it has, and where they run. Written by pipeline/plan.py.

The trials are named by their signatures: other sweeps may have them as well (store.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from heatmark.workloads.run_folder.record import Part, Record


def _without_sources(content: dict[str, Any]) -> dict[str, Any]:
    """Until version 2 trials that were measured otherwise were other trials."""
    return {**content, "cells": [{**cell, "source": ""} for cell in content["cells"]]}


class CellRecord(Part):
    """A trial of the grid. label: for people. source: the name that the cell's own measurement has in its run folder
    (datasets/boxes.py); "" where it is that which the trial was trained under.
    """

    signature: str
    label: str
    source: str


class SweepRecord(Record):
    """created: UTC, ISO 8601. cluster: the sweep file's section. cells: in the order of the grid. targets: by data set,
    the quality in its headline metric that time is measured to.
    """

    VERSION: ClassVar[int] = 3
    UPGRADES: ClassVar = {1: lambda content: {**content, "targets": {}}, 2: _without_sources}

    name: str
    created: str
    scheduler: Literal["fifo", "asha"]
    cluster: Mapping[str, Any]
    cells: Sequence[CellRecord]
    targets: Mapping[str, float]


def sweep_file(sweep: Path) -> Path:
    """Where a sweep's own record lies."""
    return sweep / "sweep.json"
