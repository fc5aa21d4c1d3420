"""A plan for people: the trials, what they cost, and which of them are there already, in which sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from heatmark.datasets.formats import format_of
from heatmark.pipeline.data_sets import data_root
from heatmark.pipeline.plan import Plan, measured_speed
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.store import sweeps_with
from heatmark.workloads.spec import TrialSpec


@dataclass(frozen=True)
class There:
    """What there is of a trial before anything is sent. sweeps: the names of those that have it.

    state: `finished`, `running` (a job has it), `begun` (epochs are on record), or empty.
    """

    state: str
    sweeps: tuple[str, ...]

    @property
    def is_left(self) -> bool:
        """Whether it is to be trained, from its beginning or from where it was left."""
        return self.state in ("", "begun")

    def __str__(self) -> str:
        return f"{self.state} ({', '.join(self.sweeps)})" if self.state and self.sweeps else self.state


def what_is_there(plan: Plan) -> Mapping[str, There]:
    """By signature."""
    sweeps = sweeps_with(plan.folder.parent, [trial.signature for trial in plan.trials])
    there = {}
    for trial in plan.trials:
        folder = plan.run_folder(trial)
        # A trial of an earlier science has another name where it is.
        own = sweeps[trial.signature] or [folder.path.parent.name] * (folder.signature != trial.signature)
        there[trial.signature] = There(_state(folder), tuple(own))
    return there


def _state(folder: RunFolder) -> str:
    job = folder.job()
    if folder.finished:
        return "finished"
    if job is not None and job.state == "submitted":
        return "running"
    return "begun" if folder.epochs() else ""


def in_words(there: Mapping[str, There]) -> str:
    """How many are there, and how many are to be trained."""
    states = [each.state for each in there.values()]
    counted = ", ".join(f"{states.count(state)} {state}" for state in ("finished", "running", "begun"))
    return f"Of {len(states)} trials {counted}; {sum(each.is_left for each in there.values())} to be trained."


def people_to_train(plan: Plan) -> dict[str, int]:
    """How many people an epoch of each trial has, by signature."""
    counts: dict[str, int] = {}
    for trial in plan.trials:
        name = trial.data.name
        if name not in counts:
            data = plan.sweep.data[name]
            load = format_of(data).load
            drawn = data.synthetic
            counts[name] = drawn.people_train if drawn else len(load(data_root(data), "train", False).people)
    return {
        trial.signature: min(counts[trial.data.name], trial.train.max_people or counts[trial.data.name])
        for trial in plan.trials
    }


def estimated_hours(trial: TrialSpec, people: int, speeds: dict[str, float]) -> float | None:
    """Training time at the speed this sweep has shown for the backbone; None before any trial has shown one."""
    speed = speeds.get(trial.backbone)
    return people * trial.train.epochs / speed / 3600 if speed else None


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """What `heatmark sweep plan --json` prints."""
    people, speeds, labels = people_to_train(plan), measured_speed(plan.folder), plan.labels
    there = what_is_there(plan)
    return {
        "sweep": plan.sweep.name,
        "folder": str(plan.folder),
        "collapsed": plan.collapsed,
        "to_train": sum(each.is_left for each in there.values()),
        "sbatch": batch_script(plan),
        "trials": [
            {
                "signature": trial.signature,
                "label": labels[trial.signature],
                "finished": there[trial.signature].state == "finished",
                "state": there[trial.signature].state,
                "sweeps": there[trial.signature].sweeps,
                "hours": estimated_hours(trial, people[trial.signature], speeds),
                "spec": trial.model_dump(mode="json"),
            }
            for trial in plan.trials
        ],
    }


def print_plan(plan: Plan, console: Console) -> None:
    """A table of trials and the sum of what is left to do."""
    script = batch_script(plan)
    people, speeds, labels = people_to_train(plan), measured_speed(plan.folder), plan.labels
    there = what_is_there(plan)
    table = Table(title=f"sweep {plan.sweep.name}: {len(plan.trials)} trials", title_justify="left")
    for name in ("signature", "trial", "epochs", "people", "hours", "there"):
        table.add_column(name, justify="left" if name in ("signature", "trial", "there") else "right")
    left: list[float | None] = []
    for trial in plan.trials:
        hours = estimated_hours(trial, people[trial.signature], speeds)
        left += [hours] if there[trial.signature].is_left else []
        shown = "?" if hours is None else f"{hours:.2f}"
        cost = str(trial.train.epochs), str(people[trial.signature]), shown
        table.add_row(trial.signature, labels[trial.signature], *cost, str(there[trial.signature]))
    console.print(table)
    console.print(in_words(there), soft_wrap=True)
    cluster = plan.sweep.cluster
    console.print(
        f"{plan.collapsed} cells of the grid were the same as another (they differ in what their method does not "
        f"have, or in how one net is measured)."
        f"\nEach trial: one {cluster.executor} job of {cluster.nodes} node(s) x {cluster.ranks} rank(s), "
        f"{cluster.parallel} at a time; "
        f"folder {plan.folder}",
        soft_wrap=True,
    )
    if None in left:
        console.print("Hours are known once a trial of the backbone has finished an epoch here.")
    elif left:
        total = sum(hours for hours in left if hours is not None)
        console.print(f"Left to do: {total:.2f} job hours, about {total / cluster.parallel:.2f} hours.")
    if script:
        console.print(f"\nThe batch script ({cluster.kind.sender}):\n")
        console.print(script, soft_wrap=True)
    console.print("Nothing was sent.")


def batch_script(plan: Plan) -> str | None:
    """What would be sent for the trials that are not finished; None where that is nothing to look at."""
    cluster = plan.sweep.cluster
    return cluster.kind.preview(cluster, plan.folder, len(plan.unfinished()))
