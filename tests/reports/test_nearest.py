"""One rule says which of our cells stands for one of the paper's, on every page of the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from heatmark.models.methods import IntegralRegression
from heatmark.reports.comparing.nearest import nearest_to_paper
from heatmark.reports.comparing.study import Study
from heatmark.reports.paper.figures.setting import drawn_settings
from heatmark.reports.paper.tables import compare_with_paper
from heatmark.reports.reading.collect import collect
from heatmark.workloads.spec import TrialSpec

Replay = dict[str, Callable[..., Any]]


def study_of(sweep: Path, replay: Replay, specs: list[TrialSpec]) -> Study:
    """spec n has an AP of (n + 1) tenths."""
    for number, spec in enumerate(specs):
        run = replay["write_spec"](sweep, spec)
        replay["write_result"](run, {"gtbox/AP": (number + 1) / 10, "gtbox/EPE": 4.0})
    return Study(collect(sweep))


def test_tables_and_figures_take_the_same_cell(tmp_path: Path, replay: Replay) -> None:
    """Of two learning rates the one with more seeds, though it is not the first in the grid."""
    ipr = IntegralRegression(beta=10.0)
    once = replay["trial_spec"](ipr, tmp_path, lr=1e-4)
    twice = [replay["trial_spec"](ipr, tmp_path, seed, lr=1e-3) for seed in (0, 1)]
    study = study_of(tmp_path / "demo", replay, [once, *twice])
    assert [len(cell.finished) for cell in study.cells] == [1, 2]
    (setting,) = drawn_settings(study.cells)
    assert setting.paper_cells["ipr"] is study.cells[1]
    third = next(table for table in compare_with_paper(study.cells) if table.paper.number == 3)
    found = {
        entry.ours.value for row in third.rows for entry in row.entries if entry.ours and entry.column.name == "AP"
    }
    assert found == {25.0}


def test_a_beta_of_ten_and_usual_fields_before_seeds(tmp_path: Path, replay: Replay) -> None:
    far = [replay["trial_spec"](IntegralRegression(beta=1.0), tmp_path, seed) for seed in (0, 1)]
    near = replay["trial_spec"](IntegralRegression(beta=5.0), tmp_path)
    cells = study_of(tmp_path / "demo", replay, [*far, near]).cells
    found = nearest_to_paper(cells, "ipr")
    assert found is not None and found.beta == 5.0
    assert nearest_to_paper(cells, "ipr", beta=10.0) is None and nearest_to_paper(cells, "bcir") is None
