"""What two cells must share to be compared: data set, backbone and box source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heatmark.datasets.boxes import prefix_of, title_of
from heatmark.datasets.formats import format_of
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.reading.measures import headline_of


@dataclass(frozen=True)
class Setting:
    """format: the data set's, a name of datasets.formats. boxes: their prefix of metrics, `gtbox`."""

    dataset: str
    format: str
    backbone: str
    boxes: str

    @property
    def headline(self) -> str:
        """The metric to show first; higher is better."""
        return headline_of(self.format)

    def __str__(self) -> str:
        return f"{self.dataset}, {self.backbone}, {title_of(self.boxes)}"


def setting_names(settings: Iterable[Setting]) -> tuple[dict[Setting, str], str]:
    """What tells settings apart, for each of them, and what they share."""
    parts = {each: (each.dataset, each.backbone, title_of(each.boxes)) for each in settings}
    unlike = [place for place in range(3) if len({names[place] for names in parts.values()}) > 1]
    shared = [names[place] for names in list(parts.values())[:1] for place in range(3) if place not in unlike]
    return {each: ", ".join(names[place] for place in unlike) for each, names in parts.items()}, ", ".join(shared)


def settings_of(cells: Iterable[GridCell]) -> dict[Setting, list[GridCell]]:
    """The cells of every setting, both in grid order."""
    found: dict[Setting, list[GridCell]] = {}
    for cell in cells:
        data = cell.spec.data
        key = Setting(data.name, format_of(data).measures, cell.spec.backbone, prefix_of(cell.trials[0].boxes))
        found.setdefault(key, []).append(cell)
    return found
