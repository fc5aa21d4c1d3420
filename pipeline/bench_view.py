"""`heatmark bench`: which race, and how it ended."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heatmark.foundation.errors import InputError
from heatmark.workloads.bench.race import Race, race

RACES = {
    "loader": "heatmark.workloads.bench.loader",
    "decode": "heatmark.workloads.bench.decode",
    "step": "heatmark.workloads.bench.step",
    "eval": "heatmark.workloads.bench.eval",
    "stream": "heatmark.workloads.bench.stream",
    "sweep": "heatmark.pipeline.bench_sweep",
}


# Those that can be run on one's own pictures.
ON_COCO = ("stream",)


def run_race(name: str, rounds: int, coco: Path | None = None) -> Race:
    """coco: pictures to race on, for a race that has pictures. Raises InputError for an unknown race."""
    if name not in RACES:
        raise InputError(f"bench {name}: unknown; valid: {', '.join(RACES)}")
    if coco is not None and name not in ON_COCO:
        raise InputError(f"bench {name}: takes no --coco; that is for {', '.join(ON_COCO)}")
    course = import_module(RACES[name])
    with course.heats() if coco is None else course.heats(coco) as heats:
        return race(course.TITLE, course.UNIT, heats, rounds)


def print_race(found: Race, console: Console) -> None:
    """A table for each heat, and under it what was promised and whether it holds."""
    console.print(f"{found.title}. Median of {found.rounds} rounds in turn; in brackets the extremes.")
    for heat in found.heats:
        table = Table(heat.title)
        table.add_column(f"{found.unit}/s", justify="right")
        table.add_column("speed, of the first's", justify="right")
        for each in heat.standings:
            ratio = f"{each.ratio:.2f} ({each.low:.2f} to {each.high:.2f})"
            table.add_row(each.name, f"{each.per_second:,.1f}", ratio)
        console.print(table)
        for verdict in heat.verdicts:
            word = "[green]kept[/green]" if verdict.kept else "[red]not kept[/red]"
            console.print(
                f"  {verdict.entrant}: {verdict.took:.2f} x the time of {verdict.than}, limit {verdict.limit:g}: {word}"
            )
        for name, count in heat.facts.items():
            console.print(f"  {name}: {count:g}")
