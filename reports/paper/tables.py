"""Tables 1 to 15 of the paper from a sweep: each once for every data set of its format, else with nothing run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.context import Context, contexts
from heatmark.reports.paper.entries import PaperComparison
from heatmark.reports.paper.hands import visibility_table
from heatmark.reports.paper.heatmaps import chi_square_table
from heatmark.reports.paper.methods import TEST_DEV, method_table
from heatmark.reports.paper.printed import PaperTable, paper_tables
from heatmark.reports.paper.subsets import count_table, epe_table

Builder = Callable[[PaperTable, Context], list[PaperComparison]]
BUILDERS: dict[int, Builder] = {
    **dict.fromkeys((2, 3, 4, 5, 6, 8), method_table),
    **dict.fromkeys((1, 9, 12), epe_table),
    7: visibility_table,
    **dict.fromkeys((10, 11), count_table),
    **dict.fromkeys((13, 14, 15), chi_square_table),
}


def compare_with_paper(cells: Sequence[GridCell]) -> list[PaperComparison]:
    """In the paper's order; where the paper's own nets were not run, what comes near them follows."""
    comparisons: list[PaperComparison] = []
    for number, paper in paper_tables().items():
        own = contexts(paper.format, cells)
        if number == TEST_DEV:
            # What a data set of ours gives is not scored there: only whether its nets were trained.
            trained = [context for context in own if any(context.own(row) for row in paper.trials)]
            own = trained or contexts(paper.format, ())
        comparisons += [comparison for context in own for comparison in BUILDERS[number](paper, context)]
    return comparisons


def file_names(comparisons: Sequence[PaperComparison]) -> list[str]:
    """`paper-table-03-drawn`: safe in any file system, and none twice."""
    names: list[str] = []
    for comparison in comparisons:
        words = re.sub(r"[^A-Za-z0-9._-]+", "-", comparison.dataset)[:40].strip("-.")
        near = "-near" if comparison.near else ""
        name = f"paper-table-{comparison.paper.number:02d}{near}" + (f"-{words}" if words else "")
        names.append(f"{name}-{len(names)}" if name in names else name)
    return names
