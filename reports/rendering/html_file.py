"""Document -> one HTML file that needs no network: images and script inlined, all text escaped by the engine."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from heatmark.reports.rendering.concerns import Concerns
from heatmark.reports.rendering.document import Document
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.table import Link

TEMPLATE, SCRIPT, STYLE = (Path(__file__).with_name(f"report.{kind}") for kind in ("html", "js", "css"))
# Of what is about a method, data set or backbone that no trial of the report has.
UNKNOWN = "-"
OF_METHOD = re.compile(r' data-method="([^"]*)"')
# Of a drawing: a page with tens of thousands of such nodes opens late. Its one rule of style would be one for every
# element of the page, and stands in report.css.
OF_NO_USE = re.compile(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL)
BETWEEN = re.compile(r">\s+<")


def render_html(document: Document, place: Path | None = None) -> str:
    """The whole page as one file that fetches nothing. place: the folder that it lies in, where links start."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    numbers = _numbers(document.choices)
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    environment.filters["inline_svg"] = lambda figure, prefix: _inline_svg(figure, prefix, numbers["method"])
    environment.filters["jpeg_uri"] = lambda jpeg: _data_uri("image/jpeg", jpeg)
    environment.filters["marks"] = _marker(numbers)
    environment.filters["row_marks"] = lambda row: next(
        (each.concerns for each in row if each.concerns.any), Concerns()
    )
    environment.filters["address"] = lambda link: _address(link, place or Path())
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        document=document,
        filters=_filters(document.choices),
        script=Markup(SCRIPT.read_text(encoding="utf-8")),
        style=Markup(STYLE.read_text(encoding="utf-8")),
    )


def _filters(choices: Concerns) -> list[tuple[str, str, Sequence[str]]]:
    """What the page can be filtered by: the name in its marks, the title, the values, of which there are several."""
    kinds = (("method", "Method", choices.methods), ("dataset", "Data set", choices.datasets))
    return [each for each in (*kinds, ("backbone", "Backbone", choices.backbones)) if len(each[2]) > 1]


def _numbers(choices: Concerns) -> dict[str, dict[str, int]]:
    """Marks name values by their place, as names may hold anything."""
    parts = {"method": choices.methods, "dataset": choices.datasets, "backbone": choices.backbones}
    return {kind: {value: place for place, value in enumerate(values)} for kind, values in parts.items()}


def _marker(numbers: Mapping[str, Mapping[str, int]]) -> Callable[[Concerns], Markup]:
    """The attributes by which the page's script knows what an element is about."""
    known: dict[Concerns, Markup] = {}

    def marks(concerns: Concerns) -> Markup:
        if concerns not in known:
            parts = {"method": concerns.methods, "dataset": concerns.datasets, "backbone": concerns.backbones}
            told = {
                kind: [str(numbers[kind].get(value, UNKNOWN)) for value in values] for kind, values in parts.items()
            }
            known[concerns] = Markup("".join(f' data-{kind}="{" ".join(each)}"' for kind, each in told.items() if each))
        return known[concerns]

    return marks


def _inline_svg(figure: Figure, prefix: str, methods: Mapping[str, int]) -> Markup:
    """In the page itself, so that points of it can say something; ids stay apart from those of other drawings."""
    drawing = figure.svg[figure.svg.index("<svg") :]
    drawing = BETWEEN.sub("><", OF_NO_USE.sub("", drawing))
    drawing = re.sub(r'( id="|url\(#|xlink:href="#)', rf"\g<1>{prefix}-", drawing)
    drawing = OF_METHOD.sub(lambda found: f' data-method="{methods.get(unescape(found[1]), UNKNOWN)}"', drawing)
    return Markup(drawing.replace("<svg", f'<svg role="img" aria-label="{escape(figure.description)}"', 1))


def _address(link: Link, place: Path) -> str:
    """Of a file from where the page lies."""
    if isinstance(link.target, str):
        return link.target
    relative = os.path.relpath(link.target.absolute(), place.absolute())
    return quote(relative) + ("/" if link.target.is_dir() else "")


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
