"""The trials of a sweep as a table, read from their run folders: live while a sweep runs, once for `sweep status`."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from heatmark.datasets.boxes import in_boxes, title_of
from heatmark.datasets.formats import format_of
from heatmark.pipeline.broker import without_job_id
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file

PLAIN_INTERVAL_S = 2.0
# How many of the trials that wait for the same are named.
NAMED = 3


@dataclass(frozen=True)
class TrialStatus:
    """One trial, for people. epoch: finished epochs of `epochs`. left_s: at the speed so far, None if unknown.

    metric: the first one of its data set's format, in these boxes, with the last value of it. waits_for: why its job
    does not run, in the cluster's words.
    """

    signature: str
    label: str
    state: str
    epoch: int
    epochs: int
    metric: str
    boxes: str
    value: float | None
    epe: float | None
    images_per_s: float | None
    left_s: float | None
    job_id: str | None
    reason: str | None
    waits_for: str | None


def trial_statuses(sweep: Path) -> list[TrialStatus]:
    """Every trial of a sweep's folder in the order of its grid."""
    record = SweepRecord.read(sweep_file(sweep))
    labels = {cell.signature: cell.label for cell in record.cells} if record else {}
    order = {signature: position for position, signature in enumerate(labels)}
    folders = sorted(run_folders(sweep), key=lambda folder: order.get(folder.signature, len(order)))
    return [_status(folder, labels.get(folder.signature, folder.signature)) for folder in folders]


def _status(folder: RunFolder, label: str) -> TrialStatus:
    spec, job = folder.spec(), folder.job()
    known = folder.epochs()
    records = [record for record in known if record.epoch >= 0]
    last = records[-1] if records else None
    evaluated = next((record.val for record in reversed(known) if record.val), {})
    boxes = spec.data.bbox_source
    metric = format_of(spec.data).headline
    epochs = spec.train.epochs
    state = _state(folder, job)
    left = last.wall_s / len(records) * (epochs - len(records)) if last and state == "running" else None
    return TrialStatus(
        signature=folder.signature,
        label=label,
        state=state,
        epoch=len(records),
        epochs=epochs,
        metric=metric,
        boxes=title_of(boxes),
        value=evaluated.get(in_boxes(boxes, metric)),
        epe=evaluated.get(in_boxes(boxes, "EPE")),
        images_per_s=last.images_per_s if last else None,
        left_s=left,
        job_id=job.job_id if job else None,
        reason="left to other sweeps that want it" if folder.is_left_to_others() else job.reason if job else None,
        waits_for=job.waits_for if job and state in ("pending", "submitted", "running") else None,
    )


def _state(folder: RunFolder, job: JobRecord | None) -> str:
    if folder.finished:
        return "finished"
    if folder.is_left_to_others():
        return "cancelled"
    if job is None or job.state == "new":
        return "waiting"
    return "running" if job.state == "submitted" and folder.attempts() else job.state


def status_table(statuses: list[TrialStatus], title: str) -> Table:
    """The live table: state, epoch, AP or the like and EPE (boxes named in the header), speed, time left."""
    table = Table(title=title, title_justify="left")
    metrics = ", ".join(dict.fromkeys(f"{status.metric} ({status.boxes})" for status in statuses)) or "AP"
    for name in ("trial", "state", "epoch", metrics, "EPE px", "images/s", "left"):
        table.add_column(name, justify="left" if name in ("trial", "state") else "right")
    for status in statuses:
        table.add_row(*_row(status))
    return table


def _row(status: TrialStatus) -> list[str]:
    return [
        status.label,
        status.state,
        f"{status.epoch}/{status.epochs}",
        "" if status.value is None else f"{status.value:.3f}",
        "" if status.epe is None else f"{status.epe:.2f}",
        "" if status.images_per_s is None else f"{status.images_per_s:.0f}",
        "" if status.left_s is None else f"{int(status.left_s // 60)}:{int(status.left_s % 60):02d}",
    ]


def print_status(sweep: Path, as_json: bool, console: Console) -> None:
    """`heatmark sweep status`."""
    statuses = trial_statuses(sweep)
    if as_json:
        print(json.dumps({"sweep": sweep.name, "trials": [asdict(status) for status in statuses]}))
        return
    console.print(status_table(statuses, str(sweep)))
    for status in statuses:
        if status.state in ("failed", "cancelled"):
            console.print(f"{status.label}: {status.state}: {status.reason}", soft_wrap=True)
    for waiting in _by_words(statuses).values():
        names = ", ".join(status.label for status in waiting[:NAMED]) + (", ..." if len(waiting) > NAMED else "")
        console.print(f"{len(waiting)} waiting: {waiting[0].waits_for} ({names})", soft_wrap=True)


def _by_words(statuses: list[TrialStatus]) -> dict[str, list[TrialStatus]]:
    """The trials that wait, by what they wait for."""
    found: dict[str, list[TrialStatus]] = {}
    for status in statuses:
        if status.waits_for is not None:
            found.setdefault(without_job_id(status.waits_for, status.job_id), []).append(status)
    return found


@contextmanager
def live_progress(sweep: Path, console: Console) -> Iterator[Callable[[str], None]]:
    """Show progress until left; yields a function that prints a line. A table on a terminal, plain lines elsewhere."""

    def log(line: str) -> None:
        # Nobody may be reading any more (`heatmark sweep run ... | head`): the sweep goes on.
        with contextlib.suppress(OSError):
            console.print(line, soft_wrap=True)

    if console.is_terminal:
        with Live(
            get_renderable=lambda: status_table(trial_statuses(sweep), str(sweep)),
            console=console,
            refresh_per_second=1,
        ):
            yield log
        return
    closing = threading.Event()
    printer = threading.Thread(target=_print_epochs, args=(sweep, log, closing), daemon=True)
    printer.start()
    try:
        yield log
    finally:
        closing.set()
        printer.join()


def _print_epochs(sweep: Path, log: Callable[[str], None], closing: threading.Event) -> None:
    """One line whenever a trial has finished another epoch."""
    seen: dict[str, Any] = {status.signature: status.epoch for status in trial_statuses(sweep)}
    last_round = False
    while not last_round:
        last_round = closing.wait(PLAIN_INTERVAL_S)
        for status in trial_statuses(sweep):
            if status.epoch > seen.get(status.signature, 0):
                label, _, epoch, value, epe, speed, left = _row(status)
                log(
                    f"{label}: epoch {epoch}  {status.metric} ({status.boxes}) {value or '-'}  EPE {epe or '-'} px  "
                    f"{speed} images/s  left {left or '-'}"
                )
                seen[status.signature] = status.epoch
