"""beta against accuracy, error and localisation: one line per method that has a beta, detection as a level."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.comparing.nearest import nearest_to_paper
from heatmark.reports.paper.figures.absent import not_run
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color

BETA_LINE = "beta: [1, 5, 10, 20]"

Value = Callable[[GridCell], Measured | None]


def beta_effects(setting: DrawnSetting) -> Figure:
    """Headline metric, EPE and A(2) over beta, with detection as a level line."""
    lines = beta_lines(setting)
    detection = setting.nearest_to_paper("detection")
    title = f"Effect of β, {setting.dataset}, {setting.backbone}"
    if not lines:
        absent = not_run("Two or more β of one method", BETA_LINE)
        return Figure("", f"β against {setting.headline}, EPE and A(2).", "", title, absent)
    headline = setting.headline
    measures: dict[str, tuple[Value, float]] = {
        f"{headline} (%)": (lambda cell: cell.final(headline), 100.0),
        "EPE (px)": (lambda cell: cell.final("EPE"), 1.0),
        "A(2), share of the heatmap": (
            lambda cell: cell.over_digests(lambda digest: digest.activation(digest.everyone_N)),
            1.0,
        ),
    }

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(1, len(measures))
        for axes, (name, (value, factor)) in zip(panels, measures.items(), strict=True):
            axes.set_title(name)
            _draw(drawing, axes, lines, detection, value, factor)
        handles = [panels[0].plot([], [], "o-", color=method_color(m), label=c[0].spec.method.label, markersize=3.5)[0]
                   for m, c in lines.items()]  # fmt: skip
        if detection:
            color = method_color("detection")
            handles += panels[0].plot([], [], "--", color=color, label=f"{detection.label}, which has no β")
        drawing.tell_apart([*lines, *(["detection"] if detection else [])])
        drawing.legend(handles)

    cells = [*(cell for members in lines.values() for cell in members), *([detection] if detection else [])]
    caption = (
        f"β against {headline}, EPE and the share of a heatmap within 2 pixels of the true joint, after the last "
        f"epoch. Means over seeds, whiskers are their standard deviation. {setting.protocol(cells)}"
    )
    return Figure(drawn(draw, 2.3), caption, f"Lines of {headline}, EPE and A(2) over beta", title)


def beta_lines(setting: DrawnSetting) -> dict[str, list[GridCell]]:
    """The cells of every method with at least two betas, ascending, for each beta the one most like the paper's."""
    lines: dict[str, list[GridCell]] = {}
    for method in dict.fromkeys(cell.spec.method.name for cell in setting.finished):
        own = [cell for cell in setting.finished if cell.spec.method.name == method]
        betas = sorted({cell.beta for cell in own if cell.beta is not None})
        found = [nearest_to_paper([cell for cell in own if cell.beta == beta], method) for beta in betas]
        if len(found) > 1:
            lines[method] = [cell for cell in found if cell]
    return lines


def _draw(
    drawing: Drawing,
    axes: Axes,
    lines: dict[str, list[GridCell]],
    detection: GridCell | None,
    value: Value,
    factor: float,
) -> None:
    for method, cells in lines.items():
        points = [(cell, found) for cell in cells if (found := value(cell))]
        if points:
            x = [cell.beta or 0.0 for cell, _ in points]
            y = [factor * found.value for _, found in points]
            spread = [factor * (found.spread or 0.0) for _, found in points]
            color = method_color(method)
            axes.errorbar(x, y, spread if any(spread) else None, fmt="o-", color=color, markersize=3.5, capsize=2)
            for cell, found in points:
                words = f"{cell.label}: {factor * found.value:.2f}, {counted(found.seeds, 'seed')}"
                drawing.words(axes, cell.beta or 0.0, factor * found.value, words, cell.spec.method.label)
    level = value(detection) if detection else None
    if level:
        axes.axhline(factor * level.value, color=method_color("detection"), linestyle="--", linewidth=1.0)
    if axes.has_data():
        _beta_axis(axes, [cell for cells in lines.values() for cell in cells])
    else:
        drawing.nothing(axes, "no records")


def _beta_axis(axes: Axes, cells: Sequence[GridCell]) -> None:
    axes.set_xscale("log")
    betas = sorted({cell.beta for cell in cells if cell.beta is not None})
    axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("β, log scale")
