"""Fig. 8: how fast methods learn. a: the paper's three, b: what each component of BCIR adds, c: EPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from heatmark.reports.comparing.accuracy import CONVERGED
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.figures.absent import method_line, missing_methods, not_run
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.measures import amount
from heatmark.reports.rendering.drawing import LOG_FROM_RATIO, MUTED, Drawing, drawn, plain_log_scale
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color

# IPR, what is added to it one at a time, and all of it.
COMPONENTS = ("ipr", "ipr+l_reg", "ipr+l_de", "ipr+debias", "bcir")
ADDED = COMPONENTS[1:-1]


@dataclass(frozen=True)
class Curve:
    """A metric over epochs, counted from 1: the mean over the seeds that have a value there."""

    epochs: tuple[int, ...]
    values: tuple[float, ...]
    seeds: int


def mean_curve(trials: Sequence[Trial], metric: str, share_of_final: bool = False) -> Curve:
    """With share_of_final each seed's values are divided by its final one, and seeds without one are left out."""
    found: dict[int, list[float]] = {}
    used = 0
    for trial in trials:
        final = trial.final_metric(metric) if share_of_final else 1.0
        epochs, values = trial.curve(metric)
        if not final or final <= 0 or not epochs:
            continue
        used += 1
        for epoch, value in zip(epochs, values, strict=True):
            found.setdefault(epoch, []).append(value / final)
    epochs = sorted(found)
    return Curve(tuple(epochs), tuple(float(np.mean(found[epoch])) for epoch in epochs), used)


def epochs_to_converge(cell: GridCell) -> list[int]:
    """For each finished seed the first evaluated epoch with 80 % of its final headline metric."""
    found = (trial.epochs_to(CONVERGED) for trial in cell.finished)
    return [epoch for epoch in found if epoch is not None]


def convergence(setting: DrawnSetting) -> Figure:
    """Curves over epochs: the paper's methods, and what each part of BCIR adds."""
    cells = setting.paper_cells
    parts = {name: cell for name in COMPONENTS if (cell := setting.nearest_to_paper(name))}
    added = [name for name in ADDED if name in parts]
    headline = setting.headline
    lines = [missing_methods(setting, have=cells)]
    missing = [name for name in COMPONENTS if name not in parts]
    if missing:
        lines.append(not_run("Part b, " + ", ".join(missing), method_line(missing)))

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(1, 3)
        _draw_shares(drawing, panels[0], cells, headline)
        panels[0].set_title(f"a  {headline}, share of final")
        if added:
            _draw_metric(drawing, panels[1], parts, headline, 100.0)
        panels[1].set(title=f"b  components, {headline} (%)", ylim=(0, None))
        _draw_metric(drawing, panels[2], cells, "EPE", 1.0)
        panels[2].set_title("c  EPE (px)")
        for axes in panels:
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if not added:
            drawing.nothing(panels[1], "not run: see below")
        shown = {**cells, **(parts if added else {})}
        handles = [panels[2].plot([], [], color=method_color(m), label=cell.label)[0] for m, cell in shown.items()]
        drawing.tell_apart(shown)
        drawing.legend(handles, below=True)

    shown = [*cells.values(), *(parts.values() if added else ())]
    caption = (
        f"a: {headline} on the validation people as a share of the final one; the dotted line is 80 %, a dot marks the "
        f"first evaluation there: {_reached(cells)}. b: IPR, IPR with one component of BCIR each, and BCIR. c: EPE. "
        f"Means over seeds. {setting.protocol(shown)}"
    )
    title = f"Fig. 8, {setting.dataset}, {setting.backbone}"
    description = f"Curves of {headline} and EPE over epochs"
    return Figure(drawn(draw, 2.7), caption, description, title, "\n".join(filter(None, lines)))


def _reached(cells: dict[str, GridCell]) -> str:
    texts = []
    for cell in cells.values():
        epochs = epochs_to_converge(cell)
        text = f"epoch {np.median(epochs):g}" if epochs else "never"
        texts.append(f"{cell.label} {text}" + (f" (median of {len(epochs)} seeds)" if len(epochs) > 1 else ""))
    return ", ".join(texts)


def _draw_shares(drawing: Drawing, axes: Axes, cells: dict[str, GridCell], headline: str) -> None:
    axes.axhline(100 * CONVERGED, color=MUTED, linestyle=":", linewidth=0.8)
    for method, cell in cells.items():
        curve = mean_curve(cell.finished, headline, share_of_final=True)
        _draw_curve(drawing, axes, curve, cell, 100.0, "% of final " + headline)
        epochs = epochs_to_converge(cell)
        if epochs:
            axes.plot(np.median(epochs), 100 * CONVERGED, "o", color=method_color(method), markersize=4.5)
    axes.set_ylabel("%")
    axes.set_ylim(0, max(105.0, axes.get_ylim()[1]))


def _draw_metric(drawing: Drawing, axes: Axes, cells: dict[str, GridCell], metric: str, factor: float) -> None:
    for cell in cells.values():
        curve = mean_curve(cell.finished, metric)
        _draw_curve(drawing, axes, curve, cell, factor, metric)
    values = [value for line in axes.lines for value in np.asarray(line.get_ydata(), dtype=float).tolist()]
    if metric == "EPE" and values and 0 < min(values) * LOG_FROM_RATIO < max(values):
        plain_log_scale(axes)


def _draw_curve(drawing: Drawing, axes: Axes, curve: Curve, cell: GridCell, factor: float, what: str) -> None:
    values = [factor * value for value in curve.values]
    color = method_color(cell.spec.method.name)
    axes.plot(curve.epochs, values, color=color, linewidth=1.3, marker="o" if len(values) == 1 else "", markersize=3)
    for epoch, value in zip(curve.epochs, values, strict=True):
        number = f"{value:.0f} {what}" if what.startswith("%") else f"{what} {amount(what, value / factor)}"
        drawing.words(axes, epoch, value, f"{cell.label}, epoch {epoch}: {number}", cell.spec.method.label)
