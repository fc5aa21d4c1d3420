"""Accuracy over epochs, a line per cell and a band for its seeds: the figure of the first page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from heatmark.reports.comparing.answer import seeds_curve
from heatmark.reports.comparing.cells import GridCell, best_of_each
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.reading.measures import amount, lower_is_better, unit_of
from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.sections.curves import line_styles
from heatmark.workloads.labels import cell_label

MOST_PANELS = 2
# Of lines in one panel.
MOST_LINES = 8
HEIGHT = 2.2


def drawn_cells(cells: Sequence[GridCell], headline: str) -> list[GridCell]:
    """Those with a curve; where they are too many, the best of each method, and of these the best."""
    sign = -1 if lower_is_better(headline) else 1

    def value(cell: GridCell) -> float | None:
        found = cell.compared_final(headline)
        return sign * found.value if found else None

    begun = [cell for cell in cells if seeds_curve(cell, headline)]
    if len(begun) <= MOST_LINES:
        return begun
    best = best_of_each(begun, lambda cell: (cell.spec.method.name,), value)
    first = sorted(best, key=lambda cell: (known := value(cell)) is None or -known)[:MOST_LINES]
    return [cell for cell in best if any(cell is each for each in first)]


def bands_figure(panels: Sequence[tuple[Setting, Sequence[GridCell]]]) -> str:
    """SVG; each panel a setting with its cells, which share one legend."""
    unlike = {cell.label: cell for _, cells in panels for cell in cells}
    styles = {cell.label: style for cell, style in line_styles(list(unlike.values()))}

    def draw(drawing: Drawing) -> None:
        axes_of = drawing.figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (setting, cells) in zip(axes_of, panels, strict=True):
            metric = setting.headline
            unit = unit_of(metric)
            title = f"{metric} ({unit})"
            axes.set_title(f"{title}, {setting.dataset}" if len(panels) > 1 else title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
            for cell in cells:
                curve, style = seeds_curve(cell, metric), styles[cell.label]
                epochs = list(curve)
                means = [100 * statistics.fmean(values) for values in curve.values()]
                axes.plot(epochs, means, **style)
                if len(epochs) == 1:
                    axes.plot(epochs, means, marker="o", color=style["color"], markersize=3)
                if any(len(values) > 1 for values in curve.values()):
                    ends = [[100 * end(values) for values in curve.values()] for end in (min, max)]
                    axes.fill_between(epochs, *ends, color=style["color"], alpha=0.18, linewidth=0)
                for epoch, values in curve.items():
                    value = statistics.fmean(values)
                    words = f"{cell.label}, mean of {len(values)}, epoch {epoch}: {amount(metric, value)} {unit}"
                    drawing.words(axes, epoch, 100 * value, words, cell.spec.method.label)
            axes.set_ylim(bottom=0)
        drawing.tell_apart(cell.spec.method.name for cell in unlike.values())
        drawing.legend(entries, below=True, most=len(entries))

    names = _short_names(list(unlike.values()))
    entries = [Line2D([], [], label=names[label], **style) for label, style in styles.items()]
    return drawn(draw, HEIGHT)


def _short_names(cells: Sequence[GridCell]) -> dict[str, str]:
    """By label; without the settings where method and beta tell all of them apart."""
    short = {cell.label: cell_label(cell.spec.method.label, cell.beta) for cell in cells}
    return short if len(set(short.values())) == len(short) else {label: label for label in short}
