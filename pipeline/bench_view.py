"""`heatmark bench`: which race, and how it ended."""

from __future__ import annotations

from importlib import import_module

from rich.console import Console
from rich.table import Table

from heatmark.foundation.errors import InputError
from heatmark.workloads.bench.race import Race, race

RACES = {
    "loader": "heatmark.workloads.bench.loader",
    "decode": "heatmark.workloads.bench.decode",
    "step": "heatmark.workloads.bench.step",
    "eval": "heatmark.workloads.bench.eval",
    "sweep": "heatmark.pipeline.bench_sweep",
}


def run_race(name: str, rounds: int) -> Race:
    """Raises InputError for an unknown race."""
    if name not in RACES:
        raise InputError(f"bench {name}: unknown; valid: {', '.join(RACES)}")
    course = import_module(RACES[name])
    with course.entrants() as entrants:
        return race(course.TITLE, course.UNIT, entrants, rounds, getattr(course, "LIMITS", ()))


def print_race(found: Race, console: Console) -> None:
    caption = f"Median of {found.rounds} rounds in turn; in brackets the lowest and highest ratio of a round."
    table = Table(found.title, caption=caption)
    table.add_column(f"{found.unit}/s", justify="right")
    table.add_column("ratio", justify="right")
    for each in found.standings:
        ratio = f"{each.ratio:.2f} ({each.low:.2f} to {each.high:.2f})"
        table.add_row(each.name, f"{each.per_second:,.1f}", ratio)
    console.print(table)
    for limit in found.verdicts:
        verdict = "kept" if limit.kept else "NOT KEPT"
        took = f"{limit.ratio:.2f} x the time of {limit.peer}, at most {limit.most:g}"
        console.print(f"{limit.name}: {took}: {verdict}")
