"""Which of our cells stands for one of the paper's: one rule, for tables, figures and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable

from heatmark.reports.comparing.cells import GridCell

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
            and prior in ("", prior_of(cell))
        )

    def distance(cell: GridCell) -> tuple[bool, bool, int, float, int]:
        away = abs(math.log((cell.beta or PAPER_BETA) / PAPER_BETA))
        other_input = input_size is not None and cell.spec.data.input_size != input_size
        return cell.spec.train.depth, other_input, _unusual_fields(cell), away, -len(cell.finished)

    return min(filter(fits, cells), key=distance, default=None)


def prior_of(cell: GridCell) -> str:
    """How long L_de is there: `always` or `until T_o`; empty for methods without it."""
    if not hasattr(cell.spec.method, "t_o"):
        return ""
    t_o = cell.spec.method.t_o
    return "always" if t_o is None or t_o >= cell.spec.train.epochs else "until T_o"


def _unusual_fields(cell: GridCell) -> int:
    fields = type(cell.spec.method).model_fields.items()
    return sum(getattr(cell.spec.method, name) != field.default for name, field in fields if name not in VARIED)
