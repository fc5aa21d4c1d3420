"""What a report holds, top to bottom, in one neutral form that both the PDF and the page show: sections of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from heatmark.reports.rendering.concerns import EVERYTHING, Concerns
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.table import Export, Table


@dataclass(frozen=True)
class Words:
    """A paragraph. tone: `stamp` is a warning in a frame."""

    sentences: tuple[str, ...]
    tone: Literal["plain", "muted", "warning", "stamp"] = "plain"

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


@dataclass(frozen=True)
class Crop:
    """A JPEG, and the words under it."""

    jpeg: bytes
    text: str


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows and columns, a page of them. columns_concern: of each column, where they are told apart."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Crop, ...], ...]
    caption: str
    concerns: Concerns = EVERYTHING
    columns_concern: tuple[Concerns, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A trial without a result, and why."""

    label: str
    signature: str
    state: str
    message: str
    concerns: Concerns = EVERYTHING


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answers:
    """Questions with their answers. about: what they are about, a heading; empty where the section says it."""

    about: str
    rows: tuple[tuple[str, str], ...]
    concerns: Concerns = EVERYTHING


Block = Answers | Words | Export | Figure | Sheet | Problem | Facts


@dataclass(frozen=True)
class Shown:
    """A section as it is shown. half: beside the next one, where that is half as wide too. first: before contents."""

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = False
    half: bool = False
    first: bool = False

    @property
    def visible(self) -> tuple[Block, ...]:
        """All but what is in the files alone."""
        return tuple(block for block in self.blocks if not isinstance(block, Export) or block.shown)

    @property
    def printed(self) -> tuple[Block, ...]:
        """What is on paper, where nothing unfolds."""
        return tuple(block for block in self.visible if not isinstance(block, Export) or not block.folded)

    @property
    def words(self) -> tuple[Words, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Words))

    @property
    def answers(self) -> tuple[Answers, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Answers))

    @property
    def exports(self) -> tuple[Export, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Export))

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(export.table for export in self.exports)

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Figure))

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Sheet))


@dataclass(frozen=True)
class Document:
    """stamp: empty, or a warning for every page that compares. sections: those that hold something, in order.

    choices: the methods, data sets and backbones of the trials, by which the page can be filtered.
    """

    title: str
    date: str
    stamp: str
    summary: tuple[str, ...]
    sections: tuple[Shown, ...]
    choices: Concerns = EVERYTHING

    def section(self, title: str) -> Shown:
        """An empty one where there is none of that title."""
        return next((section for section in self.sections if section.title == title), Shown(title, ()))

    @property
    def exports(self) -> tuple[Export, ...]:
        return tuple(export for section in self.sections for export in section.exports)

    @property
    def named_figures(self) -> tuple[Figure, ...]:
        """Those with a heading of their own."""
        return tuple(figure for section in self.sections for figure in section.figures if figure.title)

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(sheet for section in self.sections for sheet in section.sheets)
