"""Run folders -> frozen records: what the report is built from, with every unreadable file turned into a message."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heatmark.datasets.boxes import in_boxes, measured_in
from heatmark.datasets.formats import format_of
from heatmark.foundation.counted import counted, several
from heatmark.foundation.errors import InputError
from heatmark.workloads.measurement import measured_as
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.evaluation import EXACT
from heatmark.workloads.run_folder.failure import Failure
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.measured import Measured
from heatmark.workloads.run_folder.result import Result
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Epoch:
    """One line of metrics.jsonl. number counts from 1; val is empty where nothing was evaluated.

    samples_seen: people trained on so far, each as often as it was drawn.
    """

    number: int
    time: str
    wall_s: float | None
    samples_seen: float | None
    images_per_s: float | None
    train: Numbers
    val: Numbers


@dataclass(frozen=True)
class Trial:
    """One cell of the grid and one seed. spec is None where the cell was never started or its spec is unreadable.

    state: the result's own word (`finished`), or `failed`, `running` (a job holds the
    folder), `unfinished`, `not run`, `unreadable`; message says why.
    final holds finite numbers only, those of all measurements of the last weights. source: the name of the measurement
    that the sweep asks for, where the trial was trained under another; spec is then as if it were that.
    """

    signature: str
    label: str
    state: str
    message: str = ""
    spec: TrialSpec | None = None
    epochs: tuple[Epoch, ...] = ()
    final: Numbers = field(default_factory=dict)
    result: Result | None = None
    folder: RunFolder | None = None
    source: str = ""

    @property
    def finished(self) -> bool:
        return self.state == "finished"

    @property
    def boxes(self) -> str:
        """The source of the sweep's own measurement (datasets/boxes.py), which is part of every metric's name."""
        return self.source or (self.spec.data.bbox_source if self.spec else "")

    @property
    def evaluations(self) -> RunFolder | None:
        """Where the files of that measurement are: the run folder, or a place of its own in there."""
        return self.folder.of_source(self.source) if self.folder and self.source else self.folder

    @property
    def beta(self) -> float | None:
        value: float | None = getattr(self.spec.method, "beta", None) if self.spec else None
        return value

    @property
    def format(self) -> str:
        """Of the data set: what it is measured by follows from it."""
        return format_of(self.spec.data).measures if self.spec else ""

    @property
    def headline(self) -> str:
        """The metric of the trial's format to show first, such as `AP`; higher is better."""
        return format_of(self.spec.data).headline if self.spec else ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Of all boxes that the trial was or is to be evaluated in, its own first."""
        told = (found[0] for name in self.final if (found := measured_in(name)))
        return tuple(dict.fromkeys((self.boxes, *told)))

    def final_metric(self, name: str, boxes: str | None = None) -> float | None:
        """boxes: their source, the trial's own where there is none."""
        return self.final.get(in_boxes(self.boxes if boxes is None else boxes, name))

    def compared_metric(self, name: str) -> float | None:
        """Of the exact reading, where it is not the published one."""
        exact = self.final_metric(f"{EXACT}/{name}")
        return self.final_metric(name) if exact is None else exact

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """Epochs, counted from 1, and the metric on the validation people at each of them."""
        key = in_boxes(self.boxes, name)
        points = [(epoch.number, epoch.val[key]) for epoch in self.epochs if key in epoch.val]
        return [number for number, _ in points], [value for _, value in points]

    def epochs_to(self, fraction: float) -> int | None:
        """The first epoch whose headline metric reaches a fraction of the final one; None where there is none."""
        final = self.final_metric(self.headline)
        if final is None or final <= 0:
            return None
        points = zip(*self.curve(self.headline), strict=True)
        reached = (number for number, value in points if value >= fraction * final)
        return next(reached, None)

    @property
    def newest_time(self) -> str:
        return self.result.finished if self.result else max((epoch.time for epoch in self.epochs), default="")


@dataclass(frozen=True)
class Sweep:
    """Everything the report says comes from here. targets: of the headline metric, by data set (SweepRecord)."""

    name: str
    created: str
    scheduler: str
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()
    targets: Numbers = field(default_factory=dict)

    @property
    def truncated(self) -> bool:
        return self.scheduler == "asha"

    @property
    def date(self) -> str:
        """Day of the newest result, so that the same inputs give the same report on any day."""
        times = [t.newest_time for t in self.trials if t.finished] or [t.newest_time for t in self.trials]
        return (max(times, default="") or self.created)[:10]


