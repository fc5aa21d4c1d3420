"""Table 7 of the paper: EPE of hands over their visible and their hidden joints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from heatmark.datasets.rhd import DELTA_MM
from heatmark.reports.comparing.cells import GridCell, measured
from heatmark.reports.paper.context import Context, best_boxes, net_of, size_of, why_missing
from heatmark.reports.paper.entries import Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.printed import USUAL_BOXES, PaperRow, PaperTable
from heatmark.reports.paper.recipe import differences, recipe_note
from heatmark.reports.reading.digest import HIDDEN, VISIBLE, Digest
from heatmark.reports.reading.evidence import digest_near

FINAL_NAMES = {"all": "EPE", "v = 1": "EPE/visible", "v = 0": "EPE/occluded"}
SAME_EPE_ROW = "Detection (30 epochs)"


def visibility_table(paper: PaperTable, context: Context) -> list[PaperComparison]:
    """EPE over visible and over hidden joints, of detection also where it was no better than IPR."""
    own = {row.key: context.own(row) for row in paper.rows}
    near = {row.key: context.near(row) for row in paper.rows if not _finished(own[row.key])}
    near = {key: cell for key, cell in near.items() if cell and cell is not own[key]}
    rows = []
    for row in paper.rows:
        rows.append(_row(paper, row, own[row.key], _ipr(paper, own)))
        if row.key in near:
            rows.append(_row(paper, row, near[row.key], _ipr(paper, near), near=True))
    used = [*own.values(), *near.values()]
    note = (
        f"EPE is over joints; v by Eq. 27: a joint is hidden where the depth map is {_delta(used)} or more away from "
        "it. Detection (30 epochs) is, of ours, where its EPE is nearest to IPR's, as it was in print."
    )
    comparison = PaperComparison(
        paper,
        context.dataset,
        ("Method", "Net", "Epoch"),
        tuple(rows),
        context.caption(paper.title, used, note),
        context.remarks,
        filling_commands(paper, missing=None in own.values()),
    )
    return [comparison]


def _finished(cell: GridCell | None) -> bool:
    return cell is not None and bool(cell.finished)


def _ipr(paper: PaperTable, cells: dict[str, GridCell | None]) -> GridCell | None:
    return next((cells.get(row.key) for row in paper.rows if row.method == "ipr"), None)


def _row(
    paper: PaperTable, row: PaperRow, cell: GridCell | None, ipr: GridCell | None, *, near: bool = False
) -> EntryRow:
    """ipr: of the same net, whose error detection is looked up by."""
    boxes = best_boxes(cell, USUAL_BOXES) if cell else USUAL_BOXES
    digests, net = (cell.digests_in(boxes) if cell else []), f"{row.backbone}, {size_of(row.input)}"
    if row.name == SAME_EPE_ROW and cell is not None:
        digests = _digests_at_same_epe(cell, ipr)
    entries = tuple(_visible(paper, row, column.name, cell, digests) for column in paper.columns)
    epochs = ", ".join(dict.fromkeys(str(digest.epoch) for digest in digests)) or "–"
    recipe = recipe_note(differences(cell.spec, row)) if cell else ""
    if not near or cell is None:
        return EntryRow(row.key, (row.name, net, epochs), entries, recipe=recipe)
    net = net_of(cell, [boxes])
    entries = tuple(replace(entry, paper=None, slips=()) for entry in entries)
    label = f"{cell.label}, at IPR's EPE" if row.name == SAME_EPE_ROW else cell.label
    return EntryRow(f"{row.key}, near: {label}, {net}", (f"near: {label}", net, epochs), entries, net, recipe)


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


def _visible(paper: PaperTable, row: PaperRow, name: str, cell: GridCell | None, digests: list[Digest]) -> Entry:
    found = measured([_mean_of(digest, name) for digest in digests])
    people = len(digests[0]) if found else None
    if found is None and cell is not None and row.name != SAME_EPE_ROW:
        # Evaluations name these numbers themselves.
        found = cell.final(FINAL_NAMES[name], best_boxes(cell, USUAL_BOXES))
    printed, slips = paper.value(row, name), paper.slips_of(row, name)
    return Entry(paper.column(name), printed, found, "" if found else why_missing(cell, True), people, slips)


def _mean_of(digest: Digest, column: str) -> float | None:
    part = {"v = 1": VISIBLE, "v = 0": HIDDEN}.get(column, "all")
    _, error_sum_N, joint_count_N = digest.part(part)
    count = float(joint_count_N.sum())
    return float(error_sum_N.sum()) / count if count else None
