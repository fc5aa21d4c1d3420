"""`heatmark sweep status`: the trials of a sweep as a table of 80 columns, what needs attention first."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from heatmark.pipeline.broker import without_job_id
from heatmark.pipeline.trial_status import StatusReader, SweepStatus, TrialStatus, sweep_status

WATCH_INTERVAL_S: Final = 2.0
# How many of the trials that wait for the same are named.
NAMED: Final = 3
# What needs attention first; all other states are of trials that wait.
FIRST: Final = ("failed", "running")
LAST: Final = ("cancelled", "finished")


def status_table(sweep: SweepStatus) -> Table:
    """State, epoch, headline and EPE, speed and time left of every trial. What all share stands in the title."""
    about = dict.fromkeys(f"{trial.metric} and EPE in {trial.boxes}" for trial in sweep.trials)
    title = "; ".join(filter(None, (str(sweep.folder), ", ".join(sweep.shared), *about)))
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    metrics = "\n".join(dict.fromkeys(trial.metric for trial in sweep.trials)) or "AP"
    for name in ("trial", "state", "epoch", metrics, "EPE px", "images/s", "left"):
        table.add_column(name, justify="left" if name in ("trial", "state") else "right", no_wrap=name != "trial")
    for trial in sorted(sweep.trials, key=_urgency):
        table.add_row(*status_row(trial, trial.short_label))
    return table


def _urgency(trial: TrialStatus) -> int:
    order = [*FIRST, "", *LAST]
    return order.index(trial.state if trial.state in order else "")


def status_row(trial: TrialStatus, label: str) -> list[str]:
    """What a table and a line say of a trial."""
    return [
        label,
        trial.state,
        f"{trial.epoch}/{trial.epochs}",
        "" if trial.value is None else f"{trial.value:.3f}",
        "" if trial.epe is None else f"{trial.epe:.2f}",
        "" if trial.images_per_s is None else f"{trial.images_per_s:.0f}",
        "" if trial.left_s is None else duration(trial.left_s),
    ]


def duration(seconds: float) -> str:
    """`4:05`, or with hours `1:04:05`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def totals(sweep: SweepStatus) -> str:
    """How many trials are in which state; hours of training used and left, those of all jobs together."""
    states = [trial.state for trial in sweep.trials]
    waiting = len([state for state in states if state not in (*FIRST, *LAST)])
    counts = {**{state: states.count(state) for state in ("finished", "running")}, "waiting": waiting}
    counts |= {"failed": states.count("failed")}
    counts |= {"cancelled": states.count("cancelled")} if "cancelled" in states else {}
    counted = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{len(states)} trials: {counted}\n{sweep.used_s / 3600:.2f} hours of training used, {_left(sweep)}"


def _left(sweep: SweepStatus) -> str:
    """Nothing is said of trials of which no like has been seen; then it is at least so much."""
    unknown = [trial for trial in sweep.still_to_run if trial.ahead_s is None]
    if len(unknown) == len(sweep.still_to_run) > 0:
        return "those left are not known yet"
    hours, at_once = sweep.ahead_s / 3600, max(min(sweep.parallel, len(sweep.still_to_run)), 1)
    about = "at least" if unknown else "about" if hours else ""
    clock = f" ({hours / at_once:.2f} with {at_once} at a time)" if hours and at_once > 1 else ""
    return f"{about} {hours:.2f} left{clock}".strip()


def print_status(folder: Path, as_json: bool, console: Console) -> None:
    """`heatmark sweep status`."""
    sweep = sweep_status(folder)
    if as_json:
        print(json.dumps(status_as_json(sweep)))
        return
    console.print(status_table(sweep))
    for line in status_lines(sweep):
        console.print(line, soft_wrap=True)


def status_as_json(sweep: SweepStatus) -> dict[str, Any]:
    """What `heatmark sweep status --json` prints."""
    return {
        "sweep": sweep.folder.name,
        "hours_used": sweep.used_s / 3600,
        "hours_left": sweep.ahead_s / 3600,
        "trials": [asdict(trial) for trial in sweep.trials],
    }


def status_lines(sweep: SweepStatus) -> list[str]:
    """What stands below the table: why trials failed and what others wait for, and the sums."""
    ended = [trial for trial in sweep.trials if trial.state in ("failed", "cancelled")]
    lines = [f"{trial.short_label}: {trial.state}: {trial.reason}" for trial in ended]
    for waiting in _by_words(sweep.trials).values():
        names = ", ".join(trial.short_label for trial in waiting[:NAMED]) + (", ..." if len(waiting) > NAMED else "")
        lines.append(f"{len(waiting)} waiting: {waiting[0].waits_for} ({names})")
    return [*lines, totals(sweep)]


def _by_words(trials: Sequence[TrialStatus]) -> dict[str, list[TrialStatus]]:
    """The trials that wait, by what they wait for."""
    found: dict[str, list[TrialStatus]] = {}
    for trial in trials:
        if trial.waits_for is not None:
            found.setdefault(without_job_id(trial.waits_for, trial.job_id), []).append(trial)
    return found


def watch_status(folder: Path, console: Console, interval_s: float = WATCH_INTERVAL_S) -> None:
    """`heatmark sweep status --watch`: until no trial runs or waits. Elsewhere than on a terminal, the sums alone,
    whenever they have changed.
    """
    reader = StatusReader(folder)
    sweep = reader.read()
    if not console.is_terminal:
        _tell_totals(reader, sweep, console, interval_s)
        return
    with Live(_screen(sweep), console=console, auto_refresh=False) as live:
        while sweep.still_to_run:
            time.sleep(interval_s)
            sweep = reader.read()
            live.update(_screen(sweep), refresh=True)


def _tell_totals(reader: StatusReader, sweep: SweepStatus, console: Console, interval_s: float) -> None:
    told = ""
    while True:
        if (line := totals(sweep)) != told:
            told = line
            console.print(line, soft_wrap=True)
        if not sweep.still_to_run:
            return
        time.sleep(interval_s)
        sweep = reader.read()


def _screen(sweep: SweepStatus) -> Group:
    return Group(status_table(sweep), *map(Text, status_lines(sweep)))
