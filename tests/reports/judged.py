"""Made-up sweeps whose truth is known, and the verdict on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.comparing.cells import GridCell, grid_cells
from heatmark.reports.comparing.comparisons import Comparisons, compare
from heatmark.reports.comparing.verdict import Verdict, judge
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.evidence import gather_evidence
from tests.reports.recorded import Arrays, made_hard_and_easy, made_up_people, write_records

Replay = dict[str, Callable[..., Any]]
DETECTION, IPR, BCIR = Detection(), IntegralRegression(beta=10.0), BiasCompensated(beta=10.0, t_o=10)
PEOPLE = made_hard_and_easy(made_up_people(300), hard=60, easy=80)
METHODS = (DETECTION, IPR, BCIR, IntegralRegression(beta=5.0), BiasCompensated(beta=5.0), Detection(sigma=3.0))


def judged(sweep: Path) -> tuple[list[GridCell], Comparisons, Verdict]:
    trials = collect(sweep).trials
    cells = grid_cells(trials, gather_evidence(trials))
    comparisons = compare(cells)
    return cells, comparisons, judge(cells, comparisons)


def write_trial(sweep: Path, replay: Replay, method: Any, columns: Arrays | None, seed: int = 0, rank: int = 0) -> Any:
    run = replay["write_spec"](sweep, replay["trial_spec"](method, sweep / "gone", seed))
    replay["write_result"](run, replay["write_epochs"](run, rank))
    if columns is not None:
        write_records(run.path, columns)
    return run
