"""Tables 1, 7 and 9 to 12 of the paper: people by joints, size and occlusion, and the EPE of methods on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from heatmark.datasets.rhd import DELTA_MM
from heatmark.reports.comparing.cells import GridCell, Measured, measured
from heatmark.reports.paper.context import Context, digest_value, why_missing
from heatmark.reports.paper.entries import NO_RECORDS, NOBODY, NOT_RUN, Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.printed import METHOD_LETTERS, PaperColumn, PaperRow, PaperTable
from heatmark.reports.reading.digest import HIDDEN, VISIBLE, Digest
from heatmark.reports.reading.evidence import digest_near

JOINTS = ("1-5", "6-10", "11-17")
OCCLUSIONS = ("high", "middle", "low")
# The bands behind the printed names of rows.
SIZE_ROWS = {"32²-64²": "32-64", "64²-96²": "64-96", "96²-128²": "96-128", "128² and more": ">128"}
OCCLUSION_ROWS = {"> 50 %": "high", "10-50 %": "middle", "< 10 %": "low"}
TABLE_9_ROWS = {"many occ": "high", "some occ": "middle", "few occ": "low"}
BACKBONE = {1: "sbl-r50", 7: "sbl-r50", 9: "hrnet-w32", 12: "sbl-r50"}
# Whose rows and columns are interchanged in print: ours stand where the labels are true.
INTERCHANGED: Mapping[int, Mapping[str, str]] = {1: OCCLUSION_ROWS, 9: TABLE_9_ROWS}
EPE_NOTE = (
    "EPE is the mean over people of each one's mean over labelled joints, as the paper's totals follow from its cells; "
    "n is the number of people."
)
BANDS_NOTE = "Size is the root of the segment's area, occlusion is cut at 20 % and 50 %, as the paper's counts are."
FINAL_NAMES = {"all": "EPE", "v = 1": "EPE/visible", "v = 0": "EPE/occluded"}
SAME_EPE_ROW = "Detection (30 epochs)"


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


def epe_table(paper: PaperTable, context: Context) -> PaperComparison:
    """Tables 1, 9 and 12: EPE of two or three methods by bands."""
    backbone = BACKBONE[paper.number]
    cells = {letter: context.method_cell(method, backbone) for letter, method in METHOD_LETTERS.items()}
    letters = list(dict.fromkeys(column.name[-1] for column in paper.columns))
    rows = tuple(
        EntryRow(row.key, (row.name,), tuple(_epe(paper, row, column, cells) for column in paper.columns))
        for row in paper.rows
    )
    missing = [_paper_row(METHOD_LETTERS[letter], backbone) for letter in letters if cells[letter] is None]
    turned = "The labels of the lower half are turned back. " if paper.number == 1 else ""
    turned = "The labels are turned back. " if paper.number == 9 else turned
    return PaperComparison(
        paper,
        context.dataset,
        ("Size, % hidden" if paper.number == 1 else "Hidden joints",),
        rows,
        context.caption(paper.title, [cells[letter] for letter in letters], f"{EPE_NOTE} {turned}{BANDS_NOTE}"),
        context.remarks,
        filling_commands(paper.number, context.format, missing),
        people_below=True,
    )


def _paper_row(method: str, backbone: str) -> PaperRow:
    beta = None if method == "detection" else 10.0
    return PaperRow(method, (), method=method, beta=beta, backbone=backbone, input=(192, 256))


def _epe(paper: PaperTable, row: PaperRow, column: PaperColumn, cells: Mapping[str, GridCell | None]) -> Entry:
    place, cell = place_of(paper, row, column.name), cells[column.name[-1]]
    printed = paper.value(place.printed_row, place.printed_column)
    entry = Entry(column, printed, slips=paper.slips_of(place.printed_row, place.printed_column))
    if cell is None or not cell.digests:
        return replace(entry, state=why_missing(cell, needs_records=True))
    found = digest_value(lambda digest: digest.epe_of_people(digest.in_bands(**place.bands)))(cell)
    people = int(cell.digests[0].in_bands(**place.bands).sum())
    return replace(entry, ours=found, people=people, state="" if found else NOBODY)


def count_table(paper: PaperTable, context: Context) -> PaperComparison:
    """Tables 10 and 11: how many people are in the cells."""
    rows = tuple(
        EntryRow(row.key, (row.name,), tuple(_count(paper, row, column, context) for column in paper.columns))
        for row in paper.rows
    )
    # One trial stands for all, as everyone evaluates the same people.
    one = [replace(cell, trials=cell.finished[:1]) for cell in context.cells if cell.digests][:1]
    everyone = [_paper_row("detection", "sbl-r50")]
    return PaperComparison(
        paper,
        context.dataset,
        ("Size" if paper.number == 10 else "Hidden joints",),
        rows,
        context.caption(paper.title, one, f"In brackets shares of all. {BANDS_NOTE}"),
        context.remarks,
        () if context.cells else filling_commands(paper.number, context.format, everyone),
        people_below=True,
    )


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
    total, all_printed = max(len(digest), 1), paper.value(paper.rows[-1], "all") or 1
    shares = f"{100 * count / total:.1f} %, paper {100 * (printed or 0) / all_printed:.1f} %"
    return replace(entry, ours=Measured(count, None, 0), remark=f"({shares})")


def visibility_table(paper: PaperTable, context: Context) -> PaperComparison:
    """Table 7: EPE over visible and over hidden joints, of detection also where it was no better than IPR."""
    cells = {row.key: context.cell(row) for row in paper.rows}
    ipr = next(cells[row.key] for row in paper.rows if row.method == "ipr")
    rows = []
    for row in paper.rows:
        cell = cells[row.key]
        digests, name = (cell.digests if cell else []), row.name
        if row.name == SAME_EPE_ROW and cell is not None:
            digests = _digests_at_same_epe(cell, ipr)
            name = "Detection at IPR's EPE (paper: 30 epochs)"
        entries = tuple(_visible(paper, row, column, cell, digests) for column in paper.columns)
        epochs = ", ".join(dict.fromkeys(str(digest.epoch) for digest in digests))
        rows.append(EntryRow(row.key, (name, epochs or "–", cell.spec.backbone if cell else "–"), entries))
    missing = [row for row in paper.rows if cells[row.key] is None]
    note = (
        f"EPE is over joints; v by Eq. 27: a joint is hidden where the depth map is {_delta(cells.values())} or more "
    )
    note += "away from it."
    return PaperComparison(
        paper,
        context.dataset,
        ("Method", "Epoch", "Ours"),
        tuple(rows),
        context.caption(paper.title, list(cells.values()), note),
        context.remarks,
        filling_commands(paper.number, context.format, missing),
    )


def _delta(cells: Iterable[GridCell | None]) -> str:
    """Eq. 27's, of ours; the paper's where it is another."""
    ours = sorted({cell.spec.data.delta_mm for cell in cells if cell}) or [DELTA_MM]
    words = " or ".join(f"{delta:g} mm" for delta in ours)
    return words if ours == [DELTA_MM] else f"{words} (the paper: {DELTA_MM:g} mm)"


def _digests_at_same_epe(detection: GridCell, ipr: GridCell | None) -> list[Digest]:
    """For each seed of detection the evaluation that comes nearest to IPR's final EPE."""
    target = ipr.final("EPE") if ipr else None
    if target is None:
        return []
    found = (digest_near(trial, target.value) for trial in detection.finished)
    return [digest for digest in found if digest is not None]


def _visible(
    paper: PaperTable, row: PaperRow, column: PaperColumn, cell: GridCell | None, digests: list[Digest]
) -> Entry:
    found = measured([_mean_of(digest, column.name) for digest in digests])
    people = len(digests[0]) if found else None
    if found is None and cell is not None and row.name != SAME_EPE_ROW:
        # Evaluations name these numbers themselves.
        found = cell.final(FINAL_NAMES[column.name])
    printed, slips = paper.value(row, column.name), paper.slips_of(row, column.name)
    return Entry(column, printed, found, "" if found else why_missing(cell, True), people, slips)


def _mean_of(digest: Digest, column: str) -> float | None:
    part = {"v = 1": VISIBLE, "v = 0": HIDDEN}.get(column, "all")
    _, error_sum_N, joint_count_N = digest.part(part)
    count = float(joint_count_N.sum())
    return float(error_sum_N.sum()) / count if count else None
