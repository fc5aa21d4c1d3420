"""Markdown: tables, and text that stands in them as it is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

# What would be taken for an HTML tag: `<name>` in running text.
_TAG = re.compile(r"<(?=[A-Za-z/])")
_CODE = re.compile(r"(`[^`]*`)")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where there are no rows."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(head), "|" + " --- |" * len(head), *lines]) + "\n" if lines else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def plain(text: str) -> str:
    """Running text from a docstring or a help text, as it is meant."""
    parts = _CODE.split(inspect.cleandoc(text))
    return "".join(part if part.startswith("`") else _TAG.sub("&lt;", part).replace("*", "\\*") for part in parts)


def page(title: str, *parts: str) -> str:
    """A page; parts that are empty are left out."""
    return "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"
