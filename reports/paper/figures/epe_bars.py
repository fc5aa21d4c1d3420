"""Fig. 4 and Table 12: EPE over people of detection, IPR and BCIR by number of joints and occlusion."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.paper.figures.absent import missing_methods, no_records
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.reading.digest import RULES
from heatmark.reports.rendering.drawing import MUTED, Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color

OCCLUSIONS = tuple(band.name for band in RULES.occlusion.bands)
OCCLUSION_TITLES = {"low": "< 20 %", "middle": "20 to 50 %", "high": "≥ 50 %"}
BAR = 0.26


def epe_bars(setting: DrawnSetting) -> Figure:
    """One panel per band of joints, one group of bars per band of occlusion."""
    cells = {method: cell for method, cell in setting.paper_cells.items() if cell.digests}
    title = f"Fig. 4, {setting.dataset}, {setting.backbone}"
    absent = missing_methods(setting, have=cells) or no_records(setting.paper_cells.values())
    if not cells:
        return Figure("", "EPE over people by number of joints and occlusion.", "", title, absent)
    bands = next(digest for cell in cells.values() for digest in cell.digests).joint_bands
    values = {
        (method, joints, occlusion): band_epe(cell, joints=joints, occlusion=occlusion)
        for method, cell in cells.items()
        for joints in bands
        for occlusion in OCCLUSIONS
    }

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(1, len(bands))
        for axes, joints in zip(panels, bands, strict=True):
            axes.set_title(f"{joints} labelled joints")
            for place, occlusion in enumerate(OCCLUSIONS):
                row = {method: values[method, joints, occlusion] for method in cells}
                _draw_group(drawing, axes, place, row, cells)
            if not any(found for (_, band, _), found in values.items() if band == joints):
                drawing.nothing(axes, "nobody")
            axes.margins(y=0.15)
            people = [people_in(cells, joints=joints, occlusion=occlusion) for occlusion in OCCLUSIONS]
            ticks = [f"{OCCLUSION_TITLES[name]}\nn {count}" for name, count in zip(OCCLUSIONS, people, strict=True)]
            axes.set_xticks(range(len(OCCLUSIONS)), ticks)
            axes.set_xlim(-0.6, len(OCCLUSIONS) - 0.4)
            axes.grid(axis="x", visible=False)
        panels[0].set_ylabel("EPE over people (px)")
        drawing.figure.supxlabel("share of hidden joints, n people", fontsize=7.5)
        handles = [Patch(color=method_color(method), label=cells[method].label) for method in cells]
        drawing.tell_apart(cells)
        drawing.legend(handles)

    caption = (
        f"EPE over people by number of labelled joints and share of hidden ones. {EPE_WORDS} "
        f"Where nobody is in a cell there is no bar. {setting.protocol(list(cells.values()))}"
    )
    return Figure(drawn(draw, 2.5), caption, "Bars of EPE over people by joints, occlusion and method", title, absent)


EPE_WORDS = (
    "It is the mean over people of each one's mean over labelled joints, in image pixels, as in the paper's Fig. 4 "
    "and not over joints, as an EPE is elsewhere in this report; whiskers are the standard deviation over seeds."
)


def band_epe(cell: GridCell, **bands: str) -> Measured | None:
    """EPE over people, in pixels, of those in these bands. bands: a factor's name to a band's."""
    return cell.over_digests(lambda digest: digest.epe_of_people(digest.in_bands(**bands)))


def people_in(cells: dict[str, GridCell], **bands: str) -> int:
    """Everyone evaluates the same people."""
    digest = next(digest for cell in cells.values() for digest in cell.digests)
    return int(digest.in_bands(**bands).sum())


def _draw_group(
    drawing: Drawing, axes: Axes, place: int, row: dict[str, Measured | None], cells: dict[str, GridCell]
) -> None:
    best = min((found.value for found in row.values() if found), default=None)
    for number, (method, found) in enumerate(row.items()):
        x = place + (number - (len(row) - 1) / 2) * BAR
        if found is None:
            continue
        whisker: dict[str, Any] = {"yerr": found.spread, "ecolor": MUTED, "capsize": 2} if found.spread else {}
        axes.bar(x, found.value, BAR * 0.92, color=method_color(method), **whisker)
        weight = "bold" if found.value == best and len(row) > 1 else "normal"
        axes.annotate(
            f"{found.value:.1f}",
            (x, found.value + (found.spread or 0)),
            textcoords="offset points",
            xytext=(0, 2),
            ha="center",
            fontsize=5.5,
            fontweight=weight,
            rotation=90,
        )
        words = f"{cells[method].label}: {found.value:.2f} px, {counted(found.seeds, 'seed')}"
        drawing.words(axes, x, found.value / 2, words, cells[method].spec.method.label)
