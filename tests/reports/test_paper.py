"""paper.yaml against the printed tables: counts made by hand from the paper's text, and values looked up there."""

from __future__ import annotations

import pytest

from heatmark.models.backbones import parse_backbone
from heatmark.models.methods import METHODS
from heatmark.reports.paper.printed import PaperTable, paper_tables

# Numbers (dashes left out) counted in the printed tables. Table 3, say: 14 AP, 11 EPE and 4 pairs of gains.
PRINTED = {
    1: 64,
    2: 13,
    3: 33,
    4: 43,
    5: 29,
    6: 36,
    7: 9,
    8: 13,
    9: 32,
    10: 20,
    11: 16,
    12: 27,
    13: 6,
    14: 6,
    15: 9,
}


@pytest.fixture(scope="module")
def tables() -> dict[int, PaperTable]:
    return paper_tables()


def test_every_number_of_every_table_is_there(tables: dict[int, PaperTable]) -> None:
    assert {number: len(list(table.numbers())) for number, table in tables.items()} == PRINTED


@pytest.mark.parametrize(
    ("number", "row", "column", "value"),
    [
        (1, "64²-96²", "1-5 R", 14.80),
        (1, "128² and more", "6-10 D", 13.96),
        (1, "10-50 %", "11-17 R", 7.36),
        (2, "+ L_reg", "A(2) e/m", 0.52),
        (3, "+ BCIR, hrnet-w32, 192x256", "EPE over people", 7.47),
        (3, "+ BCIR, sbl-r152, 288x384", "AP gain", 0.6),
        (4, "Poseur [71]", "AP", 78.8),
        (5, "+ IPR, sbl-r152, 256x256", "EPE", 19.5),
        (6, "+ de-bias", "EPE over people hard", 27.1),
        (7, "Detection (30 epochs)", "v = 0", 2.55),
        (8, "2.5D regression [9]", "EPE 3D", 14.3),
        (9, "few occ", "6-10 R", 7.38),
        (10, "96²-128²", "11-17", 492),
        (11, "< 10 %", "all", 4616),
        (12, "10-50 %", "11-17 S", 6.62),
        (13, "8", "D σ 4", 3.31),
        (14, "4", "R σ 3", 3.65),
        (15, "4", "D σ 2.5", 0.64),
    ],
)
def test_values_as_printed(tables: dict[int, PaperTable], number: int, row: str, column: str, value: float) -> None:
    assert tables[number].value(tables[number].row(row), column) == value


def test_rows_have_unlike_keys_and_name_what_we_can_run(tables: dict[int, PaperTable]) -> None:
    for table in tables.values():
        keys = [row.key for row in table.rows]
        assert len(set(keys)) == len(keys), table.number
        for row in table.rows:
            assert row.method is None or row.method in METHODS
            if row.backbone:
                parse_backbone(row.backbone)


def test_every_slip_concerns_a_cell(tables: dict[int, PaperTable]) -> None:
    for table in tables.values():
        concerned = {
            slip for row in table.rows for column in table.columns for slip in table.slips_of(row, column.name)
        }
        assert concerned == set(range(len(table.slips))), table.number


def test_table_1_row_of_the_copied_total_is_marked(tables: dict[int, PaperTable]) -> None:
    table = tables[1]
    copied = table.slips_of(table.row("96²-128²"), "all D")
    assert any("repeats the row above" in table.slips[index].note for index in copied)


def test_counts_add_up(tables: dict[int, PaperTable]) -> None:
    for number in (10, 11):
        *rows, total = (row.values for row in tables[number].rows)
        assert all(sum(row[:3]) == row[3] for row in rows)  # type: ignore[arg-type]
        assert [sum(column) for column in zip(*rows, strict=True)] == list(total)


@pytest.mark.parametrize(("number", "letter"), [(1, "D"), (1, "R"), (9, "D"), (9, "R")])
def test_the_interchanged_labels_give_the_printed_totals(
    tables: dict[int, PaperTable], number: int, letter: str
) -> None:
    """What the slip of Tables 1 and 9 claims: with joints as rows, Table 11's counts weigh cells to the totals."""
    counts = {(row.name, column): tables[11].value(row, column) for row in tables[11].rows for column in JOINTS}
    table = tables[number]
    rows = dict(zip(OCCLUSIONS, [row for row in table.rows if row.name in (*OCCLUSIONS, *TABLE_9_ROWS)], strict=True))
    for occlusion, joints in zip(OCCLUSIONS, ("1-5", "6-10", "11-17"), strict=True):
        # The printed row of an occlusion is that of a number of joints, and its columns are the occlusions.
        row = rows[occlusion]
        pairs = zip(("1-5", "6-10", "11-17"), OCCLUSIONS, strict=True)
        cells = [(table.value(row, f"{column} {letter}"), counts[true, joints]) for column, true in pairs]
        mean = sum(value * count for value, count in cells) / sum(count for _, count in cells)  # type: ignore[operator,misc]
        assert mean == pytest.approx(table.value(row, f"all {letter}"), rel=0.03)


JOINTS = ("1-5", "6-10", "11-17")
OCCLUSIONS = ("> 50 %", "10-50 %", "< 10 %")
TABLE_9_ROWS = ("many occ", "some occ", "few occ")
