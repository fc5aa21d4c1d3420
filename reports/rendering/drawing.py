"""matplotlib -> SVG in the report's style: the same input gives the same bytes, text is drawn as outlines.

A drawing may hold pictures (JPEG) under its axes, and points that say something when a mouse rests on them.
"""

from __future__ import annotations

import base64
import io
import itertools
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from heatmark.reports.rendering.method_marks import mark_methods, method_mark, with_marks

MUTED = "#5a626c"
# Inches: the width of the text on the page.
WIDTH = 6.9
POINTS_PER_INCH = 72
HOVER_RADIUS = 5
# Values that are further apart are shown on a log scale.
LOG_FROM_RATIO = 4
# Of a line of a legend as wide as the text, and inches of it.
LEGEND_LETTERS, LEGEND_LINE = 110, 0.17
# Of more points than these only every second, third and so on says something: the page would grow without end.
MOST_WORDS = 3000
FIGURE_START = '<g id="figure_1">'
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "heatmark",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    # Nothing stands above an axis that a title would have to make way for, and to look for it takes long.
    "axes.titley": 1.0,
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a929c",
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.6,
    "xtick.color": "#5a626c",
    "ytick.color": "#5a626c",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,
}

Extent = tuple[float, float, float, float]


@dataclass
class Drawing:
    """A figure on its way to SVG."""

    figure: Figure
    _pictures: list[tuple[Axes, Extent, bytes]] = field(default_factory=list)
    _words: list[tuple[Axes, float, float, str, str]] = field(default_factory=list)
    _methods: tuple[str, ...] = ()

    def picture(self, axes: Axes, extent: Extent, jpeg: bytes) -> None:
        """A picture under whatever is drawn on the axes. extent: left, right, bottom, top in the axes' own units."""
        self._pictures.append((axes, extent, jpeg))

    def words(self, axes: Axes, x: float, y: float, text: str, method: str = "") -> None:
        """What the page says when the mouse rests on a point. x, y: in the axes' units. method: whose, its label."""
        self._words.append((axes, x, y, text, method))

    def tell_apart(self, methods: Iterable[str]) -> None:
        """What is drawn in a method's colour is that method's, and the page can hide it. methods: their names."""
        self._methods = tuple(methods)

    def nothing(self, axes: Axes, why: str) -> None:
        """A panel that holds a word on what is not there, and no scale."""
        axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=MUTED)
        axes.set(xticks=[], yticks=[])

    def legend(self, handles: Sequence[Artist], *, below: bool = False, most: int = 4) -> None:
        """Above or below all axes, in as many columns as the labels leave room for; the figure grows by its rows."""
        room = round(LEGEND_LETTERS * self.figure.get_figwidth() / WIDTH)
        labels = [textwrap.fill(str(handle.get_label()), room - 10) for handle in handles]
        longest = max((len(line) for label in labels for line in label.splitlines()), default=0)
        columns = max(1, min(len(handles), most, room // (8 + longest)))
        lines = sum(label.count("\n") for label in labels) + -(-len(handles) // columns)
        self.figure.set_figheight(self.figure.get_figheight() + LEGEND_LINE * (lines - 1))
        where: Literal["outside lower center", "outside upper center"]
        where = "outside lower center" if below else "outside upper center"
        self.figure.legend(handles, labels, loc=where, ncols=columns, handlelength=3.2)

    def svg(self) -> str:
        self._lay_out()
        if self._methods:
            mark_methods(self.figure, self._methods)
        buffer = io.StringIO()
        self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
        # Where things are is known only after the layout, which saving settles.
        under = FIGURE_START + "".join(self._image(*picture) for picture in self._pictures)
        over = "".join(self._circles())
        return with_marks(buffer.getvalue()).replace(FIGURE_START, under, 1).replace("</svg>", f"{over}</svg>")

    def _lay_out(self) -> None:
        """Once and for all: one with a layout engine is drawn as a whole, to no end, each time that it is saved."""
        engine = self.figure.get_layout_engine()
        if engine is not None:
            # Each would work out its axis's ticks again, beside labels that reach further out than it.
            for spine in (spine for axes in self.figure.axes for spine in axes.spines.values()):
                spine.set_in_layout(False)
            engine.execute(self.figure)
            self.figure.set_layout_engine(None)

    @property
    def _height(self) -> float:
        return float(self.figure.get_figheight()) * POINTS_PER_INCH

    def _image(self, axes: Axes, extent: Extent, jpeg: bytes) -> str:
        left, right, bottom, top = extent
        (x0, y0), (x1, y1) = axes.transData.transform([(left, bottom), (right, top)])
        data = base64.b64encode(jpeg).decode()
        return (
            f'<image x="{x0:.2f}" y="{self._height - y1:.2f}" width="{x1 - x0:.2f}" '
            f'height="{y1 - y0:.2f}" preserveAspectRatio="none" xlink:href="data:image/jpeg;base64,{data}"/>'
        )

    def _circles(self) -> Iterator[str]:
        """In the order in which they were asked for; the points of one pair of axes are placed together."""
        words = self._words[:: -(-len(self._words) // MOST_WORDS) or 1]
        for axes, group in itertools.groupby(words, key=lambda word: word[0]):
            _, *columns = zip(*group, strict=True)
            places_N2 = axes.transData.transform(np.column_stack(columns[:2])).tolist()
            for (right, up), text, method in zip(places_N2, columns[2], columns[3], strict=True):
                yield (
                    f'<circle class="point"{method_mark(method)} cx="{right:.2f}" cy="{self._height - up:.2f}" '
                    f'r="{HOVER_RADIUS}" fill="none" pointer-events="all"><title>{escape(text)}</title></circle>'
                )


def drawn(draw: Callable[[Drawing], None], height: float, width: float = WIDTH, *, placed: bool = False) -> str:
    """Draw on a fresh figure of that many inches and return it as SVG without date or random ids.

    placed: the axes are put where they belong by whoever draws, instead of being laid out.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=None if placed else "constrained", dpi=POINTS_PER_INCH)
        FigureCanvasSVG(figure)
        drawing = Drawing(figure)
        draw(drawing)
        return drawing.svg()


def plain_log_scale(axes: Axes) -> None:
    """Of the y axis, with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
