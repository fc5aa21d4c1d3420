"""A sweep with all that is asked of it more than once: its cells, what they were compared by, and who is ahead."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import pandas as pd

from heatmark.reports.comparing.accuracy import accuracy_table
from heatmark.reports.comparing.across import Across, compare_across
from heatmark.reports.comparing.answer import Answer, answers
from heatmark.reports.comparing.cells import GridCell, best_of_each, grid_cells, grid_order
from heatmark.reports.comparing.comparisons import Comparisons, compare
from heatmark.reports.comparing.settings import Setting, settings_of
from heatmark.reports.comparing.verdict import Verdict, judge
from heatmark.reports.reading.collect import Sweep, Trial
from heatmark.reports.reading.evidence import Evidence, gather_evidence

TRUNCATED = "truncated by ASHA: convergence not comparable"
# Cells of one data set and backbone in a figure.
MOST_DRAWN = 12


class Study:
    """Everything is worked out once, when it is first asked for. evidence: where it is not to be read."""

    def __init__(self, sweep: Sweep, evidence: Evidence | None = None) -> None:
        self.sweep = sweep
        if evidence is not None:
            self.evidence = evidence
        self.trials: tuple[Trial, ...] = tuple(sorted(sweep.trials, key=grid_order))

    @property
    def stamp(self) -> str:
        """Empty, or a warning for every page that compares."""
        return TRUNCATED if self.sweep.truncated else ""

    @cached_property
    def evidence(self) -> Evidence:
        return gather_evidence(self.trials)

    @property
    def unread(self) -> tuple[str, ...]:
        """What is wrong with the files that could not be read."""
        return (*(trial.message for trial in self.trials if trial.state == "unreadable"), *self.evidence.notes)

    @cached_property
    def cells(self) -> list[GridCell]:
        return grid_cells(self.trials, self.evidence)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """One row per cell, and one per trial without a readable spec."""
        return accuracy_table(self.cells, [trial for trial in self.trials if not trial.spec])

    @cached_property
    def comparisons(self) -> Comparisons:
        return replace(compare(self.cells), unread=self.evidence.notes)

    @cached_property
    def verdict(self) -> Verdict:
        return judge(self.cells, self.comparisons, self.across, self.sweep.targets)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The verdict for a person in a hurry, one of each data set of which a trial has finished."""
        return answers(self.settings, self.verdict, self.comparisons)

    @cached_property
    def across(self) -> Across | None:
        """Methods over all settings; None where there are too few of either."""
        return compare_across(self.settings)

    @cached_property
    def drawn(self) -> dict[Setting, list[GridCell]]:
        """The cells of every setting; where they are too many, the best cell of each method and beta."""
        return {setting: _few(members, setting.headline) for setting, members in self.settings.items()}

    @cached_property
    def settings(self) -> dict[Setting, list[GridCell]]:
        """What is compared with each other, in grid order."""
        return settings_of(self.cells)


def _few(cells: list[GridCell], headline: str) -> list[GridCell]:
    if len(cells) <= MOST_DRAWN:
        return cells

    def final(cell: GridCell) -> float | None:
        found = cell.final(headline)
        return found.value if found else None

    return best_of_each(cells, lambda cell: (cell.spec.method.name, cell.beta), final)[:MOST_DRAWN]