def collect(folder: Path) -> Sweep:
    """Read a sweep folder; InputError where it is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of a sweep, such as runs/demo")
    runs = {run.signature: run for run in run_folders(folder)}
    try:
        plan = SweepRecord.read(sweep_file(folder))
    except InputError as error:
        raise InputError(f"{error}, or plan the sweep again, which rewrites it") from error
    if plan is None and not runs:
        hint = "it is one run folder; give its parent" if (folder / "spec.json").is_file() else "give runs/<sweep>"
        raise InputError(f"{folder}: neither sweep.json nor a run folder in it, so not a sweep; {hint}")
    if plan is not None:
        return _planned_sweep(folder, plan, runs)
    trials = tuple(read_trial(run, run.signature) for run in runs.values())
    return Sweep(printable(folder.resolve().name), "", "", trials, _unread_costs(trials))


def _planned_sweep(folder: Path, plan: SweepRecord, runs: Mapping[str, RunFolder]) -> Sweep:
    """The cells of sweep.json with the run folders they have."""
    labels = {cell.signature: printable(cell.label) for cell in plan.cells}
    sources = {cell.signature: cell.source for cell in plan.cells}
    trials = tuple(
        read_trial(runs[signature], label, sources[signature])
        if signature in runs
        else Trial(printable(signature), label, "not run", _where_it_was(folder / signature))
        for signature, label in labels.items()
    )
    left_out = len(runs.keys() - labels.keys())
    which = f"{counted(left_out, 'further run folder')} here {several(left_out, 'belongs', 'belong')}"
    notes = (f"{which} to no cell of the sweep and {several(left_out, 'is', 'are')} left out.",) * bool(left_out)
    notes = (*notes, *_unread_costs(trials))
    return Sweep(printable(plan.name), printable(plan.created), plan.scheduler, trials, notes, plan.targets)


def _where_it_was(link: Path) -> str:
    """Why a trial that a sweep shares cannot be found, or nothing."""
    if not link.is_symlink():
        return ""
    return printable(f"Its run folder was {link.readlink()} and is gone; a copy of a sweep takes it along with cp -rL.")


def read_trial(run: RunFolder, label: str, source: str = "") -> Trial:
    """What a run folder tells. label: where its spec cannot be read. source: as in Trial."""
    try:
        spec, result, failure = run.spec(), run.result(), run.failure()
        measured = run.measured()
        epochs = tuple(_epoch(record, measured) for record in run.epochs())
        known = run.measurements()
        held = run.lease_file.is_file()
    except (InputError, OSError) as error:
        return Trial(run.signature, label, "unreadable", printable(str(error)), folder=run)
    state, message = _state(spec, result, failure, epochs, held)
    final = finite_numbers(result.final) | _further(measured, result.epochs) if result else {}
    if source in known:
        spec = measured_as(spec, known[source], spec.runtime.detections)
    return Trial(run.signature, printable(spec.label), state, message, spec, epochs, final, result, run, source)


def _further(measured: Iterable[Measured], epoch: int) -> dict[str, float]:
    """What was measured of the weights of an epoch beside training; its names are of no other measurement."""
    found = (finite_numbers(each.metrics) for each in measured if each.epoch == epoch)
    return {name: value for numbers in found for name, value in numbers.items() if measured_in(name)}


def accounted(trial: Trial) -> Numbers:
    """The trial's hours as SLURM accounted them; empty where there are none, or none that can be read."""
    try:
        cost = trial.folder.cost() if trial.folder else None
    except (InputError, OSError):
        return {}
    return finite_numbers(cost.hours) if cost else {}


def _unread_costs(trials: Iterable[Trial]) -> tuple[str, ...]:
    """Told once, with the run folders: without their costs the rest of them stands."""
    found = [
        trial for trial in trials if trial.folder and trial.folder.accounting_file.exists() and not accounted(trial)
    ]
    named = ", ".join(printable(trial.signature) for trial in found)
    return (f"No hours can be read from the accounting.json of {named}: their costs are of wall time.",) * bool(found)


def _state(
    spec: TrialSpec, result: Result | None, failure: Failure | None, epochs: tuple[Epoch, ...], held: bool
) -> tuple[str, str]:
    """A result is the last word; a failure counts unless a later attempt has trained on. held: a lease is there."""
    newest = max((epoch.time for epoch in epochs), default="")
    done = f"{len(epochs)} of {counted(spec.train.epochs, 'epoch')} on record"
    if result:
        return result.state, done
    if failure and failure.time >= newest:
        return "failed", printable(f"{failure.kind}: {failure.message or 'no message was left'}\n{done}")
    since = f", the last at {printable(newest)}" if newest else ""
    if held:
        return "running", f"A job holds the run folder: {done}{since}."
    if epochs:
        return "unfinished", f"No job holds the run folder and there is no result: {done}{since}."
    return "not run", "No epoch on record yet."


def _epoch(record: EpochRecord, measured: Iterable[Measured]) -> Epoch:
    own = finite_numbers({name: getattr(record, name) for name in ("wall_s", "samples_seen", "images_per_s")})
    return Epoch(
        record.epoch + 1,
        printable(record.time),
        own.get("wall_s"),
        own.get("samples_seen"),
        own.get("images_per_s"),
        finite_numbers(record.train),
        {**_further(measured, record.epoch + 1), **finite_numbers(record.val or {})},
    )


def finite_numbers(values: Mapping[str, float | None] | None) -> dict[str, float]:
    """None, NaN and infinity are the same here, namely no value."""
    pairs = (values or {}).items()
    return {key: float(value) for key, value in pairs if value is not None and math.isfinite(value)}


def printable(text: str) -> str:
    """Control characters and broken Unicode as the replacement character, so that any renderer takes the text."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
