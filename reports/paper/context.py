"""What a table of the paper is filled from: the cells of one data set, and how its numbers came about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from heatmark.datasets.boxes import title_of
from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.paper.entries import NO_RECORDS, NOBODY, NOT_RUN
from heatmark.reports.paper.match import Backbones, match_backbones, near_cell, own_cell
from heatmark.reports.paper.printed import USUAL_BOXES, PaperRow
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

    def own(self, row: PaperRow, boxes: str = USUAL_BOXES) -> GridCell | None:
        """Ours of the row's own net, input, method and beta, measured in these boxes."""
        if (row, boxes) not in self._own:
            self._own[row, boxes] = own_cell(self.cells, row, boxes)
        return self._own[row, boxes]

    @cached_property
    def _own(self) -> dict[tuple[PaperRow, str], GridCell | None]:
        """Found so far: a row is asked for by each column of its table."""
        return {}

    def near(self, row: PaperRow, *, any_size: bool = False) -> GridCell | None:
        """Ours most like a row that has none of its own, or not in its boxes. any_size: see near_cell."""
        return near_cell(self.cells, row, self.backbones, any_size=any_size)

    @property
    def digest(self) -> Digest | None:
        """Of any trial: everyone evaluates the same people."""
        return next((digest for cell in self.cells for digest in cell.digests), None)

    def caption(
        self,
        title: str,
        used: Sequence[GridCell | None],
        note: str = "",
        paper: str = "",
        boxes: Collection[str] = (USUAL_BOXES,),
    ) -> str:
        """The table's title, and how ours and the paper's numbers were measured. paper: where not as usual.

        boxes: the sources of those that the paper's numbers are in.
        """
        unlike = {cell.trials[0].signature: cell for cell in used if cell}
        trials = [trial for cell in unlike.values() for trial in cell.finished]
        measured = protocol(trials, [source for trial in trials for source in trial.sources if source in boxes])
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
        people, expected = self.digest.people if self.digest else None, PAPER_PEOPLE[self.format]
        if people == expected:
            return ()
        have = "an unrecorded number of people" if people is None else counted(people, "person", "people")
        return (
            f"The data differ from the paper's ({have} of {self.dataset}, there {expected:,}): a difference shows how "
            "far apart the numbers are, not who is better.",
        )


def contexts(data_format: str, cells: Sequence[GridCell]) -> list[Context]:
    """One for each data set of a format; with none, one without cells.

    The same data under several names (for other inputs, augmentations or boxes, say) are one data set.
    """
    groups: dict[str, list[GridCell]] = {}
    for cell in cells:
        if cell.spec.data.format == data_format:
            groups.setdefault(cell.spec.data.fingerprint, []).append(cell)
    found = [
        Context(
            data_format, ", ".join(dict.fromkeys(cell.spec.data.name for cell in own)), tuple(own), match_backbones(own)
        )
        for own in groups.values()
    ]
    return found or [Context(data_format, "", (), match_backbones(()))]


# Of a cell, measured in boxes of a source, in the paper's unit.
Value = Callable[[GridCell, str], Measured | None]


def final_value(metric: str, scale: float = 1.0) -> Value:
    """A metric of the last evaluation."""
    return lambda cell, boxes: scaled(cell.final(metric, boxes), scale)


def digest_value(value: Callable[[Digest], float | None], scale: float = 1.0) -> Value:
    """Something of the records."""
    return lambda cell, boxes: scaled(cell.over_digests(value, boxes), scale)


def best_boxes(cell: GridCell, wanted: str) -> str:
    """These boxes where the cell was measured in them, else its own."""
    return wanted if wanted in cell.sources else cell.sources[0]


def net_of(cell: GridCell, boxes: Sequence[str] = ()) -> str:
    """What a row near the paper's is named by: `sbl-r18-w8, 96 × 128, GT boxes`."""
    parts = [cell.spec.backbone, size_of(cell.spec.data.input_size), *dict.fromkeys(map(title_of, boxes))]
    return ", ".join(parts)


def size_of(size: tuple[int, int] | None) -> str:
    """Width and height of an input, for people."""
    return "{} × {}".format(*size) if size else ""


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
