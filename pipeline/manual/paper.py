"""The paper in the report: its tables, the sweeps that fill them, its claims, and the slips of its print."""

from __future__ import annotations

from collections.abc import Iterator

from heatmark.pipeline.manual.text import page, plain, table


def paper_page() -> str:
    """Of reports/paper/paper.yaml and the paper's claims."""
    from heatmark.reports.comparing.claims import HYPOTHESES
    from heatmark.reports.paper.printed import paper_tables

    tables = paper_tables().values()
    return page(
        "The paper in the report",
        "Every table of [the paper](https://arxiv.org/abs/2301.10431) is in the report, its numbers beside those of "
        "your own runs. A row is filled by its own net, input, method and boxes alone; the sweep file named here has "
        "the trials of all of them.",
        table(
            ("Table", "What it shows", "Rows", "Filled by"),
            ((str(each.number), plain(each.title), str(len(each.rows)), f"`{each.sweep}`") for each in tables),
        ),
        "## Claims that are put to the test",
        "Named beforehand, and corrected for one another alone (Holm).",
        table(("Claim", "In words"), HYPOTHESES.items()),
        "## Slips of the print",
        "Where the paper contradicts itself; the report says so at the number that it concerns.",
        table(("Table", "Rows", "Columns", "What is wrong"), _slips()),
    )


def _slips() -> Iterator[tuple[str, str, str, str]]:
    from heatmark.reports.paper.printed import paper_tables

    for each in paper_tables().values():
        for slip in each.slips:
            yield str(each.number), ", ".join(slip.rows) or "all", ", ".join(slip.columns) or "all", plain(slip.note)
