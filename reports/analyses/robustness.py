"""How far each read-out lies from the joint on disturbed maps, from `heatmark analyze robustness`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from heatmark.reports.rendering.drawing import MUTED, Drawing, drawn
from heatmark.reports.rendering.method_colors import method_color

# Title, and what the levels are; in the order of the panels.
PANELS = {
    "offset": ("Background", "added to every pixel"),
    "noise": ("Noise", "standard deviation"),
    "peak": ("Peak", "height"),
    "sigma": ("Width", "σ (heatmap px)"),
    "resolution": ("Resolution", "scale of the 48 × 64 map and of σ"),
}
# Each in the colour of the method that learns for it. Quarter and argmax read detection's maps.
STYLES: dict[str, dict[str, Any]] = {
    "argmax": {"label": "argmax", "color": method_color("detection"), "marker": "v", "linestyle": "--"},
    "quarter": {"label": "quarter offset", "color": method_color("detection"), "marker": "^"},
    "dark": {"label": "DARK", "color": method_color("dark"), "marker": "D"},
    # Where the two agree, DARK's line shows between these dashes.
    "udp": {"label": "UDP", "color": method_color("udp"), "marker": "s", "linestyle": (0, (3, 2))},
    "soft@10": {"label": "soft-argmax, β 10", "color": method_color("ipr"), "marker": "o"},
    "bcir@10": {"label": "BCIR, β 10", "color": method_color("bcir"), "marker": "P"},
}
# Heatmap pixels: nobody tells smaller errors apart, and some are 0.
FLOOR = 1e-4
ERRORS = (FLOOR, 1e-3, 0.01, 0.1, 1, 10)


def robustness(rows: Sequence[Mapping[str, Any]], ideal: Mapping[str, float]) -> str:
    """An SVG: mean error over the level, a panel per disturbance, a line per read-out.

    rows: of the analysis (workloads/analysis/robustness.py). ideal: the undisturbed level, which a dotted line marks.
    """

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(2, 3, sharey=True)
        for axes, disturbance in zip(panels.flat, PANELS, strict=False):
            shown = [row for row in rows if row["disturbance"] == disturbance]
            _draw_panel(drawing, axes, shown, ideal[disturbance], *PANELS[disturbance])
        handles, labels = panels[0, 0].get_legend_handles_labels()
        panels[1, 2].axis("off")
        panels[1, 2].legend(handles, labels, loc="center", handlelength=3.2, labelspacing=0.8)
        drawing.figure.supylabel("mean distance from the joint (heatmap px)", fontsize=7.5)

    return drawn(draw, 4.4)


def _draw_panel(
    drawing: Drawing, axes: Axes, rows: Sequence[Mapping[str, Any]], ideal: float, title: str, label: str
) -> None:
    """Levels stand equally far apart: most are small, and some are 0."""
    levels = list(dict.fromkeys(row["level"] for row in rows))
    axes.axvline(levels.index(ideal), color=MUTED, linestyle=":", linewidth=0.8, label="undisturbed", zorder=1)
    for readout, style in STYLES.items():
        shown = [row for row in rows if row["readout"] == readout]
        places = [levels.index(row["level"]) for row in shown]
        errors = [max(row["mean_error"], FLOOR) for row in shown]
        axes.plot(places, errors, markersize=3, linewidth=1, clip_on=False, **style)
        for place, error, row in zip(places, errors, shown, strict=True):
            told = f"{row['mean_error']:.2g} px on average, {row['largest_error']:.2g} px at most"
            drawing.words(axes, place, error, f"{style['label']}, {title.lower()} {row['level']:g}: {told}")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 30)
    axes.set_yticks(ERRORS, [f"≤ {FLOOR:.4f}", *(f"{error:g}" for error in ERRORS[1:])])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_xlabel(label)
    axes.set_title(title)
