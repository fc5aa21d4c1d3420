"""Accuracy against what it cost: GPU-hours, else CPU-hours, of SLURM's accounting; else hours of wall time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from heatmark.reports.cells import GridCell, Measured, measured
from heatmark.reports.collect import Trial
from heatmark.reports.drawing import Drawing, drawn, method_color
from heatmark.reports.figure_part import FigurePart
from heatmark.reports.measures import amount
from heatmark.reports.paper_figures.setting import Setting
from heatmark.reports.tables import wall_seconds
from heatmark.workloads.run_folder import read_json

MARKERS = "osD^vP*X<>"
SECONDS_PER_HOUR = 3600
WALL_WORDS = "of wall time of training and evaluation: there is no accounting here"


@dataclass(frozen=True)
class Unit:
    """What cost is counted in. key: its name in accounting.json, none for wall time. per_hour: how many it has."""

    key: str
    title: str
    words: str
    per_hour: float = 1.0


UNITS = (
    Unit("gpu_hours", "GPU-hours", "GPU-hours of all attempts, from SLURM's accounting"),
    Unit("cpu_hours", "CPU-hours", "CPU-hours of all attempts, from SLURM's accounting"),
    Unit("", "hours", f"hours {WALL_WORDS}"),
)
MINUTES = Unit("", "minutes", f"minutes {WALL_WORDS}", 60.0)


def hours(trial: Trial, unit: Unit) -> float | None:
    """Of one trial; None where that is not on record or zero."""
    if not unit.key:
        seconds = wall_seconds(trial)
        return seconds / SECONDS_PER_HOUR if seconds else None
    try:
        spent = read_json(trial.folder.accounting_file) if trial.folder else None
    except ValueError:
        return None
    value = (spent or {}).get(unit.key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None


def unit_for(cells: Sequence[GridCell]) -> Unit:
    """The first that every finished trial has, so that no two trials are compared in unlike units."""
    trials = [trial for cell in cells for trial in cell.finished]
    accounted = next((unit for unit in UNITS[:-1] if all(hours(trial, unit) for trial in trials)), None)
    longest = max((hours(trial, UNITS[-1]) or 0.0 for trial in trials), default=0.0)
    return accounted or (UNITS[-1] if longest >= 1 else MINUTES)


def accuracy_and_cost(setting: Setting) -> FigurePart:
    headline, unit = setting.headline, unit_for(setting.finished)
    points: list[tuple[GridCell, float, Measured]] = []
    for cell in setting.finished:
        spent, accuracy = measured([hours(trial, unit) for trial in cell.finished]), cell.final(headline)
        if spent and accuracy:
            points.append((cell, unit.per_hour * spent.value, accuracy))
    title = f"{headline} and cost, {setting.dataset}, {setting.backbone}"
    if not points:
        absent = f"No finished trial has both {headline} and its cost on record."
        return FigurePart("", f"{headline} against cost.", "", title, absent)

    def draw(drawing: Drawing) -> None:
        axes = drawing.figure.subplots()
        counts: dict[str, int] = {}
        handles = []
        for cell, spent, accuracy in points:
            method = cell.spec.method.name
            marker = MARKERS[counts.get(method, 0) % len(MARKERS)]
            counts[method] = counts.get(method, 0) + 1
            spread = 100 * accuracy.spread if accuracy.spread else None
            color = method_color(method)
            axes.errorbar(spent, 100 * accuracy.value, spread, fmt=marker, color=color, markersize=5, capsize=2)
            words = f"{cell.label}: {headline} {amount(headline, accuracy.value)} % in {spent:.3g} {unit.title} a seed"
            drawing.words(axes, spent, 100 * accuracy.value, words)
            handles.append(Line2D([], [], marker=marker, linestyle="", color=color, label=cell.label))
        _axes(axes, headline, unit, [spent for _, spent, _ in points])
        drawing.figure.legend(handles=handles[:40], loc="outside right upper", fontsize=6.5)

    caption = (
        f"{headline} after the last epoch against {unit.words}, per seed, mean over seeds; whiskers are the standard "
        f"deviation of {headline}. {setting.protocol(setting.finished)}"
    )
    return FigurePart(drawn(draw, 2.8), caption, f"Points of {headline} over {unit.title}", title)


def _axes(axes: Axes, headline: str, unit: Unit, spent: Sequence[float]) -> None:
    axes.set_ylabel(f"{headline} (%)")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{unit.title} per trial")
    if max(spent) > 3 * min(spent):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{unit.title} per trial, log scale")
    else:
        axes.set_xlim(0, 1.1 * max(spent))
