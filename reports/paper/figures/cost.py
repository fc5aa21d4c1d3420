"""Accuracy against what it cost, in the hours of cost.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.comparing.cost import cost_of
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.reading.measures import amount
from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color

MARKERS = "osD^vP*X<>"
# More cells than these are told apart by their method only, and on the page by what their points say.
MOST_NAMED = 16


@dataclass(frozen=True)
class Point:
    """One cell. spent: in the figure's unit, a trial's mean. accuracy: the headline metric."""

    cell: GridCell
    spent: float
    accuracy: Measured


def points_of(setting: DrawnSetting) -> tuple[str, list[Point]]:
    """The unit and the cells that are counted in it: the commonest, and minutes where no trial took an hour."""
    costs = {cell.label: cost for cell in setting.finished if (cost := cost_of(cell))}
    units = Counter(cost.unit for cost in costs.values())
    if not units:
        return "", []
    unit = units.most_common(1)[0][0]
    hours = {label: cost.hours for label, cost in costs.items() if cost.unit == unit}
    short = max(hours.values()) < 1
    # `GPU h` is `GPU hours`; the wall time of a trial's processes has no first word.
    shown = unit.removesuffix("h") + ("minutes" if short else "hours")
    points = [
        Point(cell, hours[cell.label] * (60 if short else 1), accuracy)
        for cell in setting.finished
        if cell.label in hours and (accuracy := cell.final(setting.headline))
    ]
    return shown, points


def accuracy_and_cost(setting: DrawnSetting) -> Figure:
    """A point for each finished cell: its headline metric against what it cost."""
    headline = setting.headline
    unit, points = points_of(setting)
    title = f"{headline} and cost, {setting.dataset}, {setting.backbone}"
    if not points:
        absent = f"No finished trial has both {headline} and its cost on record."
        return Figure("", f"{headline} against cost.", "", title, absent)

    few = len(points) <= MOST_NAMED

    def draw(drawing: Drawing) -> None:
        axes = drawing.figure.subplots()
        counts: dict[str, int] = {}
        handles = []
        for point in points:
            cell, spent, accuracy = point.cell, point.spent, point.accuracy
            method = cell.spec.method.name
            marker = MARKERS[counts.get(method, 0) % len(MARKERS)] if few else "o"
            counts[method] = counts.get(method, 0) + 1
            spread = 100 * accuracy.spread if accuracy.spread else None
            color = method_color(method)
            axes.errorbar(spent, 100 * accuracy.value, spread, fmt=marker, color=color, markersize=5, capsize=2)
            words = f"{cell.label}: {headline} {amount(headline, accuracy.value)} % in {spent:.3g} {unit}"
            drawing.words(axes, spent, 100 * accuracy.value, words, cell.spec.method.label)
            if few:
                handles.append(Line2D([], [], marker=marker, linestyle="", color=color, label=cell.label))
        _axes(axes, headline, unit, [point.spent for point in points])
        drawing.tell_apart(point.cell.spec.method.name for point in points)
        drawing.legend(handles if few else _by_method(points), below=True)

    caption = (
        f"{headline} after the last epoch against the {unit} of a trial, means over seeds; without accounting "
        f"that is the wall time of its processes. Whiskers are the standard deviation of {headline}. "
        f"{setting.protocol(setting.finished)}"
    )
    left_out = [cell.label for cell in setting.finished if cell.label not in {point.cell.label for point in points}]
    absent = f"{', '.join(left_out)}: left out, without {headline} or a cost in {unit} on record." if left_out else ""
    return Figure(drawn(draw, 2.8), caption, f"Points of {headline} over {unit}", title, absent)


def _by_method(points: Sequence[Point]) -> list[Line2D]:
    """One entry per method, where there are too many cells to name."""
    methods = {point.cell.spec.method.name: point.cell.spec.method.label for point in points}
    return [Line2D([], [], marker="o", linestyle="", color=method_color(m), label=name) for m, name in methods.items()]


def _axes(axes: Axes, headline: str, unit: str, spent: Sequence[float]) -> None:
    axes.set_ylabel(f"{headline} (%)")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{unit} per trial")
    if max(spent) > 3 * min(spent):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{unit} per trial, log scale")
    else:
        axes.set_xlim(0, 1.1 * max(spent))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
