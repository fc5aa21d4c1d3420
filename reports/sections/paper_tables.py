"""The paper's tables, ours beside the printed numbers."""

from __future__ import annotations

from collections.abc import Iterator

from heatmark.reports.comparing.study import Study
from heatmark.reports.paper.entries import as_frame, as_table
from heatmark.reports.paper.parts import figure_trials
from heatmark.reports.paper.tables import compare_with_paper, file_names
from heatmark.reports.reading.collect import printable
from heatmark.reports.rendering.document import Block, Words
from heatmark.reports.rendering.table import Export
from heatmark.reports.sections.section import Section


class PaperTables(Section):
    """The paper's tables, our numbers beside the printed ones."""

    title = "Tables of the paper"
    order = 60
    new_page = True

    def blocks(self, study: Study) -> Iterator[Block]:
        yield from (Words((printable(note),), "warning") for note in study.evidence.notes)
        beside = compare_with_paper(study.cells)
        for comparison, name in zip(beside, file_names(beside), strict=True):
            yield Export(as_table(comparison, name), as_frame(comparison), headed=True)
        yield figure_trials(study.cells)
