"""Convergence curves as SVG: one colour per method, one line style per beta. The same input gives the same bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from heatmark.reports.comparing.accuracy import cell_of, trial_label
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.measures import amount, unit_of
from heatmark.reports.rendering.drawing import Drawing, drawn, method_color

DASHES: tuple[Any, ...] = ((0, (4, 1.6)), "-", (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
MARKERS = ("", "o", "s", "^", "D", "v")
LOG_FROM_RATIO = 4


def convergence_figure(trials: Sequence[Trial], settings: Mapping[str, str]) -> str:
    """The format's headline metric and EPE over epochs, one thin line per trial; trials share data set and backbone."""
    headline = trials[0].headline
    curves = ((headline, f"{headline} (%)", 100.0), ("EPE", "EPE (px)", 1.0))

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(1, 2)
        for axes, (name, title, factor) in zip(panels, curves, strict=True):
            _draw_metric(drawing, axes, trials, settings, name, title, factor)
            axes.set_xlabel("epoch")
        drawing.legend(entries, below=True, most=len(entries))

    entries = _legend_entries(trials, settings)
    return drawn(draw, height=2.7)


def loss_figure(trials: Sequence[Trial], settings: Mapping[str, str]) -> str:
    """Training loss, one small panel per cell: the losses have different units, so each has its own scale."""
    cells: dict[str, list[Trial]] = {}
    for trial in trials:
        cells.setdefault(cell_of(trial), []).append(trial)
    columns = min(len(cells), 5)
    rows = -(-len(cells) // columns)

    def draw(drawing: Drawing) -> None:
        panels = list(drawing.figure.subplots(rows, columns, squeeze=False).flat)
        for axes, members in zip(panels, cells.values(), strict=False):
            _draw_loss(axes, members)
            axes.set_title(textwrap.fill(trial_label(members[0], settings), 18), fontsize=7.5)
        for axes in panels[len(cells) :]:
            axes.set_visible(False)
        drawing.figure.supxlabel("epoch", fontsize=7.5)

    return drawn(draw, height=0.35 + 1.25 * rows)


def _draw_metric(
    drawing: Drawing,
    axes: Axes,
    trials: Sequence[Trial],
    settings: Mapping[str, str],
    name: str,
    title: str,
    factor: float,
) -> None:
    axes.set_title(title)
    values: list[float] = []
    for trial, style in zip(trials, _styles(trials), strict=True):
        epochs, curve = trial.curve(name)
        axes.plot(epochs, [factor * value for value in curve], **style)
        if len(epochs) == 1:
            axes.plot(epochs, [factor * curve[0]], marker="o", color=style["color"], markersize=3)
        values += curve
        label = f"{trial_label(trial, settings)}, seed {trial.spec.seed if trial.spec else ''}"
        for epoch, value in zip(epochs, curve, strict=True):
            drawing.words(axes, epoch, factor * value, f"{label}, epoch {epoch}: {amount(name, value)} {unit_of(name)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if name != "EPE":
        axes.set_ylim(bottom=0)
    elif values and min(values) > 0 and max(values) > LOG_FROM_RATIO * min(values):
        plain_log_scale(axes)
        axes.set_title(f"{title}, log scale")
    if not values:
        drawing.nothing(axes, "no value on record")


def plain_log_scale(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_loss(axes: Axes, trials: Sequence[Trial]) -> None:
    for trial, style in zip(trials, _styles(trials), strict=True):
        points = [(epoch.number, epoch.train["loss"]) for epoch in trial.epochs if "loss" in epoch.train]
        axes.plot([x for x, _ in points], [y for _, y in points], color=style["color"], linewidth=1.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    axes.ticklabel_format(axis="y", scilimits=(-3, 4))
    axes.tick_params(labelsize=6.5)
    axes.yaxis.get_offset_text().set_fontsize(6)


def _styles(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Colour by method, dashes by beta, marker where other settings tell cells of one method and beta apart."""
    betas = sorted({trial.beta for trial in trials if trial.beta is not None})
    cells: dict[tuple[str, float | None], list[str]] = {}
    styles = []
    for trial in trials:
        assert trial.spec is not None, "curves are drawn of trials with a spec"
        name = trial.spec.method.name
        known = cells.setdefault((name, trial.beta), [])
        if cell_of(trial) not in known:
            known.append(cell_of(trial))
        styles.append(
            {
                "color": method_color(name),
                "linestyle": "-" if trial.beta is None else DASHES[betas.index(trial.beta) % len(DASHES)],
                "linewidth": 1.3,
                "marker": MARKERS[known.index(cell_of(trial)) % len(MARKERS)],
                "markersize": 3,
            }
        )
    return styles


def _legend_entries(trials: Sequence[Trial], settings: Mapping[str, str]) -> list[Line2D]:
    entries: dict[str, Line2D] = {}
    for trial, style in zip(trials, _styles(trials), strict=True):
        entries.setdefault(cell_of(trial), Line2D([], [], label=trial_label(trial, settings), **style))
    return list(entries.values())
