"""What the paper leaves open, and under which choices its order of methods appears.

Open are the units of L_re, the reduction of L_de, lambda, T_o and tau of L_reg. A choice of all five is a reading of
the paper; a cell that lacks one of them (IPR has no L_de) stands in every reading that agrees with its others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from heatmark.models.methods import METHODS
from heatmark.models.methods.bcir import PAPER_T_O_FRACTION
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.comparisons import EVERYONE, Comparison, pairs_of
from heatmark.reports.comparing.contest import FEWEST_IMAGES, common_images
from heatmark.reports.comparing.nearest import PAPER_BETA, PAPER_METHODS, nearest_to_paper, prior_of
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.paper.printed import PaperRow, paper_tables
from heatmark.reports.reading.measures import lower_is_better
from heatmark.reports.statistics.bootstrap import affordable_resamples, draw_resampling
from heatmark.reports.statistics.intervals import holm

OPEN = ("l_re_units", "l_de_reduction", "l_de_weight", "t_o", "tau")
# Detection learns from one term alone, whose units and weight Adam makes equal.
TELLING = "l_re_units"
ABLATION = 6
EPE = "EPE"
# What ours, over joints, is ordered by: the paper prints the mean over people.
PRINTED_EPE = "EPE over people"

Word = Literal["appears", "in the means", "not in the means", "contradicted"]


@dataclass(frozen=True)
class Choices:
    """One reading: the value of each open choice as text, T_o by the epochs it lasts."""

    values: tuple[tuple[str, str], ...]

    def fit(self, cell: GridCell) -> bool:
        return dict(self.values).items() >= choices_of(cell).items()

    def unlike(self, other: Choices) -> str:
        """What is chosen otherwise than in another reading."""
        return ", ".join(f"{name} {value}" for name, value in self.values if (name, value) not in other.values)


@dataclass(frozen=True)
class Step:
    """One method against another that the paper has below it. pair: None where a cell has not finished."""

    above: PaperRow
    below: PaperRow
    pair: Comparison | None
    forward: bool = True

    @property
    def lead(self) -> float | None:
        """How much better the first is, in the metric's own unit."""
        return self._lead(self.pair.difference) if self.pair else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.pair is None:
            return None
        low, high = sorted(map(self._lead, self.pair.interval))
        return low, high

    def _lead(self, difference: float) -> float:
        assert self.pair is not None
        return difference if self.forward != lower_is_better(self.pair.metric) else -difference

    @property
    def clear(self) -> bool:
        return self.pair is not None and self.pair.clear


@dataclass(frozen=True)
class Order:
    """One metric under one reading. methods: the steps between BCIR, detection and IPR in the paper's order.

    ablation: every two rows of Table 6 at the paper's beta.
    """

    metric: str
    methods: tuple[Step, ...]
    ablation: tuple[Step, ...]

    @property
    def word(self) -> Word | None:
        """None where a method is missing."""
        leads = [(step.lead, step.clear) for step in self.methods]
        if any(lead is None for lead, _ in leads):
            return None
        if any(clear and lead < 0 for lead, clear in leads if lead is not None):
            return "contradicted"
        if any(lead <= 0 for lead, _ in leads if lead is not None):
            return "not in the means"
        return "appears" if all(clear for _, clear in leads) else "in the means"

    @property
    def agreeing(self) -> tuple[int, int, int]:
        """Of the pairs of the ablation: in the paper's order, clearly against it, and how many there are."""
        known = [(step.lead, step.clear) for step in self.ablation if step.lead is not None]
        ahead = sum(lead > 0 for lead, _ in known)
        return ahead, sum(clear and lead < 0 for lead, clear in known), len(known)


@dataclass(frozen=True)
class Read:
    """What became of the paper's order in one setting under one reading, by metric."""

    setting: Setting
    choices: Choices
    orders: tuple[Order, ...]


