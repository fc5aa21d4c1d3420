"""Run folders -> frozen records: what the report is built from, with every unreadable file turned into a message."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from heatmark.datasets.formats import FORMATS
from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json
from heatmark.workloads.run_folder import RunFolder, run_folders
from heatmark.workloads.spec import TrialSpec

Numbers = Mapping[str, float]
BOX_SOURCES = {"gtbox": "GT boxes", "detbox": "detected boxes", "mmposebox": "mmpose's boxes"}


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
    final holds finite numbers only.
    """

    signature: str
    label: str
    state: str
    message: str = ""
    spec: TrialSpec | None = None
    epochs: tuple[Epoch, ...] = ()
    final: Numbers = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    folder: RunFolder | None = None

    @property
    def finished(self) -> bool:
        return self.state == "finished"

    @property
    def boxes(self) -> str:
        """The box source that is part of every metric's name: `gtbox` or `detbox`."""
        return f"{self.spec.data.bbox_source}box" if self.spec else ""

    @property
    def beta(self) -> float | None:
        value: float | None = getattr(self.spec.method, "beta", None) if self.spec else None
        return value

    @property
    def format(self) -> str:
        """Of the data set: what it is measured by follows from it."""
        return self.spec.data.format if self.spec else ""

    @property
    def headline(self) -> str:
        """The metric of the trial's format to show first, such as `AP`; higher is better."""
        return FORMATS[self.spec.data.format].headline if self.spec else ""

    def final_metric(self, name: str) -> float | None:
        return self.final.get(f"{self.boxes}/{name}")

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """Epochs, counted from 1, and the metric on the validation people at each of them."""
        key = f"{self.boxes}/{name}"
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
        finished = self.result.get("finished")
        return str(finished) if finished else max((epoch.time for epoch in self.epochs), default="")


@dataclass(frozen=True)
class Sweep:
    """Everything the report says comes from here."""

    name: str
    created: str
    scheduler: str
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()

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
        plan = read_json(folder / "sweep.json")
    except ValueError as error:
        raise InputError(f"{folder / 'sweep.json'}: not JSON ({error}); plan the sweep again to rewrite it") from error
    if plan is None and not runs:
        hint = "it is one run folder; give its parent" if (folder / "spec.json").is_file() else "give runs/<sweep>"
        raise InputError(f"{folder}: neither sweep.json nor a run folder in it, so not a sweep; {hint}")
    if plan is not None:
        return _planned_sweep(folder, plan, runs)
    trials = tuple(_read_trial(run, run.signature) for run in runs.values())
    return Sweep(printable(folder.resolve().name), "", "", trials, _unread_costs(trials))


def _planned_sweep(folder: Path, plan: object, runs: Mapping[str, RunFolder]) -> Sweep:
    """The cells of sweep.json with the run folders they have."""
    cells = plan.get("cells") if isinstance(plan, dict) else None
    if not isinstance(plan, dict) or not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise InputError(f"{folder / 'sweep.json'}: no list of cells in it; plan the sweep again to rewrite it")
    labels = {str(cell.get("signature")): printable(str(cell.get("label", cell.get("signature")))) for cell in cells}
    trials = tuple(
        _read_trial(runs[signature], label) if signature in runs else Trial(printable(signature), label, "not run")
        for signature, label in labels.items()
    )
    left_out = len(runs.keys() - labels.keys())
    notes = (f"{left_out} further run folder(s) here belong to no cell of the sweep and are left out.",) * bool(
        left_out
    )
    name = printable(str(plan.get("name") or folder.resolve().name))
    created, scheduler = printable(str(plan.get("created") or "")), str(plan.get("scheduler") or "").lower()
    return Sweep(name, created, scheduler, trials, (*notes, *_unread_costs(trials)))


def _read_trial(run: RunFolder, label: str) -> Trial:
    try:
        raw = _mapping(_read(run.spec_file, run.spec))
        spec = TrialSpec.model_validate_json(json.dumps({key: raw[key] for key in raw if key != "signature"}))
        result, failure = (
            _mapping(_read(*each)) for each in ((run.result_file, run.result), (run.failure_file, run.failure))
        )
        epochs = tuple(_epoch(line) for line in _read(run.metrics_file, run.metrics))
        held = run.lease_file.is_file()
    except (ValueError, OSError) as error:
        return Trial(run.signature, label, "unreadable", _why_unreadable(error), folder=run)
    state, message = _state(spec, result, failure, epochs, held)
    final = finite_numbers(result.get("final"))
    return Trial(run.signature, printable(spec.label), state, message, spec, epochs, final, result, run)


def _read(file: Path, content: Callable[[], Any]) -> Any:
    """A file's content; what is wrong with it is said with its name."""
    try:
        return content()
    except (ValueError, OSError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def accounted(trial: Trial) -> Numbers:
    """The trial's hours as SLURM accounted them; empty where there are none, or none that can be read."""
    try:
        return finite_numbers(read_json(trial.folder.accounting_file) if trial.folder else None)
    except (ValueError, OSError):
        return {}


def _unread_costs(trials: Iterable[Trial]) -> tuple[str, ...]:
    """Told once, with the run folders: without their costs the rest of them stands."""
    found = [
        trial for trial in trials if trial.folder and trial.folder.accounting_file.exists() and not accounted(trial)
    ]
    named = ", ".join(printable(trial.signature) for trial in found)
    return (f"No hours can be read from the accounting.json of {named}: their costs are of wall time.",) * bool(found)


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return printable(f"spec.json: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    return printable(f"a file of the run folder cannot be read: {error}")


def _state(
    spec: TrialSpec, result: Mapping[str, Any], failure: Mapping[str, Any], epochs: tuple[Epoch, ...], held: bool
) -> tuple[str, str]:
    """A result is the last word; a failure counts unless a later attempt has trained on. held: a lease is there."""
    newest = max((epoch.time for epoch in epochs), default="")
    done = f"{len(epochs)} of {spec.train.epochs} epochs on record"
    if result:
        return printable(str(result.get("state", "finished"))), done
    if failure and str(failure.get("time", "")) >= newest:
        kind, why = str(failure.get("kind") or "failure"), str(failure.get("message") or "no message was left")
        return "failed", printable(f"{kind}: {why}\n{done}")
    since = f", the last at {printable(newest)}" if newest else ""
    if held:
        return "running", f"A job holds the run folder: {done}{since}."
    if epochs:
        return "unfinished", f"No job holds the run folder and there is no result: {done}{since}."
    return "not run", "No epoch on record yet."


def _epoch(line: Mapping[str, Any]) -> Epoch:
    own = finite_numbers(line)
    if "epoch" not in own:
        raise ValueError("metrics.jsonl has a line without an epoch")
    train, val = finite_numbers(line.get("train")), finite_numbers(line.get("val"))
    return Epoch(
        int(own["epoch"]) + 1,
        printable(str(line.get("time", ""))),
        own.get("wall_s"),
        own.get("samples_seen"),
        own.get("images_per_s"),
        train,
        val,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def finite_numbers(values: object) -> dict[str, float]:
    """The finite numbers of a JSON object: null, NaN and infinity are the same here, namely no value."""
    pairs: Iterable[tuple[str, Any]] = _mapping(values).items()
    return {
        key: float(value)
        for key, value in pairs
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def printable(text: str) -> str:
    """Control characters and broken Unicode as the replacement character, so that any renderer takes the text."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
