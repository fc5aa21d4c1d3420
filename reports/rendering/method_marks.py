"""Lines, bars and entries of a legend that are of one method, known by its colour, so that a page can hide them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from heatmark.models.methods import METHODS
from heatmark.reports.rendering.method_colors import method_color

KINDS = (Line2D, Collection, Patch)
MARK = "method:"
MARKED = re.compile(rf' id="{MARK}([^"]*)"')


def mark_methods(figure: Figure, methods: Iterable[str]) -> None:
    """methods: their names. What is drawn in the colour of one of them is its own."""
    labels = {method_color(name).lower(): METHODS[name].label for name in methods}
    for artist in _drawn(figure):
        label = labels.get(_color(artist))
        if label:
            artist.set_gid(MARK + label)
    for legend in figure.legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if handle is not None and handle.get_gid():
                text.set_gid(handle.get_gid())


def _drawn(figure: Figure) -> Iterator[Artist]:
    """Of all panels, but not their ticks and frames, which are far more and of no method; then of the legends."""
    for axes in figure.axes:
        yield from (each for each in axes.get_children() if isinstance(each, KINDS))
    for legend in (*figure.legends, *(axes.get_legend() for axes in figure.axes)):
        if legend is not None:
            yield from legend.findobj(lambda each: isinstance(each, KINDS))


def with_marks(svg: str) -> str:
    """An SVG's marks as data-method="LABEL": an id may stand once alone."""
    return MARKED.sub(r' data-method="\1"', svg)


def method_mark(label: str) -> str:
    """The same for an element that is written by hand."""
    return f' data-method="{escape(label)}"' if label else ""


def _color(artist: Artist) -> str:
    """As #rrggbb in lower case; empty where it has none."""
    found = next(_colors(artist), None)
    return "" if found is None else to_hex(found)  # type: ignore[arg-type]


def _colors(artist: Artist) -> Iterator[object]:
    if isinstance(artist, Line2D):
        yield artist.get_color()
    elif isinstance(artist, Collection):
        for colors in (artist.get_facecolor(), artist.get_edgecolor()):
            yield from colors
    elif isinstance(artist, Patch):
        yield artist.get_facecolor()
