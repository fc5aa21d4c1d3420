"""Sweep file -> trials: the grid expanded, every default written out, every trial named by its signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from heatmark.datasets.coco_detections import detections_fingerprint
from heatmark.datasets.formats import format_of
from heatmark.datasets.people import SPLITS
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.foundation.clock import utc_now
from heatmark.foundation.errors import InputError
from heatmark.foundation.file_lock import locked
from heatmark.foundation.files import read_json, write_json
from heatmark.foundation.nearest import nearest
from heatmark.pipeline.cells import cells_of, trial_of, weights_of
from heatmark.pipeline.claims import is_looked_after
from heatmark.pipeline.data_sets import data_fingerprint, data_root, recipe_of, resolved_data
from heatmark.pipeline.site import stage_of
from heatmark.pipeline.sweep import (
    DataSection,
    SweepFile,
    expand_path,
)
from heatmark.pipeline.tracking_uri import tracking_uri
from heatmark.pipeline.trial_labels import trial_labels
from heatmark.pipeline.wanted_measurements import ask_for, planned_again
from heatmark.workloads.measurement import measurement_of
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measurement
from heatmark.workloads.run_folder.own_plug_ins import keep_plug_ins
from heatmark.workloads.run_folder.spec_file import read_spec, write_spec
from heatmark.workloads.run_folder.store import find_trials, place_trials, store_lock
from heatmark.workloads.run_folder.sweep_record import CellRecord, SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec


@dataclass(frozen=True)
class Plan:
    """sweep: the file, what data sets tell of themselves written out. given: the data sections as they stand in it.
    folder: runs/<sweep>. trials: one per cell, in the order of the grid. collapsed: cells that were the same experiment
    as another (beta means nothing to detection). wanted: by signature, how a trial is measured beside its training.
    """

    sweep: SweepFile
    given: Mapping[str, DataSection]
    folder: Path
    trials: tuple[TrialSpec, ...]
    collapsed: int
    wanted: Mapping[str, tuple[Measurement, ...]]

    @property
    def labels(self) -> dict[str, str]:
        """For people, by signature."""
        return trial_labels(self.trials)

    def run_folder(self, trial: TrialSpec) -> RunFolder:
        """Where it is: before this sweep has a run folder of it, another sweep's."""
        own = self.folder / trial.signature
        return RunFolder(own if own.exists() else self._there.get(trial.signature, own))

    @cached_property
    def _there(self) -> Mapping[str, Path]:
        return find_trials(self.folder, [trial.signature for trial in self.trials])

    def unfinished(self) -> list[TrialSpec]:
        """Trials that are not trained or not measured in all ways: the only ones Tune is started for."""
        return [trial for trial in self.trials if not self.run_folder(trial).finished]

    def write(self) -> list[str]:
        """The sweep's own record, its run folders, of every trial its spec.json, which stays as it is but for `runtime`
        and how often it is evaluated, and what is still to be measured of it. Returns what people should know.
        """
        notes = place_trials(self.folder, [trial.signature for trial in self.trials])
        with locked(store_lock(self.folder)):  # what two sweeps ask of one trial is measured, all of it
            sources = {trial.signature: self._ask_for(trial) for trial in self.trials}
        path = sweep_file(self.folder)
        earlier = SweepRecord.read(path)
        SweepRecord(
            name=self.sweep.name,
            created=earlier.created if earlier else utc_now(),
            scheduler=self.sweep.tune.scheduler,
            cluster=self.sweep.cluster.model_dump(mode="json"),
            targets=self.sweep.report.targets,
            cells=[
                CellRecord(signature=signature, label=label, source=sources[signature])
                for signature, label in self.labels.items()
            ],
        ).write(path)
        return notes

    def _ask_for(self, trial: TrialSpec) -> str:
        """Write what one trial is and is to be measured by. Returns CellRecord.source.

        What another sweep's driver looks after is carried out as that sweep planned it, until it is this one's.
        """
        folder = self.run_folder(trial)
        keep_plug_ins(trial, folder.path)
        spec = planned_again(read_spec(folder.spec_file), trial) if folder.spec_file.is_file() else trial
        if not is_looked_after(folder):
            write_spec(folder.spec_file, spec)
        boxes = self.sweep.data[trial.data.name].detections
        file = expand_path(boxes) if boxes is not None else None
        own = measurement_of(trial)
        source = ask_for(folder, spec, [(own, file), *((each, file) for each in self.wanted[trial.signature])])
        return "" if source == measurement_of(spec).boxes else source


