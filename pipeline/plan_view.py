"""A plan for people: the trials, what they cost, and which of them are there already, in which sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from heatmark.datasets.formats import format_of
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.data_sets import data_root
from heatmark.pipeline.estimate import Estimates, Hours
from heatmark.pipeline.measured_pace import Kind, Pace
from heatmark.pipeline.packed_cluster import packs_for
from heatmark.pipeline.plan import Plan
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.store import sweeps_with


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


def plan_as_json(plan: Plan, measured: Mapping[Kind, Pace] | None = None) -> dict[str, Any]:
    """What `heatmark sweep plan --json` prints. measured: as for Estimates."""
    people, labels, there = people_to_train(plan), plan.labels, what_is_there(plan)
    estimates = Estimates(plan, measured)
    hours = {trial.signature: estimates.hours(trial, people[trial.signature]) for trial in plan.trials}
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
                "hours": known.expected if (known := hours[trial.signature]) else None,
                "hours_range": [known.low, known.high] if known else None,
                "spec": trial.model_dump(mode="json"),
            }
            for trial in plan.trials
        ],
    }


def print_plan(plan: Plan, console: Console, measured: Mapping[Kind, Pace] | None = None) -> None:
    """A table of trials and the sum of what is left to do. measured: as for Estimates."""
    script = batch_script(plan)
    people, labels, estimates = people_to_train(plan), plan.labels, Estimates(plan, measured)
    there = what_is_there(plan)
    table = Table(title=f"sweep {plan.sweep.name}: {len(plan.trials)} trials", title_justify="left")
    for name in ("signature", "trial", "epochs", "people", "hours", "there"):
        table.add_column(name, justify="left" if name in ("signature", "trial", "there") else "right")
    left: list[Hours | None] = []
    for trial in plan.trials:
        hours = estimates.hours(trial, people[trial.signature])
        left += [hours] if there[trial.signature].is_left else []
        shown = "?" if hours is None else f"{hours.expected:.2f}"
        cost = str(trial.train.epochs), str(people[trial.signature]), shown
        table.add_row(trial.signature, labels[trial.signature], *cost, str(there[trial.signature]))
    console.print(table)
    console.print(in_words(there), soft_wrap=True)
    cluster = plan.sweep.cluster
    console.print(
        f"{plan.collapsed} cells of the grid were the same as another (they differ in what their method does not "
        f"have, or in how one net is measured)."
        f"\n{_jobs(cluster, len(plan.unfinished()))}; folder {plan.folder}",
        soft_wrap=True,
    )
    if left:
        console.print(_left_to_do(left, estimates.source, cluster.parallel), soft_wrap=True)
    if script:
        console.print(f"\nThe batch script ({cluster.kind.sender}):\n")
        console.print(script, soft_wrap=True)
    console.print("Nothing was sent.")


def _jobs(cluster: ClusterSection, trials: int) -> str:
    """What is sent, in words."""
    size = f"{cluster.nodes} node(s) x {cluster.ranks} rank(s)"
    places = cluster.trials_per_job
    if places == 1:
        return f"Each trial: one {cluster.executor} job of {size}, {cluster.parallel} at a time"
    jobs = packs_for(trials, places, cluster.parallel)
    told = f"{jobs} {cluster.executor} jobs" if jobs != 1 else f"1 {cluster.executor} job"
    shared = ", fed by one loader where their crops are the same" if cluster.shared_stream else ""
    return (
        f"{told} on {jobs * cluster.nodes} node(s) with {places} places each, for {trials} trials of {size}: a place "
        f"that is free takes the next trial{shared}"
    )


def _left_to_do(left: Sequence[Hours | None], source: str, parallel: int) -> str:
    """The sum of what is to be trained, in words."""
    if None in left:
        return (
            "Hours are known once a trial of the backbone has finished here, in any sweep, or an epoch in this one; "
            "or from a minute of training now: --measure."
        )
    total = Hours.total(hours for hours in left if hours is not None)
    at_once = min(parallel, len(left))
    by_the_clock = [f"{hours / at_once:.2f}" for hours in (total.expected, total.low, total.high)]
    return (
        f"Left to do: {total.expected:.2f} job hours ({total.low:.2f} to {total.high:.2f}), so about {by_the_clock[0]} "
        f"hours with {at_once} at a time ({by_the_clock[1]} to {by_the_clock[2]}), by {source}."
    )


def batch_script(plan: Plan) -> str | None:
    """What would be sent for the trials that are not finished; None where that is nothing to look at."""
    cluster = plan.sweep.cluster
    return cluster.kind.preview(cluster, plan.folder, len(plan.unfinished()))
