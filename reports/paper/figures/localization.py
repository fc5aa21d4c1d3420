"""Figs. 5 and 9: how localised heatmaps are, which Gaussian they resemble, and what the training sigma does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from heatmark.datasets.subsets import DIFFICULTIES
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.nearest import VARIED
from heatmark.reports.paper.figures.absent import missing_methods, no_records, not_run
from heatmark.reports.paper.figures.net_shapes import Line, activation_axes, plot_activation
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.paper.figures.shapes import ALL, GROUPS, Shapes, shapes_of
from heatmark.reports.reading.digest import DIFFICULTY_WORDS
from heatmark.reports.reading.measures import amount
from heatmark.reports.rendering.drawing import MUTED, Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color

AS_READ = (0, (0.8, 1.6))
DASHES = {"easy": "-", "medium": (0, (5, 1.5)), "hard": (0, (1, 1.2)), ALL: "-"}
SIGMA_LINE = "method: [{name: detection, sigma: 0.5}, {name: detection, sigma: 1.0}, detection]"
BOTH_WAYS = (
    "Lines: of softmax(β h) (Eq. 3), which footnote 3 takes for detection too, at β 10 where a method has none; fine "
    "dots: of the weights that the method reads with."
)
WINDOW_WORDS = "within the square of 2s + 1 pixels around the true joint (Eq. 26)"


def localization(setting: DrawnSetting) -> tuple[Figure, Figure]:
    """Fig. 5 and Fig. 9."""
    shapes = {method: found for method, cell in setting.paper_cells.items() if (found := shapes_of(cell))}
    absent = missing_methods(setting, have=shapes) or no_records(setting.paper_cells.values())
    return _figure_5(setting, shapes, absent), _figure_9(setting, shapes, absent)


def _figure_5(setting: DrawnSetting, shapes: dict[str, Shapes], absent: str) -> Figure:
    trained = trained_sigmas(setting)
    lines = [absent] if absent else []
    if len(trained) < 2:
        lines.append(not_run("Part d, accuracy against the training sigma of detection", SIGMA_LINE))
    title = f"Fig. 5, {setting.dataset}, {setting.backbone}"
    if not shapes and len(trained) < 2:
        return Figure("", "How localised heatmaps are.", "", title, "\n".join(lines))

    def draw(drawing: Drawing) -> None:
        panels = list(drawing.figure.subplots(2, 2).flat)
        _draw_activation(drawing, panels[0], setting, shapes, [ALL])
        panels[0].set_title("a  all people")
        _draw_activation(drawing, panels[1], setting, shapes, DIFFICULTIES)
        panels[1].set_title("b  easy (line), medium (dashes), hard (dots)")
        _draw_sigma(drawing, panels[2], setting, shapes)
        panels[2].set_title("c  the Gaussian that maps resemble")
        _draw_trained(drawing, panels[3], setting, trained)
        panels[3].set_title("d  detection by training σ")
        handles = [panels[0].plot([], [], color=method_color(m), label=_label(setting, m))[0] for m in shapes]
        drawing.tell_apart(shapes)
        drawing.legend(handles)

    cells = [*setting.paper_cells.values(), *trained.values()]
    caption = (
        f"a, b: A(s), the share of a heatmap {WINDOW_WORDS}, mean over people. {BOTH_WAYS} c: the σ of the Gaussian "
        "with the least Pearson chi-square on average, in a window of s = 4 for easy and medium, 8 for hard people. "
        "d: accuracy of detection trained on Gaussians of that σ. a to c are of the first seed, d is the mean over "
        "seeds. "
        f"{setting.protocol(cells)}"
    )
    return Figure(drawn(draw, 4.6), caption, "Curves of A(s), sigma by difficulty", title, "\n".join(lines))


def _figure_9(setting: DrawnSetting, shapes: dict[str, Shapes], absent: str) -> Figure:
    title = f"Fig. 9, {setting.dataset}, {setting.backbone}"
    if not shapes:
        return Figure("", "A(s) by difficulty.", "", title, absent)

    def draw(drawing: Drawing) -> None:
        panels = list(drawing.figure.subplots(1, len(GROUPS), sharey=True))
        for axes, group in zip(panels, GROUPS, strict=True):
            _draw_activation(drawing, axes, setting, shapes, [group])
            axes.set_title(f"{group}, n {next(iter(shapes.values())).people[group]}")
            if axes is not panels[0]:
                axes.set_ylabel("")
        handles = [panels[0].plot([], [], color=method_color(m), label=_label(setting, m))[0] for m in shapes]
        drawing.tell_apart(shapes)
        drawing.legend(handles)

    caption = (
        f"A(s), the share of a heatmap {WINDOW_WORDS}, on easy, medium, hard and all people; n people. "
        f"{DIFFICULTY_WORDS} {BOTH_WAYS} {setting.first_seed_protocol(list(setting.paper_cells.values()))}"
    )
    return Figure(drawn(draw, 2.3), caption, "Curves of A(s) by difficulty", title, absent)


def _label(setting: DrawnSetting, method: str) -> str:
    return setting.paper_cells[method].label


def _draw_activation(
    drawing: Drawing, axes: Axes, setting: DrawnSetting, shapes: dict[str, Shapes], groups: Sequence[str]
) -> None:
    """The softmax's as lines; where there is one group, as read in fine dots too."""
    known = False
    for method, found in shapes.items():
        for group in groups:
            who = f"{_label(setting, method)}, {group}"
            lines = [("softmax", found.activation_S.get(group), Line(method_color(method), DASHES[group]))]
            if len(groups) == 1 or not found.activation_S:
                lines.append(("as read", found.as_read_S.get(group), Line(method_color(method), AS_READ, 0.9)))
            for what, values_S, line in lines:
                if values_S is not None:
                    known = True
                    plot_activation(drawing, axes, found.reaches, values_S, line, f"{who}, {what}")
    activation_axes(axes, max((found.reaches[-1] for found in shapes.values()), default=12))
    if not known:
        drawing.nothing(axes, "nobody" if shapes else "no records")


