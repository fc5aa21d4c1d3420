"""Tables 2 to 6 and 8 of the paper: one row per method, numbers of the whole set and of its easy and hard people."""

from __future__ import annotations

from dataclasses import replace

from heatmark.datasets.subsets import INTERSECTION, OCCLUDED
from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.paper.context import (
    Context,
    Value,
    best_boxes,
    digest_value,
    final_value,
    net_of,
    size_of,
    why_missing,
)
from heatmark.reports.paper.entries import ABOVE, NOT_PRINTED, NOT_RUN, PUBLISHED, Entry, EntryRow, PaperComparison
from heatmark.reports.paper.match import filling_commands
from heatmark.reports.paper.printed import PaperRow, PaperTable
from heatmark.reports.paper.recipe import differences, recipe_note
from heatmark.reports.reading.digest import DIFFICULTY_WORDS
from heatmark.reports.rendering.table import MISSING

TEST_DEV, SCORED_BY_SERVER, NOT_SCORED = 4, ("AP", "AR"), "not scored"
EASY_MEDIUM, HARD = ("easy", "medium"), ("hard",)
FINAL: dict[str, Value] = {
    "AP": final_value("AP", 100),
    "EPE": final_value("EPE"),
    "PCKh@0.5": final_value("PCKh@0.5", 100),
    "AUC 2D": final_value("AUC@0-30px", 100),
    "AUC 3D": final_value("AUC@20-50mm", 100),
    "EPE 2D": final_value("EPE"),
    "EPE 3D": final_value("EPE mm"),
    # Of Table 4: what a net is, where AP and AR are the server's.
    "Parameters": lambda cell, _: _parameters(cell),
}


def _by(definition: str) -> dict[str, Value]:
    """The columns about easy, medium and hard people by one definition of them."""
    return {
        "AP e/m": digest_value(lambda found: found.ap(found.of_difficulty(*EASY_MEDIUM, definition=definition)), 100),
        "AP h": digest_value(lambda found: found.ap(found.of_difficulty(*HARD, definition=definition)), 100),
        "A(2) e/m": digest_value(
            lambda found: found.softmax_activation(found.of_difficulty(*EASY_MEDIUM, definition=definition))
        ),
        "A(2) h": digest_value(
            lambda found: found.softmax_activation(found.of_difficulty(*HARD, definition=definition))
        ),
        "EPE over people hard": digest_value(
            lambda found: found.epe_of_people(found.of_difficulty(*HARD, definition=definition))
        ),
    }


# What the paper averages over people: Table 12's cells weighted by Table 11's counts give 8.35, 8.29 and 7.89 px so,
# and 6.74, 6.90 and 6.52 over joints; Table 3 prints 8.21, 8.28 and 7.82 (sums: tests/reports/test_paper_tables.py).
RECORDED: dict[str, Value] = {
    **_by(OCCLUDED),
    "EPE over people": digest_value(lambda found: found.epe_of_people(found.everyone_N)),
}
NARROW = _by(INTERSECTION)
# The same of the weights that each method reads with.
AS_READ: dict[str, Value] = {
    "A(2) e/m": digest_value(lambda found: found.activation(found.of_difficulty(*EASY_MEDIUM))),
    "A(2) h": digest_value(lambda found: found.activation(found.of_difficulty(*HARD))),
}
A_NOTE = (
    "A(2) is the share of a map within 2 pixels of the joint (Eq. 26): of softmax(β h) (Eq. 3), which the paper takes "
    "for detection too (footnote 3), at β 10 where a method has none; under it, as read: of the weights that the "
    "method reads with."
)
NARROW_NOTE = (
    f"{DIFFICULTY_WORDS} That fits the hard EPE that the paper prints; after ∩ the same of those who are it by joints, "
    "size and occlusion at once, as section 7.2.1 can be read too."
)
TEST_DEV_PROTOCOL = "The paper: COCO test-dev."
OVER_PEOPLE_NOTE = (
    "EPE over people is the mean over people of each one's mean over labelled joints, as the paper's EPE is; EPE, as "
    "everywhere else in this report, is over joints, and lower, as people with few labels are harder."
)
NEAR_NOTE = "A row that begins with near is of another net, input or boxes than the paper's row above it."
NOTES = {
    2: "AP e/m and AP h are over the easy and medium, and over the hard people alone, each prediction matched with its "
    f"own person. {NARROW_NOTE} {A_NOTE}",
    TEST_DEV: "COCO's test-dev annotations are not public: its server scores a results file, which heatmark predict "
    "RUN test2017 --boxes DETECTIONS writes. The command below trains the net that it takes.",
    3: OVER_PEOPLE_NOTE,
    5: "EPE is over all 16 joints.",
    6: f"{OVER_PEOPLE_NOTE} {NARROW_NOTE} {A_NOTE}",
    8: "AUC 2D over 0-30 px, AUC 3D over 20-50 mm, both with hand3d's trapezoids; EPE is over joints; ours are nets "
    "that learn 2.5D.",
}


