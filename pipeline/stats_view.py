"""The tables of `heatmark data stats`: the splits of a data set side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Splits = Mapping[str, Mapping[str, Any]]

COUNTS = {"people": "people", "images": "images", "most_people_on_an_image": "most people on an image"}
PERCENTILES = {
    "longest_box_side_px": "longest side of the box, px",
    "labelled_joints_per_person": "labelled joints per person",
}
JOINTS = ("labelled", "hidden")
# The sub-benchmarks of coco, by the tables of the paper.
GRIDS = {"size_by_joints": ("Table 10", "size"), "occlusion_by_joints": ("Table 11", "occlusion")}
KNOWN = (*COUNTS, *PERCENTILES, *JOINTS, "subsets", "notes")


def print_stats(found: Mapping[str, Any], console: Console) -> None:
    """Tables of what `heatmark data stats --json` has, then the notes and whatever else a format tells."""
    splits: Splits = found["splits"]
    _print_line(console, f"{found['root']}: {found['format']}")
    for title, table in (*_of_every_format(splits), *_subsets(splits)):
        if table.row_count:
            _print_line(console, f"\n{title}")
            console.print(table)
    for split, stats in splits.items():
        for name, value in stats.items():
            for line in () if name in KNOWN else _flat(value, f"{split}.{name}"):
                _print_line(console, line)
        for note in stats.get("notes", ()):
            _print_line(console, f"note: {split}: {note}")


def _print_line(console: Console, text: str) -> None:
    """As it is: a title, a path or a note stays one line in a pipe."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _of_every_format(splits: Splits) -> Iterator[tuple[str, Table]]:
    yield "In all", _counts(splits)
    yield "Percentiles", _percentiles(splits)
    yield "Joints, in % of the people", _joints(splits)


def _table(heading: str, columns: Iterable[str]) -> Table:
    table = Table(heading, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _counts(splits: Splits) -> Table:
    table = _table("", splits)
    for key, label in COUNTS.items():
        table.add_row(label, *(f"{stats[key]:,}" for stats in splits.values()))
    return table


def _percentiles(splits: Splits) -> Table:
    """A row for each measure and split. The columns are the percentiles that were counted."""
    parts = list(dict.fromkeys(part for stats in splits.values() for key in PERCENTILES for part in stats[key]))
    table = _table("", ["split", *parts])
    for key, label in PERCENTILES.items():
        for number, (split, stats) in enumerate(splits.items()):
            table.add_row("" if number else label, split, *(f"{round(stats[key][part], 1):g}" for part in parts))
    return table


def _joints(splits: Splits) -> Table:
    joints = dict.fromkeys(joint for stats in splits.values() for joint in stats["labelled"])
    table = _table("joint", [f"{share}\n{split}" for share in JOINTS for split in splits])
    for joint in joints:
        shares = [stats[share].get(joint) for share in JOINTS for stats in splits.values()]
        table.add_row(escape(joint), *("" if share is None else f"{100 * share:.1f}" for share in shares))
    return table


def _subsets(splits: Splits) -> Iterator[tuple[str, Table]]:
    """Of each preset of the rules its tables, of which a cell has the people of every split."""
    stats = {split: each["subsets"] for split, each in splits.items() if "subsets" in each}
    presets: Mapping[str, Any] = next(iter(stats.values()), {})
    order = " / ".join(stats)
    for preset, kinds in presets.items():
        for kind, (number, rows) in GRIDS.items():
            bands = list(next(iter(kinds[kind].values())))
            table = _table(rows, [f"{band} joints" for band in bands])
            for row in kinds[kind]:
                cells = ([each[preset][kind][row][band] for each in stats.values()] for band in bands)
                table.add_row(row, *(_beside(counts) for counts in cells))
            yield f"People of {number}, {order}, by the rules {preset}", table
    if presets:
        levels = list(next(iter(presets.values()))["difficulty"])
        table = _table("rules", levels)
        for preset in presets:
            cells = ([each[preset]["difficulty"][level] for each in stats.values()] for level in levels)
            table.add_row(preset, *(_beside(counts) for counts in cells))
        yield f"People by difficulty, {order}", table


def _beside(counts: list[int]) -> str:
    return " / ".join(f"{count:,}" for count in counts)


def _flat(value: Any, prefix: str) -> Iterator[str]:
    """Nested values as lines `a.b.c: value`."""
    if not isinstance(value, dict):
        yield f"{prefix}: {value}"
        return
    for key, item in value.items():
        yield from _flat(item, f"{prefix}.{key}")
