"""`heatmark data stats` for people: the splits side by side, and nothing left out that the JSON has."""

from __future__ import annotations

import io
import re
from typing import Any

from rich.console import Console

from heatmark.pipeline.stats_view import print_stats

CELLS = {"32-64": {"1-5": 1200, "6-10": 0}}
PERCENTILES = {"p5": 10.0, "p50": 61.25, "p95": 200.0}


def split_stats(people: int, nose: float, **more: Any) -> dict[str, Any]:
    return {
        "people": people,
        "images": 3,
        "most_people_on_an_image": 2,
        "longest_box_side_px": PERCENTILES,
        "labelled_joints_per_person": PERCENTILES,
        "labelled": {"nose": nose, "eye[left]": 1.0},
        "hidden": {"nose": 0.125, "eye[left]": 0.0},
        "notes": [],
        **more,
    }


def printed(train: dict[str, Any], val: dict[str, Any]) -> list[str]:
    """The lines, as they come out of a pipe; gaps as two spaces."""
    file = io.StringIO()
    found = {"format": "coco", "root": "/data/[mine]", "splits": {"train": train, "val": val}}
    print_stats(found, Console(file=file, width=80))
    assert "\x1b" not in file.getvalue()
    return [re.sub(r"\s{2,}", "  ", line.strip()) for line in file.getvalue().splitlines()]


def test_splits_stand_side_by_side() -> None:
    lines = printed(split_stats(12345, 0.5), split_stats(7, 0.986))
    assert lines[0] == "/data/[mine]: coco"
    assert "people  12,345  7" in lines and "most people on an image  2  2" in lines
    assert "longest side of the box, px  train  10  61.2  200" in lines and "val  10  61.2  200" in lines
    assert "nose  50.0  98.6  12.5  12.5" in lines and "eye[left]  100.0  100.0  0.0  0.0" in lines


def test_sub_benchmarks_are_tables_where_there_are_some() -> None:
    kinds = {"size_by_joints": CELLS, "occlusion_by_joints": {"low": {"1-5": 4, "6-10": 5}}, "difficulty": {"easy": 6}}
    subsets = {"paper_text": kinds}
    lines = printed(split_stats(1, 1.0, subsets=subsets), split_stats(1, 1.0, subsets=subsets))
    assert "People of Table 10, train / val, by the rules paper_text" in lines
    assert "32-64  1,200 / 1,200  0 / 0" in lines and "low  4 / 4  5 / 5" in lines
    assert "paper_text  6 / 6" in lines
    assert not any("Table" in line for line in printed(split_stats(1, 1.0), split_stats(1, 1.0)))


def test_notes_and_what_a_format_tells_beside_are_lines() -> None:
    note = "a note that is much longer than a line of eighty characters and yet stays whole for those who search for it"
    lines = printed(split_stats(1, 1.0, notes=[note]), split_stats(1, 1.0, cameras={"front": 3}))
    assert f"note: train: {note}" in lines and "val.cameras.front: 3" in lines