def make_plan(sweep: SweepFile, out: Path, source: Path) -> Plan:
    """Expand a sweep. out: the folder of all sweeps (`runs`). source: the file, for messages.

    Raises InputError for a value no trial can have, for a data set that is not there and for a place where MLflow can
    keep no runs.
    """
    _check_stage(sweep, source)
    if sweep.tracking.enabled and sweep.tracking.uri is not None:
        tracking_uri(sweep.tracking.uri, f"{source}: tracking.uri")
    names, given = dict.fromkeys(sweep.named("dataset")), sweep.data
    sweep = sweep.model_copy(update={"data": sweep.data | {name: resolved_data(sweep.data[name]) for name in names}})
    prints = {name: data_fingerprint(sweep.data[name]) for name in names}
    detectors = {
        name: detections_fingerprint(expand_path(file)) for name in names if (file := sweep.data[name].detections)
    }
    weights = {name: weights_of(name, section, source) for name, section in sweep.pretrained.items()}
    trials: dict[str, TrialSpec] = {}
    wanted: dict[str, dict[Measurement, None]] = {}
    cells = 0
    for cell in cells_of(sweep.grid):
        trial = trial_of(sweep, cell, prints, weights, source)
        trial = _measured(trial, detectors.get(trial.data.name))
        first = trials.setdefault(trial.signature, trial)
        asked = wanted.setdefault(trial.signature, {})
        for boxes in sweep.data[trial.data.name].all_boxes:
            asked[measurement_of(_measured(trial, detectors.get(trial.data.name), boxes))] = None
        asked.pop(measurement_of(first), None)
        cells += 1
    further = {signature: tuple(asked) for signature, asked in wanted.items()}
    return Plan(sweep, given, (out / sweep.name).absolute(), tuple(trials.values()), cells - len(trials), further)


def _measured(trial: TrialSpec, detector: str | None, boxes: str | None = None) -> TrialSpec:
    """Measured in these boxes, or in its own. detector: the hash of the data set's detections."""
    boxes = boxes or trial.data.bbox_source
    data = {"bbox_source": boxes, "detections": detector if boxes == "det" else None}
    return trial.model_copy(update={"data": trial.data.model_copy(update=data)})


def _check_stage(sweep: SweepFile, source: Path) -> None:
    """Raises InputError for an archive of no data set, or that is not there."""
    stage = stage_of(sweep.cluster)
    for name, tar in (stage.tars if stage else {}).items():
        if name not in sweep.data:
            raise InputError(f"{source}: cluster.stage.tars.{name}: no such data set{nearest(name, sweep.data)}")
        if not expand_path(tar).is_file():
            raise InputError(f"{source}: cluster.stage.tars.{name}: {expand_path(tar)}: no such file")


def draw_missing_data(plan: Plan, log: Any) -> None:
    """Draw the synthetic data sets of a sweep that are not on disk yet."""
    for name in dict.fromkeys(trial.data.name for trial in plan.trials):
        data = plan.sweep.data[name]
        if data.synthetic is not None:
            root = data_root(data)
            if not root.exists():
                log(f"drawing data set {name}: {root}")
            write_tree(root, recipe_of(data))


def data_notes(plan: Plan) -> list[str]:
    """Read every data set once before anything is sent; what a reader should know about it, one line each.

    Raises InputError for annotations that cannot be used and, under strict, for listed images that are absent. What was
    found is kept in the sweep's folder, so that the next run of the sweep does not read the same files again.
    """
    path = plan.folder / "data.json"
    known = read_json(path) or {}
    notes: list[str] = []
    for trial in {trial.data.name: trial for trial in plan.trials}.values():
        data = plan.given[trial.data.name]
        detections = expand_path(data.detections) if data.detections is not None else None
        key = f"{trial.data.fingerprint} {trial.data.detections or detections or ''} strict={trial.runtime.strict}"
        if key not in known:
            root, strict, found = Path(trial.runtime.data_root), trial.runtime.strict, format_of(data)
            splits = [
                found.people(root, split, strict, detections if boxes == "det" else None, boxes, data.delta_mm)
                for split in SPLITS
                for boxes in (data.all_boxes if split == "val" else data.all_boxes[:1])
            ]
            known[key] = [f"{trial.data.name} {people.split}: {note}" for people in splits for note in people.notes]
        notes += known[key]
    write_json(path, known)
    return notes
