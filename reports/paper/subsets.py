"""Tables 1, 9 and 12 of the paper, EPE by bands of people, and Tables 10 and 11, how many people are in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.paper.context import Context, best_boxes, digest_value, net_of, why_missing
from heatmark.reports.paper.entries import NO_RECORDS, NOBODY, NOT_RUN, Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.printed import USUAL_BOXES, PaperColumn, PaperRow, PaperTable
from heatmark.reports.paper.recipe import differences, recipe_note

JOINTS = ("1-5", "6-10", "11-17")
OCCLUSIONS = ("high", "middle", "low")
# The bands behind the printed names of rows.
SIZE_ROWS = {"32²-64²": "32-64", "64²-96²": "64-96", "96²-128²": "96-128", "128² and more": ">128"}
OCCLUSION_ROWS = {"> 50 %": "high", "10-50 %": "middle", "< 10 %": "low"}
TABLE_9_ROWS = {"many occ": "high", "some occ": "middle", "few occ": "low"}
# Whose rows and columns are interchanged in print: ours stand where the labels are true.
INTERCHANGED: Mapping[int, Mapping[str, str]] = {1: OCCLUSION_ROWS, 9: TABLE_9_ROWS}
EPE_NOTE = (
    "EPE over people is the mean over people of each one's mean over labelled joints, as the paper's totals follow "
    "from its cells; n is the number of people."
)
BANDS_NOTE = "Size is the root of the segment's area, occlusion is cut at 20 % and 50 %, as the paper's counts are."
NEAR_NOTE = "Not of the paper's net and input, which the table above is for."
Cells = Mapping[str, GridCell | None]


@dataclass(frozen=True)
class Place:
    """A cell of a table by bands: whose people it is about, and where the paper prints it."""

    bands: Mapping[str, str]
    printed_row: PaperRow
    printed_column: str


def place_of(paper: PaperTable, row: PaperRow, column: str) -> Place:
    """column: a band of joints or `all`, with a method's letter where the table has several methods."""
    joints, space, letter = column.partition(" ")
    if row.name in SIZE_ROWS:
        return Place({"joints": joints, "size": SIZE_ROWS[row.name]}, row, column)
    names = TABLE_9_ROWS if paper.number == 9 else OCCLUSION_ROWS
    occlusion = names.get(row.name, "all")
    if paper.number not in INTERCHANGED:
        return Place({"joints": joints, "occlusion": occlusion}, row, column)
    printed_name = {JOINTS[place]: name for place, name in enumerate(names)}.get(joints, "all")
    printed_column = JOINTS[OCCLUSIONS.index(occlusion)] if occlusion in OCCLUSIONS else "all"
    return Place(
        {"joints": joints, "occlusion": occlusion}, paper.row(printed_name), f"{printed_column}{space}{letter}"
    )


def epe_table(paper: PaperTable, context: Context) -> list[PaperComparison]:
    """Tables 1, 9 and 12: EPE over people of two or three methods by bands; without all of its own one near it too."""
    own: Cells = {letter: context.own(row) for letter, row in paper.cells.items()}
    tables = [_epe_comparison(paper, context, own)]
    if all(cell and cell.finished for cell in own.values()):
        return tables
    cells: Cells = {letter: context.near(row, any_size=True) for letter, row in paper.cells.items()}
    known = [cell for cell in cells.values() if cell and all(cell is not each for each in own.values())]
    names = dict.fromkeys(net_of(cell, [best_boxes(cell, USUAL_BOXES)]) for cell in known)
    return [*tables, _epe_comparison(paper, context, cells, " and ".join(names))] if known else tables


