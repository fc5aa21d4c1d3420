"""Document -> one HTML file that needs no network: images inlined, all text escaped by the template engine."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from heatmark.reports.document import Document

TEMPLATE = Path(__file__).with_name("report.html")


def render_html(document: Document) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["svg_uri"] = lambda svg: _data_uri("image/svg+xml", svg.encode())
    environment.filters["jpeg_uri"] = lambda jpeg: _data_uri("image/jpeg", jpeg)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(document=document)


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
