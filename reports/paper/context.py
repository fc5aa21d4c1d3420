"""What a table of the paper is filled from: the cells of one data set, and how its numbers came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.paper.entries import NO_RECORDS, NOBODY, NOT_RUN
from heatmark.reports.paper.match import Backbones, find_cell, match_backbones
from heatmark.reports.paper.printed import PaperRow
from heatmark.reports.reading.digest import Digest

# The people that the paper's own tables are over.
PAPER_PEOPLE = {"coco": 6352, "mpii": 2958, "rhd": 2728}
PAPER_PROTOCOL = {
    "coco": "The paper: COCO val2017, boxes of a Faster R-CNN detector, flip test not stated.",
    "mpii": "The paper: MPII's validation split, flip test not stated.",
    "rhd": "The paper: RHD's test set, crop and flip test not stated.",
}


@dataclass(frozen=True)
class Context:
    """format: whose tables these are. dataset: the names of ours, "" where the sweep has none of that format."""

    format: str
    dataset: str
    cells: tuple[GridCell, ...]
    backbones: Backbones

    def cell(self, row: PaperRow) -> GridCell | None:
        return find_cell(self.cells, row, self.backbones)

    def method_cell(self, method: str, backbone: str) -> GridCell | None:
        """Ours of one of the paper's three methods, at its beta of 10, on one of its backbones."""
        beta = None if method == "detection" else 10.0
        return self.cell(PaperRow(method, (), method=method, beta=beta, backbone=backbone))

    @property
    def digest(self) -> Digest | None:
        """Of any trial: everyone evaluates the same people."""
        return next((digest for cell in self.cells for digest in cell.digests), None)

    def caption(self, title: str, used: Sequence[GridCell | None], note: str = "", paper: str = "") -> str:
        """The table's title, and how ours and the paper's numbers were measured. paper: where not as usual."""
        unlike = {cell.trials[0].signature: cell for cell in used if cell}
        trials = [trial for cell in unlike.values() for trial in cell.finished]
        measured = protocol(trials)
        ours = f"Ours: {measured[:1].lower()}{measured[1:]}" if trials else "Ours: nothing of this table was run."
        flipped = any(trial.spec.train.flip_test for trial in trials if trial.spec)
        mirrors = "Mirrored maps are merged as published: detection moves one by a whole pixel." if flipped else ""
        several = len({trial.spec.seed for trial in trials if trial.spec}) > 1
        seeds = "Means over seeds, ± their standard deviation." if several else ""
        parts = (f"{title}.", ours, seeds, mirrors, paper or PAPER_PROTOCOL[self.format], note)
        return " ".join(part for part in parts if part)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What keeps ours and the paper's numbers from being compared."""
        if not self.dataset:
            return ()
        people, expected = len(self.digest) if self.digest else None, PAPER_PEOPLE[self.format]
        if people == expected:
            return ()
        have = "an unrecorded number of people" if people is None else f"{people:,} people"
        return (
            f"The data differ from the paper's ({have} of {self.dataset}, there {expected:,}): a difference shows how "
            "far apart the numbers are, not who is better.",
        )


def contexts(data_format: str, cells: Sequence[GridCell]) -> list[Context]:
    """One for each data set of a format; with none, one without cells.

    The same data and boxes under several names (for other inputs or augmentations, say) are one data set.
    """
    groups: dict[tuple[str, str], list[GridCell]] = {}
    for cell in cells:
        if cell.spec.data.format == data_format:
            groups.setdefault((cell.spec.data.fingerprint, cell.spec.data.bbox_source), []).append(cell)
    found = [
        Context(
            data_format, ", ".join(dict.fromkeys(cell.spec.data.name for cell in own)), tuple(own), match_backbones(own)
        )
        for own in groups.values()
    ]
    return found or [Context(data_format, "", (), match_backbones(()))]


def final_value(metric: str, scale: float = 1.0) -> Callable[[GridCell], Measured | None]:
    """A metric of the last evaluation, in the paper's unit."""
    return lambda cell: scaled(cell.final(metric), scale)


def digest_value(value: Callable[[Digest], float | None], scale: float = 1.0) -> Callable[[GridCell], Measured | None]:
    """Something of the records, in the paper's unit."""
    return lambda cell: scaled(cell.over_digests(value), scale)


def scaled(found: Measured | None, scale: float) -> Measured | None:
    """In another unit: value and spread times the scale."""
    if found is None or scale == 1:
        return found
    return Measured(found.value * scale, None if found.spread is None else found.spread * scale, found.seeds)


def why_missing(cell: GridCell | None, needs_records: bool) -> str:
    """Why a cell of the grid gives no number."""
    if cell is None:
        return NOT_RUN
    if not cell.finished:
        return cell.state
    if needs_records:
        return NOBODY if cell.digests else NO_RECORDS
    return "no value"
