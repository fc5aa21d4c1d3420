"""Tables 13 to 15 of the paper: which Gaussian the maps of hard, medium and easy people resemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from heatmark.datasets.subsets import INTERSECTION, OCCLUDED
from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.paper.context import Context, best_boxes, digest_value, net_of, size_of, why_missing
from heatmark.reports.paper.entries import NOBODY, Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.methods import NARROW_NOTE
from heatmark.reports.paper.printed import USUAL_BOXES, PaperColumn, PaperRow, PaperTable
from heatmark.reports.paper.recipe import differences, recipe_note
from heatmark.reports.reading.digest import Digest

DIFFICULTY = {13: "hard", 14: "medium", 15: "easy"}
NOTE = (
    "Mean over people; the lowest number is the best match. R is integral regression, its maps taken through "
    "softmax(β h) (Eq. 3); D is detection, its maps the positive part over its sum (footnote 3 has Eq. 3 for it too, "
    f"but the A(s) that the paper prints fit the positive part better). n is the number of people. {NARROW_NOTE}"
)
Cells = Mapping[str, GridCell | None]


def chi_square_table(paper: PaperTable, context: Context) -> list[PaperComparison]:
    """How far heatmaps are from Gaussians; below it, where the paper's own net was not run, those of one near it."""
    own: Cells = {letter: context.own(row) for letter, row in paper.cells.items()}
    whose = next(iter(paper.cells.values()))
    rows = [_row(paper, row, own, f"s = {row.name}, {whose.backbone}, {size_of(whose.input)}") for row in paper.rows]
    near: Cells = {}
    if not all(cell and cell.finished for cell in own.values()):
        near = {letter: context.near(row, any_size=True) for letter, row in paper.cells.items()}
        known = [cell for cell in near.values() if cell and all(cell is not each for each in own.values())]
        name = " and ".join(dict.fromkeys(net_of(cell, [best_boxes(cell, USUAL_BOXES)]) for cell in known))
        rows += [_row(paper, row, near, f"near: s = {row.name}, {name}", name) for row in paper.rows if known]
    comparison = PaperComparison(
        paper,
        context.dataset,
        ("Window",),
        tuple(rows),
        context.caption(paper.title, [*own.values(), *near.values()], NOTE),
        context.remarks,
        filling_commands(paper, missing=None in own.values()),
        people_below=True,
    )
    return [comparison]


def _row(paper: PaperTable, row: PaperRow, cells: Cells, head: str, near: str = "") -> EntryRow:
    entries = tuple(_entry(paper, row, column, cells[column.name[0]]) for column in paper.columns)
    if near:
        entries = tuple(replace(entry, paper=None, slips=()) for entry in entries)
    found = (each for letter, cell in cells.items() if cell for each in differences(cell.spec, paper.cells[letter]))
    key = f"{row.key}, near: {near}" if near else row.key
    return EntryRow(key, (head,), entries, near, recipe_note(tuple(dict.fromkeys(found))))


def _entry(paper: PaperTable, row: PaperRow, column: PaperColumn, cell: GridCell | None) -> Entry:
    difficulty, sigma = DIFFICULTY[paper.number], float(column.name.split()[-1])
    entry = Entry(column, paper.value(row, column.name), slips=paper.slips_of(row, column.name))
    boxes = best_boxes(cell, USUAL_BOXES) if cell else USUAL_BOXES
    digests = cell.digests_in(boxes) if cell else []
    if cell is None or not digests:
        return replace(entry, state=why_missing(cell, needs_records=True))

    def by(definition: str) -> tuple[Measured | None, int]:
        value = digest_value(lambda digest: _mean(digest, definition, difficulty, (int(row.name), sigma)))
        return value(cell, boxes), int(digests[0].of_difficulty(difficulty, definition=definition).sum())

    (found, people), (narrow, narrow_people) = by(OCCLUDED), by(INTERSECTION)
    state = "" if found else NOBODY
    return replace(
        entry, ours=found, people=people, state=state, intersection=narrow, intersection_people=narrow_people
    )


def _mean(digest: Digest, definition: str, difficulty: str, template: tuple[int, float]) -> float | None:
    """template: the window and the sigma of the Gaussian."""
    window, sigma = template
    known = window in digest.windows and sigma in digest.sigmas
    if not known or not digest.of_difficulty(difficulty, definition=definition).any():
        return None
    statistic_WG = digest.chi_square[definition][difficulty]
    value = float(statistic_WG[digest.windows.index(window), digest.sigmas.index(sigma)])
    return None if value != value else value
