"""A figure's parts stand within it, however wide it is."""

from __future__ import annotations

import pytest
from matplotlib.lines import Line2D

from heatmark.models.methods import METHODS
from heatmark.reports.rendering.drawing import WIDTH, Drawing, drawn


@pytest.mark.parametrize("width", [3.0, 4.6, WIDTH])
def test_the_legend_of_all_methods_is_no_wider_than_the_figure(width: float) -> None:
    found = []

    def draw(drawing: Drawing) -> None:
        drawing.figure.subplots().plot([0, 1])
        drawing.legend([Line2D([], [], label=f"{each.label} β 10") for each in METHODS.values()])
        drawing.figure.draw_without_rendering()
        found.append(drawing.figure.legends[0].get_window_extent())

    drawn(draw, height=2.5, width=width)
    (extent,) = found
    assert extent.x0 >= 0 and extent.x1 <= 72 * width
