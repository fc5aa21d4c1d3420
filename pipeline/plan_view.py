"""A plan for people: the trials, what they cost, what is done."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from heatmark.datasets.formats import format_of
from heatmark.pipeline.plan import Plan, data_root, measured_speed
from heatmark.workloads.spec import TrialSpec


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
    return {
        "sweep": plan.sweep.name,
        "folder": str(plan.folder),
        "collapsed": plan.collapsed,
        "sbatch": batch_script(plan),
        "trials": [
            {
                "signature": trial.signature,
                "label": labels[trial.signature],
                "finished": plan.run_folder(trial).finished,
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
    table = Table(title=f"sweep {plan.sweep.name}: {len(plan.trials)} trials", title_justify="left")
    for name in ("signature", "trial", "epochs", "people", "hours", "done"):
        table.add_column(name, justify="left" if name in ("signature", "trial") else "right")
    left: list[float | None] = []
    for trial in plan.trials:
        hours = estimated_hours(trial, people[trial.signature], speeds)
        done = plan.run_folder(trial).finished
        left += [] if done else [hours]
        shown = "?" if hours is None else f"{hours:.2f}"
        cost = str(trial.train.epochs), str(people[trial.signature]), shown
        table.add_row(trial.signature, labels[trial.signature], *cost, "yes" if done else "")
    console.print(table)
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
