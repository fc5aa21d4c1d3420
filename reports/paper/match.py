"""Which of our cells stands beside a row of the paper, which one near it, and which sweep would fill the row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heatmark.models.backbones import family_of, parse_backbone
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.nearest import nearest_to_paper, prior_of
from heatmark.reports.paper.printed import PaperRow, PaperTable
from heatmark.reports.paper.recipe import differences
from heatmark.workloads.spec import TrialSpec

# Of a family, the paper's backbones in the order in which others are set near them.
PAPER_BACKBONES = {"sbl": ("sbl-r50", "sbl-r152", "sbl-r101"), "hrnet": ("hrnet-w32",)}
# The variables that say where a format's data are.
PLACES = {
    "coco": "COCO_ROOT=/path/to/coco COCO_DETECTIONS=/path/to/detections.json",
    "mpii": "MPII_ROOT=/path/to/mpii",
    "rhd": "RHD_ROOT=/path/to/rhd",
}


def fits(spec: TrialSpec, row: PaperRow) -> bool:
    """Whether a trial is of the row's very method, beta, net and input, and of its sigma and prior where it says so."""
    method = spec.method
    return (
        (method.name, getattr(method, "beta", None)) == (row.method, row.beta)
        and row.backbone is not None
        and spec.data.input_size == row.input
        and spec.train.depth == row.depth
        and parse_backbone(spec.backbone) == parse_backbone(row.backbone)
        and row.sigma in (None, getattr(method, "sigma", None))
        and row.prior in ("", prior_of(spec))
    )


def own_cell(cells: Iterable[GridCell], row: PaperRow, boxes: str) -> GridCell | None:
    """Ours of the row, measured in those boxes: one that finished, by a recipe most like the paper's, of most seeds."""
    fitting = [cell for cell in cells if fits(cell.spec, row) and boxes in cell.sources]

    def distance(cell: GridCell) -> tuple[bool, int, int]:
        return not cell.finished, len(differences(cell.spec, row)), -len(cell.finished)

    return min(fitting, key=distance, default=None)


@dataclass(frozen=True)
class Backbones:
    """Ours for each of the paper's backbones: the same net, else one of its family, by size."""

    ours: dict[str, str]

    def of(self, paper: str | None, *, any_size: bool = False) -> str | None:
        """any_size: that of another of the family, where there is none for this one."""
        if paper is None:
            return None
        family = [name for name in self.ours if family_of(name) == family_of(paper)]
        return self.ours.get(paper) or next((self.ours[name] for name in family if any_size), None)


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


def near_cell(
    cells: Iterable[GridCell], row: PaperRow, backbones: Backbones, *, any_size: bool = False
) -> GridCell | None:
    """Ours most like the row: of its method and beta, on the net that is set near its own (Backbones.of)."""
    if row.method is None:
        return None
    backbone = backbones.of(row.backbone, any_size=any_size)
    fitting = [cell for cell in cells if cell.spec.backbone == backbone]
    return nearest_to_paper(fitting, row.method, beta=row.beta, depth=row.depth, prior=row.prior, input_size=row.input)


def filling_commands(paper: PaperTable, *, missing: bool) -> tuple[str, ...]:
    """The command that runs a table's trials, where some are missing; what has finished is not run again."""
    return (sweep_command(paper.sweep, paper.format),) if missing else ()


def sweep_command(sweep: str, data_format: str) -> str:
    """To run a shipped sweep, with the variables that it asks for."""
    return f"{PLACES[data_format]} WEIGHTS=/path/to/weights heatmark sweep run {sweep}"
