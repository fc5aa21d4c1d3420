"""Which of our cells stands beside a row of the paper, and which sweep would fill a row that has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heatmark.models.backbones import family_of, parse_backbone
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.nearest import nearest_to_paper
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
        own = sorted((name for name in names if family_of(name) == family), key=_size)
        ours |= {paper: name for paper in wanted for name in own if parse_backbone(paper) == parse_backbone(name)}
        rest = [name for name in own if name not in ours.values()]
        ours |= dict(zip((paper for paper in wanted if paper not in ours), rest, strict=False))
    return Backbones(ours)


def _size(name: str) -> tuple[int, int, str]:
    parsed = parse_backbone(name)
    return getattr(parsed, "depth", 0), getattr(parsed, "width", 0), name


def find_cell(cells: Iterable[GridCell], row: PaperRow, backbones: Backbones) -> GridCell | None:
    """Ours of the row's method, beta and backbone."""
    if row.method is None:
        return None
    backbone = backbones.of(row.backbone)
    fitting = [cell for cell in cells if cell.spec.backbone == backbone]
    return nearest_to_paper(fitting, row.method, beta=row.beta, depth=row.depth, prior=row.prior, input_size=row.input)


def filling_commands(number: int, data_format: str, missing: Sequence[object]) -> tuple[str, ...]:
    """The command that runs what is missing in a table; what has finished is not run again."""
    if not missing:
        return ()
    return (f"{ROOTS[data_format]}=/path/to/{data_format} heatmark sweep run {SWEEPS.get(number, OTHER_SWEEP)}",)
