"""Which of our cells stands beside a row of the paper, and which sweep would fill a row that has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heatmark.models.backbones import HRNetName, SimpleBaselineName, parse_backbone
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.printed import PaperRow

# Of a family, the paper's backbones in the order in which ours are set beside them.
PAPER_BACKBONES = {"sbl": ("sbl-r50", "sbl-r152", "sbl-r101"), "hrnet": ("hrnet-w32",)}
# Which sweep holds the rows of a table, and the variable that says where its data are.
ABLATIONS, HANDS = "sweeps/ablations.yaml", "sweeps/rhd.yaml"
SWEEPS = {2: ABLATIONS, 5: "sweeps/paper_mpii.yaml", 6: ABLATIONS, 7: HANDS, 8: HANDS}
OTHER_SWEEP = "sweeps/paper_coco.yaml"
ROOTS = {"coco": "COCO_ROOT", "mpii": "MPII_ROOT", "rhd": "RHD_ROOT"}


@dataclass(frozen=True)
class Backbones:
    """Ours for each of the paper's backbones: the same net, else one of its family, by size."""

    ours: dict[str, str]

    def of(self, paper: str | None) -> str | None:
        return self.ours.get(paper) if paper else None


def match_backbones(cells: Sequence[GridCell]) -> Backbones:
    """The paper's nets where we ran them; other nets of a family fill its remaining places, smaller ones first."""
    ours: dict[str, str] = {}
    names = list(dict.fromkeys(cell.spec.backbone for cell in cells))
    for family, wanted in PAPER_BACKBONES.items():
        own = sorted((name for name in names if _family(name) == family), key=_size)
        ours |= {paper: name for paper in wanted for name in own if _same(paper, name)}
        rest = [name for name in own if name not in ours.values()]
        ours |= dict(zip((paper for paper in wanted if paper not in ours), rest, strict=False))
    return Backbones(ours)


def _parsed(name: str) -> SimpleBaselineName | HRNetName | None:
    try:
        found = parse_backbone(name)
    except ValueError:
        return None
    return found if isinstance(found, SimpleBaselineName | HRNetName) else None


def _family(name: str) -> str:
    if isinstance(_parsed(name), HRNetName) or name.startswith("hrnet"):
        return "hrnet"
    return "sbl" if isinstance(_parsed(name), SimpleBaselineName) or name.startswith("sbl") else ""


def _size(name: str) -> tuple[int, int, str]:
    parsed = _parsed(name)
    return getattr(parsed, "depth", 0), getattr(parsed, "width", 0), name


def _same(paper: str, name: str) -> bool:
    return _parsed(paper) == _parsed(name)


def find_cell(cells: Iterable[GridCell], row: PaperRow, backbones: Backbones) -> GridCell | None:
    """Ours of the row's method, beta and backbone.

    Of several the one with the paper's input, then with most of its method's fields as they are by default, then with
    most seeds, then the first in the grid.
    """
    backbone = backbones.of(row.backbone)
    fitting = [cell for cell in cells if cell.spec.backbone == backbone and _is_method(cell, row)]
    return max(fitting, key=lambda cell: _nearness(cell, row), default=None)


def _nearness(cell: GridCell, row: PaperRow) -> tuple[bool, int, int]:
    return cell.spec.data.input_size == row.input, -_unusual_fields(cell), len(cell.finished)


def _unusual_fields(cell: GridCell) -> int:
    """beta and t_o apart, which rows ask for."""
    fields = type(cell.spec.method).model_fields.items()
    return sum(
        getattr(cell.spec.method, name) != field.default for name, field in fields if name not in ("beta", "t_o")
    )


def _is_method(cell: GridCell, row: PaperRow) -> bool:
    method = cell.spec.method
    if method.name != row.method or (row.beta is not None and cell.beta != row.beta):
        return False
    if cell.spec.train.depth != row.depth:
        return False
    return not row.prior or row.prior == prior_of(cell)


def prior_of(cell: GridCell) -> str:
    """How long L_de is there: `always` or `until T_o`; empty for methods without it."""
    if not hasattr(cell.spec.method, "t_o"):
        return ""
    t_o = cell.spec.method.t_o
    return "always" if t_o is None or t_o >= cell.spec.train.epochs else "until T_o"


def filling_commands(number: int, data_format: str, missing: Sequence[object]) -> tuple[str, ...]:
    """The command that runs what is missing in a table; what has finished is not run again."""
    if not missing:
        return ()
    return (f"{ROOTS[data_format]}=/path/to/{data_format} heatmark sweep run {SWEEPS.get(number, OTHER_SWEEP)}",)
