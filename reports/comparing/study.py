"""A sweep with all that is asked of it more than once: its cells, what they were compared by, and who is ahead."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import pandas as pd

from heatmark.reports.comparing.accuracy import accuracy_table, differing_settings, grid_order
from heatmark.reports.comparing.cells import GridCell, best_of_each, grid_cells
from heatmark.reports.comparing.comparisons import Comparisons, compare
from heatmark.reports.comparing.settings import settings_of
from heatmark.reports.comparing.verdict import Verdict, judge
from heatmark.reports.reading.collect import Sweep, Trial
from heatmark.reports.reading.digest import Evidence, gather_evidence

TRUNCATED = "truncated by ASHA: convergence not comparable"
# Cells of one data set and backbone in a figure.
MOST_DRAWN = 12


class Study:
    """Everything is worked out once, when it is first asked for."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.trials: tuple[Trial, ...] = tuple(sorted(sweep.trials, key=grid_order))

    @property
    def stamp(self) -> str:
        """Empty, or a warning for every page that compares."""
        return TRUNCATED if self.sweep.truncated else ""

    @cached_property
    def settings(self) -> dict[str, str]:
        return differing_settings(self.trials)

    @cached_property
    def evidence(self) -> Evidence:
        return gather_evidence(self.trials)

    @cached_property
    def cells(self) -> list[GridCell]:
        return grid_cells(self.trials, self.evidence)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """One row per cell."""
        return accuracy_table(self.sweep.trials)

    @cached_property
    def comparisons(self) -> Comparisons:
        return compare(self.cells)

    @cached_property
    def verdict(self) -> Verdict:
        return judge(self.cells, self.comparisons)

    @cached_property
    def drawn(self) -> tuple[list[Trial], Counter[tuple[str, str]]]:
        """The trials of every cell; of a setting with too many, of the best cell of each method and beta.

        And how many cells that leaves out, by data set and backbone.
        """
        drawn: list[Trial] = []
        left_out: Counter[tuple[str, str]] = Counter()
        for setting, members in settings_of(self.cells).items():
            if len(members) > MOST_DRAWN:
                kinds = best_of_each(members, lambda cell: (cell.spec.method.name, cell.beta), setting.headline)
                best = kinds[:MOST_DRAWN]
                left_out[setting.dataset, setting.backbone] += len(members) - len(best)
                members = best
            drawn += [trial for cell in members for trial in cell.trials]
        return drawn, left_out
