"""The blocks of the manual's pages: which language, and what stands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "study" and path.name != "deviations.md"),
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(heatmark [^`]+)`")


class Block(NamedTuple):
    page: str
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    """All blocks in these languages, page by page."""
    found = (
        Block(name_of(path), match[1], match[2])
        for path in PAGES
        for match in _BLOCK.finditer(path.read_text(encoding="utf-8"))
    )
    return [block for block in found if not languages or block.language in languages]


def name_of(path: Path) -> str:
    """In docs/, or in the repository."""
    return str(path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT))


def commands(page: str | None = None) -> list[list[str]]:
    """The words of every command in a shell block, of all pages or of one."""
    found = [block for block in blocks("sh") if page in (None, block.page)]
    lines = [line for block in found for line in block.text.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


def mentions() -> list[list[str]]:
    """The words of every command in running text, which may leave out what it is given."""
    texts = [path.read_text(encoding="utf-8") for path in PAGES]
    return [shlex.split(match[1]) for text in texts for match in _INLINE.finditer(text)]


def links(text: str) -> Iterator[str]:
    """Where a page's links lead."""
    yield from re.findall(r"\]\(([^)]+)\)", text)
