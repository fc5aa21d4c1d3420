"""What a sweep asks of a trial that may be there already, trained by this sweep or by another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heatmark.workloads.measurement import measurement_of, source_of
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measurement, Wanted, WantedPart
from heatmark.workloads.spec import LAST_WITH_MEASUREMENTS, TrialSpec


def planned_again(there: TrialSpec, now: TrialSpec) -> TrialSpec:
    """A spec that is there, carried out as it is planned now.

    The boxes and flip test of its own measurement stay, since files are named after them; and of a trial of an earlier
    science how often it is evaluated, which was a part of its signature.
    """
    moving = ("eval_every", "measure_untrained") if there.science_version > LAST_WITH_MEASUREMENTS else ()
    train = {name: getattr(now.train, name) for name in moving}
    runtime = now.runtime
    if measurement_of(there) != measurement_of(now):
        runtime = runtime.model_copy(update={"detections": there.runtime.detections})
    return there.model_copy(update={"train": there.train.model_copy(update=train), "runtime": runtime})


def ask_for(folder: RunFolder, spec: TrialSpec, wanted: Sequence[tuple[Measurement, Path | None]]) -> str:
    """Put on record which of the measurements a trial still lacks (measure.json). Returns the first one's name.

    wanted: each with the file of its detections.
    """
    known, own = folder.measurements(), measurement_of(spec).boxes
    done = {each.source for each in folder.measured() if each.epoch == spec.train.epochs} | {own}
    lacking = list(folder.wanted())
    sources = []
    for measurement, file in wanted:
        source = source_of(spec, measurement, known)
        known[source] = measurement
        sources.append(source)
        if source not in done and source not in {part.source for part in lacking}:
            boxes = str(file) if measurement.boxes == "det" else None
            lacking.append(WantedPart(source=source, measurement=measurement, file=boxes))
    if lacking != list(folder.wanted()):
        Wanted(measurements=lacking).write(folder.wanted_file)
    return sources[0]
