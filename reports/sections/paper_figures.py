"""The paper's figures, and a few that it does not have."""

from __future__ import annotations

from collections.abc import Iterable

from heatmark.reports.comparing.study import Study
from heatmark.reports.paper.figures.figures import paper_figures
from heatmark.reports.rendering.document import Block
from heatmark.reports.sections.section import Section


class PaperFigures(Section):
    """The paper's figures, from our trials."""

    title = "Figures of the paper"
    order = 40
    new_page = True
    long = True

    def blocks(self, study: Study) -> Iterable[Block]:
        return paper_figures(study.cells)
