"""What a section of the report is: one class in one file of this folder. A new one needs no other change."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from heatmark.reports import sections
from heatmark.reports.comparing.study import Study
from heatmark.reports.rendering.document import Block, Sheet, Shown


class Needs(Enum):
    """What has to be read of a sweep before a part of its report can be worked out."""

    NOTHING = "the same in every report"
    TRIALS = "the trials, but no records of their evaluations"
    RECORDS = "those too"


@dataclass(frozen=True)
class Part:
    """Blocks of a section that follow each other.

    long: takes as long as many others together, and is worked out beside them, as soon as there is what it needs.
    """

    blocks: Callable[[Study], Iterable[Block]]
    long: bool = False
    needs: Needs = Needs.RECORDS


class Section(ABC):
    """title: its heading. order: sections stand in ascending order. half: beside the next, if that is half as well.
    first: on the first page, before the contents.

    long, needs: of its only part; a section of several has `parts` instead.
    """

    title: ClassVar[str]
    order: ClassVar[int]
    new_page: ClassVar[bool] = False
    half: ClassVar[bool] = False
    first: ClassVar[bool] = False
    long: ClassVar[bool] = False
    needs: ClassVar[Needs] = Needs.RECORDS

    @abstractmethod
    def blocks(self, study: Study) -> Iterable[Block]:
        """Its words, tables and pictures from top to bottom; without any the section is left out."""

    def parts(self) -> Sequence[Part]:
        """What `blocks` are made of, in order."""
        return (Part(self.blocks, self.long, self.needs),)

    def shown(self, blocks: Iterable[Block]) -> Shown:
        """blocks: those of its parts."""
        blocks = tuple(blocks)
        # A sheet of pictures fills a page.
        new_page = self.new_page or any(isinstance(block, Sheet) for block in blocks)
        return Shown(self.title, blocks, new_page, self.half, self.first)


def all_sections() -> list[Section]:
    """One of every class in the files of this folder."""
    for module in pkgutil.iter_modules(sections.__path__, f"{sections.__name__}."):
        importlib.import_module(module.name)
    return [kind() for kind in sorted(Section.__subclasses__(), key=lambda kind: kind.order)]