def _epe_comparison(paper: PaperTable, context: Context, cells: Cells, near: str = "") -> PaperComparison:
    """near: of what the cells are, where they are not the paper's; its numbers are then not set beside them."""
    rows = tuple(
        EntryRow(
            f"{row.key}, near: {near}" if near else row.key,
            (row.name,),
            tuple(_epe(paper, row, column, cells[column.name[-1]], near) for column in paper.columns),
            near,
            _recipes(paper, cells),
        )
        for row in paper.rows
    )
    turned = "The labels of the lower half are turned back. " if paper.number == 1 else ""
    turned = "The labels are turned back. " if paper.number == 9 else turned
    note = f"{NEAR_NOTE} " * bool(near) + f"{EPE_NOTE} {turned}{BANDS_NOTE}"
    return PaperComparison(
        paper,
        context.dataset,
        ("Size, % hidden" if paper.number == 1 else "Hidden joints",),
        rows,
        context.caption(paper.title, list(cells.values()), note),
        context.remarks,
        () if near else filling_commands(paper, missing=None in cells.values()),
        people_below=True,
        near=near,
    )


def _recipes(paper: PaperTable, cells: Cells) -> str:
    """In what the cells were trained otherwise than the paper's, each method's own behind its letter."""
    found = {letter: differences(cell.spec, paper.cells[letter]) for letter, cell in cells.items() if cell}
    shared = [each for each in next(iter(found.values()), ()) if all(each in other for other in found.values())]
    alone = {letter: [each for each in own if each not in shared] for letter, own in found.items()}
    words = [f"{letter}: {', '.join(own)}" for letter, own in alone.items() if own]
    return recipe_note((*shared, *words))


def _epe(paper: PaperTable, row: PaperRow, column: PaperColumn, cell: GridCell | None, near: str) -> Entry:
    place = place_of(paper, row, column.name)
    entry = Entry(column, None)
    if not near:
        printed = paper.value(place.printed_row, place.printed_column)
        entry = Entry(column, printed, slips=paper.slips_of(place.printed_row, place.printed_column))
    boxes = best_boxes(cell, USUAL_BOXES) if cell else USUAL_BOXES
    digests = cell.digests_in(boxes) if cell else []
    if cell is None or not digests:
        return replace(entry, state=why_missing(cell, needs_records=True))
    found = digest_value(lambda digest: digest.epe_of_people(digest.in_bands(**place.bands)))(cell, boxes)
    people = int(digests[0].in_bands(**place.bands).sum())
    return replace(entry, ours=found, people=people, state="" if found else NOBODY)


def count_table(paper: PaperTable, context: Context) -> list[PaperComparison]:
    """Tables 10 and 11: how many people are in the cells."""
    rows = tuple(
        EntryRow(row.key, (row.name,), tuple(_count(paper, row, column, context) for column in paper.columns))
        for row in paper.rows
    )
    # One trial stands for all, as everyone evaluates the same people.
    one = [replace(cell, trials=cell.finished[:1]) for cell in context.cells if cell.digests][:1]
    comparison = PaperComparison(
        paper,
        context.dataset,
        ("Size" if paper.number == 10 else "Hidden joints",),
        rows,
        context.caption(paper.title, one, f"In brackets shares of all. {BANDS_NOTE}"),
        context.remarks,
        filling_commands(paper, missing=not context.cells),
        people_below=True,
    )
    return [comparison]


def _count(paper: PaperTable, row: PaperRow, column: PaperColumn, context: Context) -> Entry:
    printed = paper.value(row, column.name)
    factor, names = ("size", SIZE_ROWS) if paper.number == 10 else ("occlusion", OCCLUSION_ROWS)
    entry = Entry(column, printed, slips=paper.slips_of(row, column.name))
    digest = context.digest
    if digest is None:
        finished = any(cell.finished for cell in context.cells)
        return replace(entry, state=NO_RECORDS if finished else NOT_RUN)
    bands = {"joints": column.name, factor: names.get(row.name, "all")}
    count = int(digest.in_bands(**bands).sum())
    total, all_printed = max(digest.people, 1), paper.value(paper.rows[-1], "all") or 1
    shares = f"{100 * count / total:.1f} %, paper {100 * (printed or 0) / all_printed:.1f} %"
    return replace(entry, ours=Measured(count, None, 0), remark=f"({shares})")
