"""Which of our cells stands beside a row of the paper, and which sweep would fill a row that has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heatmark.models.backbones import HRNetName, SimpleBaselineName, parse_backbone
from heatmark.reports.cells import GridCell
from heatmark.reports.paper import PaperRow

# Of a family, the paper's backbones in the order in which ours are set beside them.
PAPER_BACKBONES = {"sbl": ("sbl-r50", "sbl-r152", "sbl-r101"), "hrnet": ("hrnet-w32",)}
# What a sweep file says of the data set that a format's tables are about.
PAPER_DATA = {
    "coco": ("coco", "root: $COCO_ROOT"),
    "mpii": ("mpii", "format: mpii, root: $MPII_ROOT"),
    "rhd": ("rhd", "format: rhd, root: $RHD_ROOT"),
}
# Epochs and T_o of section 7.1.2, where they are not those of sweeps/ablations.yaml.
PAPER_T_O = 120
HRNET_EPOCHS, HRNET_T_O = 210, 190


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

    Of several the one with most of its method's fields as they are by default, then most seeds, then first in the grid.
    """
    backbone = backbones.of(row.backbone)
    fitting = [cell for cell in cells if cell.spec.backbone == backbone and _is_method(cell, row)]
    return max(fitting, key=lambda cell: (-_unusual_fields(cell), len(cell.finished)), default=None)


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


def filling_commands(number: int, data_format: str, missing: Sequence[PaperRow]) -> tuple[str, ...]:
    """`heatmark sweep run` with the paper's setting of rows, one command for each backbone and input among them."""
    groups: dict[tuple[str, tuple[int, int] | None, bool], list[str]] = {}
    for row in missing:
        if row.method and row.backbone:
            methods = groups.setdefault((row.backbone, row.input, row.depth), [])
            if _method_entry(row) not in methods:
                methods.append(_method_entry(row))
    name, data = PAPER_DATA[data_format]
    commands = []
    for (backbone, size, depth), methods in groups.items():
        axes = f"method: [{', '.join(methods)}], backbone: [{backbone}], dataset: [{name}], seed: [0, 1, 2]"
        grid = f"{{{axes}{', depth: [true]' if depth else ''}}}"
        sized = f", input_size: [{size[0]}, {size[1]}]" if size else ""
        longer = f" --set train.epochs={HRNET_EPOCHS}" if backbone.startswith("hrnet") else ""
        commands.append(
            f"heatmark sweep run sweeps/ablations.yaml --set name=table_{number}_{backbone} "
            f"--set 'grid={grid}' --set 'data={{{name}: {{{data}{sized}}}}}'{longer}"
        )
    return tuple(commands)


def _method_entry(row: PaperRow) -> str:
    """As in a sweep file."""
    if row.beta is None:
        return str(row.method)
    t_o = PAPER_T_O if row.prior == "until T_o" else None
    if row.method == "bcir" and (row.backbone or "").startswith("hrnet"):
        t_o = HRNET_T_O
    prior = "" if t_o is None else f", t_o: {t_o}"
    return f"{{name: {row.method}, beta: {row.beta:.1f}{prior}}}"
