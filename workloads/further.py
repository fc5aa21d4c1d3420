"""Measurements beside the one that a trial is trained under: in other boxes, with another flip test, of kept weights.

Taken by the trial's own job once it is trained, by a job that only measures, or by `heatmark evaluate`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from heatmark.foundation.clock import utc_now
from heatmark.workloads.evaluate import Evaluation, Kept, evaluate
from heatmark.workloads.measurement import measured_as
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measured, Wanted, WantedPart
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.views import view_of

Log = Callable[[str], None]


@dataclass(frozen=True)
class Weights:
    """What is measured. epoch: finished epochs, 0 before training. step: optimizer steps taken."""

    model: nn.Module
    epoch: int
    step: int


def measure_wanted(
    weights: Weights,
    spec: TrialSpec,
    folder: RunFolder,
    ranks: Ranks,
    log: Log,
    may_write: Callable[[], bool],
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Everything that measure.json asks for, of the last weights. Every rank must call it.

    may_write: true on the one rank that writes the folder. What has been measured stays so when a later one fails.
    """
    known = {(each.source, each.epoch) for each in folder.measured()}
    wanted: list[WantedPart] = list(ranks.gather(folder.wanted())[0])
    for part in wanted:
        if (part.source, weights.epoch) not in ranks.gather(known)[0]:
            log(f"measuring {part.source} after epoch {weights.epoch}")
            measure_once(weights, spec, folder, ranks, part, may_write, progress)
    ranks.barrier()
    if may_write():
        # A sweep that was planned in the meantime may have asked for more.
        left = [part for part in folder.wanted() if part not in wanted]
        if left:
            Wanted(measurements=left).write(folder.wanted_file)
        else:
            folder.wanted_file.unlink(missing_ok=True)
    ranks.barrier()


def measure_once(
    weights: Weights,
    spec: TrialSpec,
    folder: RunFolder,
    ranks: Ranks,
    part: WantedPart,
    may_write: Callable[[], bool],
    progress: Callable[[], None] = lambda: None,
) -> Evaluation:
    """One measurement, put on record. Every rank must call it, and every rank gets the same answer."""
    view = view_of(measured_as(spec, part.measurement, part.file), ranks, part.source)
    try:
        found = evaluate(weights.model, view, ranks, set(), progress, Kept(every_reading=True))
    finally:
        view.loader.close()
    if may_write():
        if part.source == spec.data.bbox_source:
            found.write_records(folder, weights.epoch - 1)
        else:
            found.write(folder.of_source(part.source), weights.epoch - 1)
        Measured(
            source=part.source,
            measurement=part.measurement,
            epoch=weights.epoch,
            step=weights.step,
            time=utc_now(),
            metrics=found.metrics,
        ).append(folder.measurements_file)
    return found