def method_table(paper: PaperTable, context: Context) -> list[PaperComparison]:
    """A table with a row for each method and net, and metrics as columns; near ones stand below the paper's rows."""
    rows = [row for each in paper.rows for row in _rows(paper, each, context)]
    missing = any(entry.state == NOT_RUN for row in rows if not row.near for entry in row.entries)
    heads = ["Method", "Type", "Net"]
    shown = [place for place in range(3) if place == 0 or any(row.heads[place] != MISSING for row in rows)]
    rows = [replace(row, heads=tuple(row.heads[place] for place in shown)) for row in rows]
    runnable = [row for row in paper.rows if not row.published]
    used = [cell for row in runnable for cell in (*_own(paper, row, context).values(), _near(paper, row, context))]
    note = f"{NOTES.get(paper.number, '')} {NEAR_NOTE if any(row.near for row in rows) else ''}".strip()
    protocol = TEST_DEV_PROTOCOL if paper.number == TEST_DEV else ""
    return [
        PaperComparison(
            paper,
            context.dataset,
            tuple(heads[place] for place in shown),
            tuple(rows),
            context.caption(paper.title, used, note, protocol, {paper.boxes_of(each.name) for each in paper.columns}),
            context.remarks,
            filling_commands(paper, missing=missing),
        )
    ]


def _own(paper: PaperTable, row: PaperRow, context: Context) -> dict[str, GridCell | None]:
    """By column the cell of the row's own net, in the column's own boxes; empty for other authors' work."""
    if row.published:
        return {}
    return {column.name: context.own(row, paper.boxes_of(column.name)) for column in paper.columns}


def _near(paper: PaperTable, row: PaperRow, context: Context) -> GridCell | None:
    """None where the row's own cells have all columns; test-dev has none near it."""
    if row.published or paper.number == TEST_DEV or all(_finished(cell) for cell in _own(paper, row, context).values()):
        return None
    return context.near(row)


def _finished(cell: GridCell | None) -> bool:
    return cell is not None and bool(cell.finished)


def _rows(paper: PaperTable, row: PaperRow, context: Context) -> list[EntryRow]:
    own = _own(paper, row, context)
    entries = tuple(_entry(paper, row, column.name, context, own.get(column.name)) for column in paper.columns)
    net = ", ".join(part for part in (row.printed_backbone or row.backbone, size_of(row.input)) if part)
    heads = (row.name, row.type or MISSING, net or MISSING)
    rows = [EntryRow(row.key, heads, entries, recipe=_recipe(row, list(own.values())))]
    near = _near(paper, row, context)
    among_own = any(cell is near for cell in own.values())
    if near is None or (among_own and not near.finished):
        return rows
    boxes = {column.name: best_boxes(near, paper.boxes_of(column.name)) for column in paper.columns}
    entries = tuple(_near_entry(paper, row, column.name, context, near) for column in paper.columns)
    entries = tuple(
        replace(entry, ours=None, people=None, remark="", state=ABOVE, intersection=None)
        if own[entry.column.name] is near
        else entry
        for entry in entries
    )
    used = [boxes[entry.column.name] for entry in entries if entry.state != ABOVE]
    name = net_of(near, used)
    heads = (f"near: {near.label}", row.type or MISSING, name)
    return [*rows, EntryRow(f"{row.key}, near: {near.label}, {name}", heads, entries, name, _recipe(row, [near]))]


def _recipe(row: PaperRow, cells: list[GridCell | None]) -> str:
    found = [differences(cell.spec, row) for cell in cells if cell and cell.finished]
    return recipe_note(tuple(dict.fromkeys(each for one in found for each in one)))


