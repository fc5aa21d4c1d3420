"""The best trial of a sweep: the best cell by the mean over its seeds, and of that the best seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heatmark.datasets.boxes import in_boxes, measured_in
from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.cells import GridCell, Measured, grid_cells
from heatmark.reports.reading.collect import Trial, collect
from heatmark.reports.reading.evidence import Evidence
from heatmark.reports.reading.measures import amount, headline_of, lower_is_better, unit_of


@dataclass(frozen=True)
class Best:
    """metric: by its plain name. values: of the cells that have it, the best first; the first one's cell is the best.

    trial: its best seed. value: of that seed.
    """

    metric: str
    values: tuple[tuple[GridCell, Measured], ...]
    trial: Trial
    value: float

    @property
    def cell(self) -> GridCell:
        return self.values[0][0]

    def told(self) -> str:
        """Which trial, and why."""
        mean, spec = self.values[0][1], self.cell.spec
        which = f"the best of {len(self.values)} cells by {self.metric}" if len(self.values) > 1 else "the only cell"
        told = [f"{self.cell.label} with {spec.backbone} on {spec.data.name} is {which}: {self._shown(mean)}"]
        if len(self.values) > 1:
            second, other = self.values[1]
            told.append(f"the runner-up is {second.label} with {second.spec.backbone}: {self._shown(other)}")
        assert self.trial.spec is not None, "trials in cells have one"
        seed = f"taken is seed {self.trial.spec.seed}, trial {self.trial.signature}"
        if mean.seeds > 1:
            seed += f", the best of them with {self._amount(self.value)}, which flatters it"
        return "; ".join([*told, seed])

    def _shown(self, found: Measured) -> str:
        seeds = f"{found.seeds} seed{'s' * (found.seeds > 1)}"
        spread = "" if found.spread is None else f" ± {amount(self.metric, found.spread)}"
        return f"{self._amount(found.value)}{spread}, {seeds}"

    def _amount(self, value: float) -> str:
        return f"{amount(self.metric, value)} {unit_of(self.metric)}"


def best_trial(folder: Path, metric: str | None = None, dataset: str | None = None) -> Best:
    """Of a sweep's folder. metric: `AP`, or with its boxes `gtbox/AP`, as of the last evaluation; in reports' sense of
    which way is better; None is the headline of the data's format. dataset: by its name, where the sweep has several.

    Raises InputError for a metric that no finished trial has, and for values that say nothing of each other.
    """
    trials = [trial for trial in collect(folder).trials if trial.finished and trial.spec]
    if not trials:
        raise InputError(f"{folder}: no trial is finished; run the sweep first: heatmark sweep run FILE")
    cells = _of_dataset(folder, grid_cells(trials, Evidence()), dataset)
    metric = metric or headline_of(cells[0].trials[0].format)
    boxes, plain = measured_in(metric) or (None, metric)
    found = [(cell, value) for cell in cells if (value := cell.final(plain, boxes)) is not None]
    if not found:
        raise InputError(f"--metric {metric}: no trial of {folder} has it; valid: {', '.join(_metrics(cells))}")
    sources = dict.fromkeys(cell.trials[0].boxes for cell, _ in found)
    if boxes is None and len(sources) > 1:
        ways = " or ".join(in_boxes(source, plain) for source in sources)
        raise InputError(f"--metric {metric}: measured in unlike ways, which cannot be compared; give {ways}")
    sign = 1 if lower_is_better(plain) else -1
    ranked = sorted(found, key=lambda each: sign * each[1].value)
    finals = [(trial.final_metric(plain, boxes), trial) for trial in ranked[0][0].finished]
    seed_value, trial = min(
        ((each, trial) for each, trial in finals if each is not None), key=lambda each: sign * each[0]
    )
    return Best(plain, tuple(ranked), trial, seed_value)


def _of_dataset(folder: Path, cells: Sequence[GridCell], dataset: str | None) -> list[GridCell]:
    """Those of one data set. Raises InputError where it is not told which."""
    names = list(dict.fromkeys(cell.spec.data.name for cell in cells))
    if dataset is None and len(names) > 1:
        raise InputError(f"{folder}: trials on several data sets; choose one: --data {' or --data '.join(names)}")
    if dataset is not None and dataset not in names:
        raise InputError(f"--data {dataset}: no data set of {folder}; valid: {', '.join(names)}")
    return [cell for cell in cells if dataset in (None, cell.spec.data.name)]


def _metrics(cells: Iterable[GridCell]) -> list[str]:
    """The names that some trial has a value of, in its own boxes."""
    found = (measured_in(name) for cell in cells for trial in cell.finished for name in trial.final)
    own = {cell.trials[0].boxes for cell in cells}
    return sorted({each[1] for each in found if each and each[0] in own})
