"""Tables 13 to 15 of the paper: which Gaussian the maps of hard, medium and easy people resemble."""

from __future__ import annotations

from dataclasses import replace

from heatmark.reports.paper.context import Context, digest_value, why_missing
from heatmark.reports.paper.entries import NOBODY, Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.printed import METHOD_LETTERS, PaperColumn, PaperRow, PaperTable
from heatmark.reports.reading.digest import Digest

DIFFICULTY = {13: "hard", 14: "medium", 15: "easy"}
BACKBONE, INPUT = "sbl-r50", (192, 256)
NOTE = (
    "Mean over people; the lowest number is the best match. R is integral regression, its maps taken through "
    "softmax(β h) (Eq. 3); D is detection, its maps the positive part over its sum (footnote 3 has Eq. 3 for it too, "
    "but the A(s) that the paper prints fit the positive part better). n is the number of people."
)


def chi_square_table(paper: PaperTable, context: Context) -> PaperComparison:
    """Tables 13 to 15: how far heatmaps are from Gaussians."""
    letters = ("R", "D")
    cells = {letter: context.method_cell(METHOD_LETTERS[letter], BACKBONE) for letter in letters}
    rows = []
    for row in paper.rows:
        entries = tuple(_entry(paper, row, column, context) for column in paper.columns)
        rows.append(EntryRow(row.key, (f"s = {row.name}",), entries))
    missing = [
        PaperRow(
            METHOD_LETTERS[letter],
            (),
            method=METHOD_LETTERS[letter],
            beta=10.0 if letter == "R" else None,
            backbone=BACKBONE,
            input=INPUT,
        )
        for letter in letters
        if cells[letter] is None
    ]
    return PaperComparison(
        paper,
        context.dataset,
        ("Window",),
        tuple(rows),
        context.caption(paper.title, list(cells.values()), NOTE),
        context.remarks,
        filling_commands(paper.number, context.format, missing),
        people_below=True,
    )


def _entry(paper: PaperTable, row: PaperRow, column: PaperColumn, context: Context) -> Entry:
    letter, _, sigma = column.name.split()
    cell = context.method_cell(METHOD_LETTERS[letter], BACKBONE)
    difficulty, window = DIFFICULTY[paper.number], int(row.name)
    entry = Entry(column, paper.value(row, column.name), slips=paper.slips_of(row, column.name))
    if cell is None or not cell.digests:
        return replace(entry, state=why_missing(cell, needs_records=True))
    found = digest_value(lambda digest: _mean(digest, difficulty, window, float(sigma)))(cell)
    people = int(cell.digests[0].of_difficulty(difficulty).sum())
    return replace(entry, ours=found, people=people, state="" if found else NOBODY)


def _mean(digest: Digest, difficulty: str, window: int, sigma: float) -> float | None:
    if window not in digest.windows or sigma not in digest.sigmas or not (digest.difficulty_N == difficulty).any():
        return None
    value = float(digest.chi_square[difficulty][digest.windows.index(window), digest.sigmas.index(sigma)])
    return None if value != value else value