def _entry(paper: PaperTable, row: PaperRow, name: str, context: Context, cell: GridCell | None) -> Entry:
    printed = paper.value(row, name)
    entry = Entry(paper.column(name), printed, slips=paper.slips_of(row, name) if printed is not None else ())
    if row.published:
        return replace(entry, state=PUBLISHED if printed is not None else NOT_PRINTED)
    if paper.number == TEST_DEV and name in SCORED_BY_SERVER:
        return replace(entry, state=NOT_SCORED if context.own(row) else NOT_RUN)
    base = _base(paper, row, name)
    if name.endswith(" gain"):
        below = context.own(base, paper.boxes_of(name)) if base else None
        return _gain(entry, base, (cell, below), paper.boxes_of(name))
    return _filled(entry, cell, paper.boxes_of(name))


def _near_entry(paper: PaperTable, row: PaperRow, name: str, context: Context, cell: GridCell) -> Entry:
    """Without the paper's number, which is of another net, input or boxes."""
    entry, boxes = Entry(paper.column(name), None), best_boxes(cell, paper.boxes_of(name))
    base = _base(paper, row, name)
    if not name.endswith(" gain"):
        return _filled(entry, cell, boxes)
    alike = (cell.spec.backbone, cell.spec.data.input_size)
    below = context.near(base) if base else None
    if below is not None and (below.spec.backbone, below.spec.data.input_size) != alike:
        below = None
    return _gain(entry, base, (cell, below), boxes)


def _filled(entry: Entry, cell: GridCell | None, boxes: str) -> Entry:
    name = entry.column.name
    found = _value(name, cell, boxes)
    if found is None or cell is None:
        return replace(entry, state=why_missing(cell, name in RECORDED))
    narrow = NARROW[name](cell, boxes) if name in NARROW else None
    return replace(
        entry,
        ours=found,
        people=_people(name, cell, boxes, OCCLUDED),
        remark=_as_read(name, cell, boxes),
        intersection=narrow,
        intersection_people=_people(name, cell, boxes, INTERSECTION) if narrow else None,
    )


def _as_read(name: str, cell: GridCell, boxes: str) -> str:
    """A further line of A(s)."""
    found = AS_READ[name](cell, boxes) if name in AS_READ else None
    return f"as read {found.value:.2f}" if found else ""


def _value(name: str, cell: GridCell | None, boxes: str) -> Measured | None:
    known = FINAL | RECORDED
    return known[name](cell, boxes) if cell and name in known else None


def _parameters(cell: GridCell) -> Measured | None:
    """In millions."""
    found = [trial.result.parameters for trial in cell.finished if trial.result]
    return Measured(found[0] / 1e6, None, len(found)) if found else None


def _people(name: str, cell: GridCell, boxes: str, definition: str) -> int | None:
    """How many people a number is over, where records tell."""
    digests = cell.digests_in(boxes)
    if not digests:
        return None
    names = EASY_MEDIUM if name.endswith("e/m") else HARD if name.endswith((" h", "hard")) else ()
    return int(digests[0].of_difficulty(*names, definition=definition).sum()) if names else digests[0].people


def _base(paper: PaperTable, row: PaperRow, name: str) -> PaperRow | None:
    """The row that a printed gain is over; None for rows without one."""
    gains = [column.name for column in paper.columns if column.name.endswith(" gain")]
    place = gains.index(name) if name in gains else len(row.gain_over)
    if place >= len(row.gain_over):
        return None
    return next(each for each in paper.rows if (each.method, each.backbone) == (row.gain_over[place], row.backbone))


def _gain(entry: Entry, base: PaperRow | None, pair: tuple[GridCell | None, GridCell | None], boxes: str) -> Entry:
    """Ours over the same method as the printed gain; rows without a printed gain have none."""
    if base is None:
        return replace(entry, state=NOT_PRINTED)
    name, (cell, below) = entry.column.name.removesuffix(" gain"), pair
    ours, less = _value(name, cell, boxes), _value(name, below, boxes)
    if ours is None or less is None:
        return replace(entry, state=why_missing(cell if ours is None else below, name in RECORDED))
    found = Measured(ours.value - less.value, None, min(ours.seeds, less.seeds))
    people = _people(name, cell, boxes, OCCLUDED) if cell else None
    return replace(entry, ours=found, people=people, remark=f"over {base.method}")
