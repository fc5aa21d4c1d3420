"""The paper's figures, and a few that it does not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from heatmark.reports.comparing.study import Study
from heatmark.reports.paper.figures.figures import GROUPS, Group, paper_figures
from heatmark.reports.rendering.document import Block
from heatmark.reports.sections.section import Needs, Part, Section


class PaperFigures(Section):
    """The paper's figures, from our trials."""

    title = "Figures of the paper"
    order = 40
    new_page = True

    def blocks(self, study: Study) -> Iterable[Block]:
        return paper_figures(study.cells)

    def parts(self) -> Sequence[Part]:
        return [
            Part(partial(_drawn, group), long=True, needs=Needs.RECORDS if group.of_trials else Needs.NOTHING)
            for group in GROUPS
        ]


def _drawn(group: Group, study: Study) -> Iterable[Block]:
    return group.figures(study.cells)
