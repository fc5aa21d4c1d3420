"""Where a number comes from: the boxes that people are cropped by, about 2 AP apart, and how they were looked at.

A source is a word such as `gt` or `det`. A trial that is measured in several ways has more of them, marked behind a
dash: `gt-noflip` or `det-1f0c22d9`, another detector's. Sources are a part of every metric's name and of file names.
"""

from __future__ import annotations

from typing import Final

TITLES: Final = {"gt": "GT boxes", "det": "detected boxes", "mmpose": "mmpose's boxes"}
FLIP_MARKS: Final = {True: "flip", False: "noflip"}
MARK_TITLES: Final = {"flip": "flip test", "noflip": "no flip test"}


def source_name(boxes: str, *marks: str) -> str:
    """The name of a source. marks: what tells it from the trial's usual one."""
    return "-".join((boxes, *marks))


def title_of(source: str) -> str:
    """For people. source: `gt` or, as metrics and tables have it, `gtbox`."""
    plain, *marks = source.split("-")
    plain = plain.removesuffix("box")
    return ", ".join([TITLES.get(plain, f"{plain} boxes"), *(MARK_TITLES.get(mark, mark) for mark in marks)])


def prefix_of(source: str) -> str:
    """What stands before a metric: `gtbox`."""
    boxes, dash, marks = source.partition("-")
    return f"{boxes}box{dash}{marks}"


def in_boxes(source: str, metric: str) -> str:
    """The name of a metric that was measured in these boxes: `gtbox/AP`."""
    return f"{prefix_of(source)}/{metric}"


def measured_in(name: str) -> tuple[str, str] | None:
    """The source of the boxes and the metric that a name stands for; None for what depends on no boxes."""
    head, slash, metric = name.partition("/")
    boxes, dash, marks = head.partition("-")
    return (f"{boxes.removesuffix('box')}{dash}{marks}", metric) if slash and boxes.endswith("box") else None
