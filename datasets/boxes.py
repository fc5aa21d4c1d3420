"""The boxes that people are cropped by. Their source is part of every metric's name: it is worth about 2 AP."""

from __future__ import annotations

from typing import Final

TITLES: Final = {"gt": "GT boxes", "det": "detected boxes", "mmpose": "mmpose's boxes"}


def title_of(source: str) -> str:
    """For people. source: `gt` or, as metrics and tables have it, `gtbox`."""
    plain = source.removesuffix("box")
    return TITLES.get(plain, f"{plain} boxes")


def prefix_of(source: str) -> str:
    """What stands before a metric: `gtbox`."""
    return f"{source}box"


def in_boxes(source: str, metric: str) -> str:
    """The name of a metric that was measured in these boxes: `gtbox/AP`."""
    return f"{prefix_of(source)}/{metric}"


def measured_in(name: str) -> tuple[str, str] | None:
    """The source of the boxes and the metric that a name stands for; None for what depends on no boxes."""
    boxes, slash, metric = name.partition("/")
    return (boxes.removesuffix("box"), metric) if slash and boxes.endswith("box") else None
