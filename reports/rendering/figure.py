"""One figure of the report, in the form that both the PDF and the page show."""

from __future__ import annotations

from dataclasses import dataclass

from heatmark.reports.rendering.concerns import EVERYTHING, Concerns


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG with its caption, and what it shows in a few words for those who cannot see it.

    title: heading of its own, `Fig. 4, drawn`; empty where the section has one. svg: empty where nothing was run to
    draw it from. absent: why a figure or a part of it is not there, and the line of a sweep file that would fill it.
    """

    svg: str
    caption: str
    description: str
    title: str = ""
    absent: str = ""
    concerns: Concerns = EVERYTHING
