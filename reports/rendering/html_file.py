"""Document -> one HTML file that needs no network: images inlined, all text escaped by the template engine."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from heatmark.reports.rendering.document import Document
from heatmark.reports.rendering.figure import Figure

TEMPLATE = Path(__file__).with_name("report.html")


def render_html(document: Document) -> str:
    """The whole page as one file that fetches nothing."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    environment.filters["inline_svg"] = _inline_svg
    environment.filters["jpeg_uri"] = lambda jpeg: _data_uri("image/jpeg", jpeg)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(document=document)


def _inline_svg(figure: Figure, prefix: str) -> Markup:
    """In the page itself, so that points of it can say something; ids stay apart from those of other drawings."""
    drawing = figure.svg[figure.svg.index("<svg") :]
    drawing = re.sub(r'( id="|url\(#|xlink:href="#)', rf"\g<1>{prefix}-", drawing)
    return Markup(drawing.replace("<svg", f'<svg role="img" aria-label="{escape(figure.description)}"', 1))


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