def read_openly(settings: Mapping[Setting, Sequence[GridCell]]) -> tuple[Read, ...]:
    """Every reading that the cells have; none where no method was trained under two.

    Comparisons are those of the verdict, their p-values adjusted over all pairs that are asked for here (Holm).
    """
    found = [read for setting, cells in settings.items() for read in _read_setting(setting, cells)]
    pairs = {id(step.pair): step.pair for step in _steps(found) if step.pair is not None}
    tested = {key: pair.p for key, pair in pairs.items() if pair.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    judged = {key: replace(pair, p_holm=adjusted.get(key)) for key, pair in pairs.items()}
    return tuple(_with_pairs(read, judged) for read in found)


def choices_of(cell: GridCell) -> dict[str, str]:
    """The open choices that a cell's method has; T_o of the row that keeps L_de in all epochs is none."""
    method = cell.spec.method
    if not hasattr(method, TELLING):
        return {}
    own = {name: getattr(method, name) for name in OPEN if name in type(method).model_fields}
    if "t_o" in own:
        own["t_o"] = _duration(own["t_o"], cell.spec.train.epochs)
    if method.name == "ipr+l_de" and prior_of(cell.spec) == "always":
        del own["t_o"]
    return {name: value if isinstance(value, str) else f"{value:g}" for name, value in own.items()}


def usual_choices() -> Choices:
    """Those of a sweep file that says nothing."""
    kinds = [METHODS[name].model_fields for name in ("bcir", "ipr+l_reg")]
    fields = {name: field.default for kind in kinds for name, field in kind.items() if name in OPEN}
    texts = {name: value if isinstance(value, str) else f"{value:g}" for name, value in fields.items() if name != "t_o"}
    return Choices(tuple((name, texts.get(name, "120 of 140")) for name in OPEN))


def _duration(t_o: int | None, epochs: int) -> str:
    """The epochs with L_de; the paper's share of them under its own name."""
    if t_o == round(epochs * PAPER_T_O_FRACTION):
        return "120 of 140"
    return "all" if t_o is None or t_o >= epochs else f"{t_o} of {epochs}"


def _read_setting(setting: Setting, cells: Sequence[GridCell]) -> Iterator[Read]:
    readings = _readings(cells)
    if len(readings) < 2:
        return
    rows = [row for row in paper_tables()[ABLATION].rows if row.method and row.beta in (None, PAPER_BETA)]
    chosen = {choices: _cells_of(rows, choices, cells) for choices in readings}
    used = {id(cell): cell for by_row in chosen.values() for cell in by_row.values() if cell.digests}
    digests = [digest for cell in used.values() for digest in cell.digests]
    image_I = common_images(digests)
    if len(image_I) < FEWEST_IMAGES:
        return
    resampling = draw_resampling(image_I, affordable_resamples(sum(map(len, digests))))
    metrics = (setting.headline, EPE)
    pairs = {metric: pairs_of(setting, list(used.values()), metric, EVERYONE, resampling) for metric in metrics}
    for choices, by_row in chosen.items():
        yield Read(setting, choices, tuple(_order(metric, by_row, pairs[metric]) for metric in metrics))


def _readings(cells: Sequence[GridCell]) -> list[Choices]:
    """The usual one first, if it is there."""
    usual = usual_choices()
    found = dict.fromkeys(
        Choices(tuple((dict(usual.values) | own).items())) for cell in cells if (own := choices_of(cell))
    )
    return sorted(found, key=lambda choices: choices != usual)


def _cells_of(rows: Sequence[PaperRow], choices: Choices, cells: Iterable[GridCell]) -> dict[PaperRow, GridCell]:
    """The cell of each row under a reading; rows that share a cell (T_o in all epochs) count once."""
    fitting = [cell for cell in cells if choices.fit(cell)]
    found: dict[int, tuple[PaperRow, GridCell]] = {}
    for row in rows:
        prior = row.prior if row.method == "ipr+l_de" else ""
        cell = nearest_to_paper(fitting, str(row.method), prior=prior)
        if cell is not None and cell.beta in (None, PAPER_BETA):
            found.setdefault(id(cell), (row, cell))
    return dict(found.values())


def _order(metric: str, by_row: Mapping[PaperRow, GridCell], pairs: Sequence[Comparison]) -> Order:
    """The paper's order is that of its own numbers: of AP whatever the headline metric is, or of EPE."""
    table, column = paper_tables()[ABLATION], PRINTED_EPE if metric == EPE else "AP"
    known = [row for row in table.rows if row.method and row.beta in (None, PAPER_BETA)]
    printed = {row: value for row in known if (value := table.value(row, column)) is not None}
    assert len(printed) == len(known), f"Table {ABLATION} has {column} in every row"
    ranked = sorted(known, key=printed.__getitem__, reverse=not lower_is_better(column))
    methods = [row for row in ranked if row.method in PAPER_METHODS]
    return Order(
        metric,
        tuple(_step(above, below, by_row, pairs) for above, below in itertools.pairwise(methods)),
        tuple(_step(above, below, by_row, pairs) for above, below in itertools.combinations(ranked, 2)),
    )


def _step(above: PaperRow, below: PaperRow, by_row: Mapping[PaperRow, GridCell], pairs: Sequence[Comparison]) -> Step:
    wanted = (id(by_row.get(above)), id(by_row.get(below)))
    for pair in pairs:
        found = (id(pair.first), id(pair.second))
        if found in (wanted, wanted[::-1]):
            return Step(above, below, pair, forward=found == wanted)
    return Step(above, below, None)


def _steps(found: Iterable[Read]) -> Iterator[Step]:
    for read in found:
        for order in read.orders:
            yield from (*order.methods, *order.ablation)


def _with_pairs(read: Read, judged: Mapping[int, Comparison]) -> Read:
    def all_of(steps: Iterable[Step]) -> tuple[Step, ...]:
        return tuple(step if step.pair is None else replace(step, pair=judged[id(step.pair)]) for step in steps)

    orders = (replace(order, methods=all_of(order.methods), ablation=all_of(order.ablation)) for order in read.orders)
    return replace(read, orders=tuple(orders))
