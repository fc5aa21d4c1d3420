"""Convergence curves as SVG: one colour per method, one line style per beta. The same input gives the same bytes."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.reading.measures import amount, unit_of
from heatmark.reports.rendering.drawing import LOG_FROM_RATIO, WIDTH, Drawing, drawn, plain_log_scale
from heatmark.reports.rendering.method_colors import method_color

Style = dict[str, Any]

DASHES: tuple[Any, ...] = ((0, (4, 1.6)), "-", (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
MARKERS = ("", "o", "s", "^", "D", "v")
# Of the panels of losses, in inches: a panel, its title and a line of it, its ticks, and what is below all of them.
PANEL, ABOVE, TITLE_LINE, TICKS, BESIDE, BELOW = 0.82, 0.1, 0.13, 0.22, 0.42, 0.18


def convergence_figure(cells: Sequence[GridCell], headline: str) -> str:
    """The headline metric and EPE over epochs, one thin line per trial; the cells are of one setting."""
    curves = ((headline, f"{headline} (%)", 100.0), ("EPE", "EPE (px)", 1.0))
    styles = line_styles(cells)

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(1, 2)
        for axes, (name, title, factor) in zip(panels, curves, strict=True):
            axes.set_title(title)
            _draw_metric(drawing, axes, styles, name, factor)
            axes.set_xlabel("epoch")
        drawing.tell_apart(cell.spec.method.name for cell in cells)
        drawing.legend(entries, below=True, most=len(entries))

    entries = [Line2D([], [], label=cell.label, **style) for cell, style in styles]
    return drawn(draw, height=2.7)


def loss_figure(cells: Sequence[GridCell]) -> str:
    """Training loss, one small panel per cell: the losses have different units, so each has its own scale."""
    columns = min(len(cells), 5)
    rows = -(-len(cells) // columns)
    titles = [textwrap.fill(cell.label, 18) for cell in cells]
    above = ABOVE + TITLE_LINE * (1 + max(title.count("\n") for title in titles))
    height = BELOW + rows * (above + PANEL + TICKS)

    def draw(drawing: Drawing) -> None:
        drawing.tell_apart(cell.spec.method.name for cell in cells)
        # Placed by hand: a layout that measures every tick takes longer than all else in the report's drawings.
        wide = (WIDTH - columns * BESIDE) / columns
        room = {"left": BESIDE / WIDTH, "right": 1 - 0.05 / WIDTH, "wspace": BESIDE / wide}
        room |= {"bottom": (BELOW + TICKS) / height, "top": 1 - above / height, "hspace": (above + TICKS) / PANEL}
        panels = list(drawing.figure.subplots(rows, columns, squeeze=False, gridspec_kw=room).flat)
        for axes, cell, title in zip(panels, cells, titles, strict=False):
            _draw_loss(axes, cell)
            axes.set_title(title, fontsize=7.5)
        for axes in panels[len(cells) :]:
            axes.remove()
        drawing.figure.supxlabel("epoch", fontsize=7.5, y=0.04 / height, va="bottom")

    return drawn(draw, height, placed=True)


def _draw_metric(
    drawing: Drawing, axes: Axes, styles: Sequence[tuple[GridCell, Style]], name: str, factor: float
) -> None:
    values: list[float] = []
    for cell, style in styles:
        for trial in cell.begun:
            epochs, curve = trial.curve(name)
            axes.plot(epochs, [factor * value for value in curve], **style)
            if len(epochs) == 1:
                axes.plot(epochs, [factor * curve[0]], marker="o", color=style["color"], markersize=3)
            values += curve
            label = f"{cell.label}, seed {trial.spec.seed if trial.spec else ''}"
            for epoch, value in zip(epochs, curve, strict=True):
                words = f"{label}, epoch {epoch}: {amount(name, value)} {unit_of(name)}"
                drawing.words(axes, epoch, factor * value, words, cell.spec.method.label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if name != "EPE":
        axes.set_ylim(bottom=0)
    elif values and min(values) > 0 and max(values) > LOG_FROM_RATIO * min(values):
        plain_log_scale(axes)
        axes.set_title(f"{axes.get_title(loc='left')}, log scale")
    if not values:
        drawing.nothing(axes, "no value on record")


def _draw_loss(axes: Axes, cell: GridCell) -> None:
    for trial in cell.begun:
        points = [(epoch.number, epoch.train["loss"]) for epoch in trial.epochs if "loss" in epoch.train]
        color = method_color(cell.spec.method.name)
        axes.plot([x for x, _ in points], [y for _, y in points], color=color, linewidth=1.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    # In full, as a power of ten above the axis would stand in the title.
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axes.tick_params(labelsize=6.5)


def line_styles(cells: Sequence[GridCell]) -> list[tuple[GridCell, Style]]:
    """Colour by method, dashes by beta, marker where other settings tell cells of one method and beta apart."""
    betas = sorted({cell.beta for cell in cells if cell.beta is not None})
    alike: Counter[tuple[str, float | None]] = Counter()
    styles = []
    for cell in cells:
        name = cell.spec.method.name
        style = {
            "color": method_color(name),
            "linestyle": "-" if cell.beta is None else DASHES[betas.index(cell.beta) % len(DASHES)],
            "linewidth": 1.3,
            "marker": MARKERS[alike[name, cell.beta] % len(MARKERS)],
            "markersize": 3,
        }
        alike[name, cell.beta] += 1
        styles.append((cell, style))
    return styles