def _draw_sigma(drawing: Drawing, axes: Axes, setting: DrawnSetting, shapes: dict[str, Shapes]) -> None:
    for number, (method, found) in enumerate(shapes.items()):
        shift = 0.06 * (number - 1)
        points = [(place + shift, found.sigma[name]) for place, name in enumerate(DIFFICULTIES) if name in found.sigma]
        axes.plot(*zip(*points, strict=True), "o-", color=method_color(method), markersize=4) if points else None
        for x, value in points:
            drawing.words(axes, x, value, f"{_label(setting, method)}: σ {value:g} heatmap px")
    axes.set_xticks(range(len(DIFFICULTIES)), DIFFICULTIES)
    axes.set_xlim(-0.4, len(DIFFICULTIES) - 0.6)
    axes.set_ylim(0, 1.1 * max((sigma for found in shapes.values() for sigma in found.sigma.values()), default=5))
    axes.set_ylabel("σ (heatmap px)")
    if not any(found.sigma for found in shapes.values()):
        drawing.nothing(axes, "nobody" if shapes else "no records")


def trained_sigmas(setting: DrawnSetting) -> dict[float, GridCell]:
    """Detection's cells by training sigma, in ascending order, alike in all else."""
    found: dict[float, GridCell] = {}
    reference = setting.nearest_to_paper("detection")
    for cell in setting.finished:
        if reference is not None and cell.spec.method.name == "detection" and _alike(cell, reference):
            found.setdefault(float(getattr(cell.spec.method, "sigma", math.nan)), cell)
    return dict(sorted(found.items()))


def _alike(cell: GridCell, other: GridCell) -> bool:
    """Whether two cells differ in nothing but sigma."""
    pair = [each.spec.science() for each in (cell, other)]
    free = VARIED | {"sigma"}
    methods = [{name: value for name, value in each["method"].items() if name not in free} for each in pair]
    rest = [{name: value for name, value in each.items() if name not in ("method", "seed")} for each in pair]
    return methods[0] == methods[1] and rest[0] == rest[1]


def _draw_trained(drawing: Drawing, axes: Axes, setting: DrawnSetting, trained: dict[float, GridCell]) -> None:
    axes.set_xlabel("training σ (heatmap px)")
    if len(trained) < 2:
        drawing.nothing(axes, "not run: see below")
        return
    headline = setting.headline
    other = axes.twinx()
    other.grid(visible=False)
    for metric, factor, where, color, style in (
        (headline, 100.0, axes, method_color("detection"), "o-"),
        ("EPE", 1.0, other, MUTED, "s--"),
    ):
        points = [(sigma, found.value) for sigma, cell in trained.items() if (found := cell.final(metric))]
        where.plot([x for x, _ in points], [factor * y for _, y in points], style, color=color, markersize=3.5)
        for x, value in points:
            drawing.words(where, x, factor * value, f"σ {x:g}: {metric} {amount(metric, value)}")
    axes.set_ylabel(f"{headline} (%)", color=method_color("detection"))
    other.set_ylabel("EPE (px), dashed", color=MUTED)
    other.spines["right"].set_visible(True)
    axes.set_xticks(list(trained))
