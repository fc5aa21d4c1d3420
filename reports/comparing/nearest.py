"""Which of our cells stands for one of the paper's: one rule, for tables, figures and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable

from heatmark.models.method import Method
from heatmark.reports.comparing.cells import GridCell
from heatmark.workloads.spec import TrialSpec

PAPER_METHODS = ("detection", "ipr", "bcir")
PAPER_BETA = 10.0
# Fields of a method in which cells may be unlike the paper's and still stand for it.
VARIED = frozenset({"name", "beta", "t_o"})


def nearest_to_paper(
    cells: Iterable[GridCell],
    method: str,
    *,
    beta: float | None = None,
    depth: bool | None = None,
    prior: str = "",
    input_size: tuple[int, int] | None = None,
) -> GridCell | None:
    """The cell of a method that is most like the paper's; None where there is none.

    beta, depth (in 2.5D) and prior (prior_of) are conditions where they are given. Of several cells the one in 2D, with
    the wanted input, with fewest fields of the method other than by default, with the beta nearest to 10, with most
    finished seeds; then the first in the grid.
    """

    def fits(cell: GridCell) -> bool:
        return (
            cell.spec.method.name == method
            and beta in (None, cell.beta)
            and depth in (None, cell.spec.train.depth)
            and prior in ("", prior_of(cell.spec))
        )

    def distance(cell: GridCell) -> tuple[bool, bool, int, float, int]:
        away = abs(math.log((cell.beta or PAPER_BETA) / PAPER_BETA))
        other_input = input_size is not None and cell.spec.data.input_size != input_size
        return cell.spec.train.depth, other_input, len(unusual_fields(cell.spec.method)), away, -len(cell.finished)

    return min(filter(fits, cells), key=distance, default=None)


def prior_of(spec: TrialSpec) -> str:
    """How long L_de is there: `always` or `until T_o`; empty for methods without it."""
    if not hasattr(spec.method, "t_o"):
        return ""
    t_o = spec.method.t_o
    return "always" if t_o is None or t_o >= spec.train.epochs else "until T_o"


def unusual_fields(method: Method) -> tuple[str, ...]:
    """Those that are other than by default, but for VARIED."""
    fields = type(method).model_fields.items()
    return tuple(name for name, field in fields if name not in VARIED and getattr(method, name) != field.default)
