"""What a trial of a cell cost: GPU- or CPU-hours as SLURM accounted them, else hours of its processes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from heatmark.reports.comparing.accuracy import wall_seconds
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.reading.collect import Trial, accounted


@dataclass(frozen=True)
class Cost:
    """Mean over a cell's finished trials. unit: `GPU h`, `CPU h` or `process h` (wall time by processes)."""

    hours: float
    unit: str

    def __str__(self) -> str:
        return f"{self.hours:.2g} {self.unit}" if self.hours < 100 else f"{self.hours:.0f} {self.unit}"


def cost_of(cell: GridCell) -> Cost | None:
    """The mean over finished trials, of those counted in the first one's unit; None where no cost is on record."""
    found = [cost for cost in map(_trial_cost, cell.finished) if cost]
    if not found:
        return None
    unit = found[0].unit
    return Cost(statistics.fmean(cost.hours for cost in found if cost.unit == unit), unit)


def _trial_cost(trial: Trial) -> Cost | None:
    spent = accounted(trial)
    if spent.get("gpu_hours"):
        return Cost(spent["gpu_hours"], "GPU h")
    if spent.get("cpu_hours"):
        return Cost(spent["cpu_hours"], "CPU h")
    seconds, result = wall_seconds(trial), trial.result
    if seconds is None or result is None:
        return None
    return Cost(seconds / 3600 * result.world_size, "GPU h" if result.machine.get("gpus") else "process h")
