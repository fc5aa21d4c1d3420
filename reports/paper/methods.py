"""Tables 2 to 6 and 8 of the paper: one row per method, numbers of the whole set and of its easy and hard people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.paper.context import Context, digest_value, final_value, why_missing
from heatmark.reports.paper.entries import NOT_PRINTED, NOT_RUN, PUBLISHED, Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.printed import PaperRow, PaperTable
from heatmark.reports.rendering.table import MISSING

EASY_MEDIUM, HARD = ("easy", "medium"), ("hard",)
FINAL: dict[str, Callable[[GridCell], Measured | None]] = {
    "AP": final_value("AP", 100),
    "EPE": final_value("EPE"),
    "PCKh@0.5": final_value("PCKh@0.5", 100),
}
RECORDED: dict[str, Callable[[GridCell], Measured | None]] = {
    "AP e/m": digest_value(lambda digest: digest.ap(digest.of_difficulty(*EASY_MEDIUM)), 100),
    "AP h": digest_value(lambda digest: digest.ap(digest.of_difficulty(*HARD)), 100),
    "A(2) e/m": digest_value(lambda digest: digest.softmax_activation(digest.of_difficulty(*EASY_MEDIUM))),
    "A(2) h": digest_value(lambda digest: digest.softmax_activation(digest.of_difficulty(*HARD))),
}
# What the paper averages over people: Table 12's cells weighted by Table 11's counts give 8.35, 8.29 and 7.89 px so,
# and 6.74, 6.90 and 6.52 over joints; Table 3 prints 8.21, 8.28 and 7.82 (sums: tests/reports/test_paper_tables.py).
OVER_PEOPLE: dict[str, Callable[[GridCell], Measured | None]] = {
    "EPE": digest_value(lambda digest: digest.epe_of_people(digest.everyone_N)),
    "EPE hard": digest_value(lambda digest: digest.epe_of_people(digest.of_difficulty(*HARD))),
}
TABLES_OVER_PEOPLE = (3, 6)
# The same of the weights that each method reads with.
AS_READ: dict[str, Callable[[GridCell], Measured | None]] = {
    "A(2) e/m": digest_value(lambda digest: digest.activation(digest.of_difficulty(*EASY_MEDIUM))),
    "A(2) h": digest_value(lambda digest: digest.activation(digest.of_difficulty(*HARD))),
}
A_NOTE = (
    "A(2) is the share of a map within 2 pixels of the joint (Eq. 26): of softmax(β h) (Eq. 3), which the paper takes "
    "for detection too (footnote 3), at β 10 where a method has none; under it, as read: of the weights that the "
    "method reads with."
)
HANDS: dict[str, Callable[[GridCell], Measured | None]] = {
    "AUC 2D": final_value("AUC@0-30px", 100),
    "AUC 3D": final_value("AUC@20-50mm", 100),
    "EPE 2D": final_value("EPE"),
    "EPE 3D": final_value("EPE mm"),
}
TEST_DEV = "The paper: COCO test-dev."
OVER_PEOPLE_NOTE = (
    "EPE is the mean over people of each one's mean over labelled joints, as the paper's is; over joints, as "
    "everywhere else in this report, it is lower, as people with few labels are harder."
)
NOTES = {
    2: "AP e/m and AP h are over the easy and medium, and over the hard people alone, each prediction matched with its "
    f"own person. {A_NOTE}",
    4: "COCO's test-dev annotations are not public: its server scores it, so nothing of this table can be run here.",
    3: OVER_PEOPLE_NOTE,
    6: f"{OVER_PEOPLE_NOTE} EPE hard is that of the hard people. {A_NOTE}",
    8: "AUC 2D over 0-30 px, AUC 3D over 20-50 mm, both with hand3d's trapezoids; ours are nets that learn 2.5D.",
}


def method_table(paper: PaperTable, context: Context) -> PaperComparison:
    """A table with a row for each method and net, and metrics as columns."""
    rows = [_row(paper, row, context) for row in paper.rows]
    missing = [
        row
        for row, entries in zip(paper.rows, rows, strict=True)
        if row.method and paper.number != 4 and any(entry.state == NOT_RUN for entry in entries.entries)
    ]
    heads = ["Method", "Type", "Paper's net", "Ours"]
    shown = [place for place in range(4) if place in (0, 3) or any(row.heads[place] != MISSING for row in rows)]
    rows = [replace(row, heads=tuple(row.heads[place] for place in shown)) for row in rows]
    used = [] if paper.number == 4 else [context.cell(row) for row in paper.rows if row.method]
    return PaperComparison(
        paper,
        context.dataset,
        tuple(heads[place] for place in shown),
        tuple(rows),
        context.caption(paper.title, used, NOTES.get(paper.number, ""), TEST_DEV if paper.number == 4 else ""),
        context.remarks,
        filling_commands(paper.number, context.format, missing),
    )


def _row(paper: PaperTable, row: PaperRow, context: Context) -> EntryRow:
    runnable = row.method is not None and paper.number != 4
    cell = context.cell(row) if runnable else None
    entries = tuple(_entry(paper, row, column.name, context, cell) for column in paper.columns)
    net = ", ".join(part for part in (row.printed_backbone or row.backbone, _size(row.input)) if part)
    if cell:
        ours = f"{cell.spec.backbone}, {_size(cell.spec.data.input_size)}"
    else:
        ours = MISSING if runnable else PUBLISHED
    return EntryRow(row.key, (row.name, row.type or MISSING, net or MISSING, ours), entries)


def _size(size: tuple[int, int] | None) -> str:
    return "{} × {}".format(*size) if size else ""


def _entry(paper: PaperTable, row: PaperRow, name: str, context: Context, cell: GridCell | None) -> Entry:
    column, printed = paper.column(name), paper.value(row, name)
    entry = Entry(column, printed, slips=paper.slips_of(row, name) if printed is not None else ())
    if row.method is None or paper.number == 4:
        return replace(entry, state=PUBLISHED if printed is not None else NOT_PRINTED)
    if name.endswith(" gain"):
        return _gain(paper, row, entry, context, cell)
    found = _value(paper, name, cell)
    people = _people(name, cell) if found else None
    state = "" if found else why_missing(cell, _needs_records(paper, name))
    return replace(entry, ours=found, people=people, state=state, remark=_as_read(name, cell))


def _as_read(name: str, cell: GridCell | None) -> str:
    """A further line of A(s)."""
    found = AS_READ[name](cell) if cell and name in AS_READ else None
    return f"as read {found.value:.2f}" if found else ""


def _value(paper: PaperTable, name: str, cell: GridCell | None) -> Measured | None:
    if cell is None:
        return None
    over_people = OVER_PEOPLE if paper.number in TABLES_OVER_PEOPLE else {}
    return (FINAL | RECORDED | HANDS | over_people)[name](cell)


def _needs_records(paper: PaperTable, name: str) -> bool:
    return name in RECORDED or (name in OVER_PEOPLE and paper.number in TABLES_OVER_PEOPLE)


def _people(name: str, cell: GridCell | None) -> int | None:
    """How many people a number is over, where records tell."""
    if cell is None or not cell.digests:
        return None
    digest = cell.digests[0]
    names = EASY_MEDIUM if name.endswith("e/m") else HARD if name.endswith((" h", "hard")) else ()
    return int(digest.of_difficulty(*names).sum()) if names else len(digest)


def _gain(paper: PaperTable, row: PaperRow, entry: Entry, context: Context, cell: GridCell | None) -> Entry:
    """Ours over the same method as the printed gain; rows without a printed gain have none."""
    gains = [column.name for column in paper.columns if column.name.endswith(" gain")]
    place = gains.index(entry.column.name)
    if place >= len(row.gain_over):
        return replace(entry, state=NOT_PRINTED)
    base = next(each for each in paper.rows if (each.method, each.backbone) == (row.gain_over[place], row.backbone))
    name = entry.column.name.removesuffix(" gain")
    above, below = _value(paper, name, cell), _value(paper, name, context.cell(base))
    if above is None or below is None:
        without = cell if above is None else context.cell(base)
        return replace(entry, state=why_missing(without, _needs_records(paper, name)))
    found = Measured(above.value - below.value, None, min(above.seeds, below.seeds))
    return replace(entry, ours=found, people=_people(name, cell), remark=f"over {row.gain_over[place]}")
