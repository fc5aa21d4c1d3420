"""Kinds of error: what goes wrong where a joint is not where it should be."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from heatmark.datasets.metrics.error_kinds import KINDS
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.error_kinds import KindsOfError, kinds_of_error
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.comparing.study import Study
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import CellRows, cells_that_tell
from heatmark.reports.sections.section import Section

Found = list[tuple[Setting, GridCell, KindsOfError]]


class ErrorKinds(Section):
    """Good, jitter, inversion, swap, miss."""

    title = "Kinds of error"
    order = 27

    def blocks(self, study: Study) -> Iterator[Block]:
        found = cells_that_tell(study.settings, kinds_of_error)
        if found:
            yield kinds_export(found)
            yield parts_export(found)


def kinds_export(found: Found) -> Export:
    """One row per cell: the share of each kind, and what AP would gain without it."""
    rows_of = CellRows.of(setting for setting, _, _ in found)
    columns = (*rows_of.columns, *(Column(kind.capitalize(), True, "% of joints", width=0.9) for kind in KINDS))
    rows, records = [], []
    for setting, cell, kinds in found:
        shares = (kinds.totals_C / kinds.totals_C.sum()).tolist()
        cells = []
        for kind, share in zip(KINDS, shares, strict=True):
            gain = kinds.gain.get(kind)
            under = f"{100 * gain.value:+.1f} AP" if gain else ""
            cells.append(Cell(f"{100 * share:.1f}", under.replace("-", "\N{MINUS SIGN}"), order=share))
        rows.append((*rows_of.heads(setting, cell), *cells))
        records.append(
            {
                **vars(setting),
                "cell": cell.label,
                **dict(zip(KINDS, shares, strict=True)),
                **{f"{kind}_ap_gain": each.value for kind, each in kinds.gain.items()},
            }
        )
    caption = "What became of each labelled joint, and what mending each kind of error is worth." + rows_of.shared
    details = (
        "Kinds as of Ronchi and Perona (2017), similarities as in OKS: good at 0.85 or more of "
        "its own place, a jitter at 0.5 or more; an inversion where it is nearer to the same person's other side, a "
        "swap where it is nearer to that joint of somebody else; a miss below 0.5 of all of them. Under each share: "
        "what AP would gain if jitters were good, misses as near as a jitter may be, inversions and swaps at the right "
        "joint as near as they are to the wrong one. As published, all seeds together. By joint, size and occlusion: "
        "a fold of the page, and in the files."
    )
    table = Table(columns, tuple(rows), caption, name="error_kinds", title=ErrorKinds.title, details=details)
    return Export(table, pd.DataFrame(records))


def parts_export(found: Found) -> Export:
    """One row per cell and joint, or band of size or occlusion."""
    rows_of = CellRows.of(setting for setting, _, _ in found)
    columns = (
        *rows_of.columns,
        Column("Part", False, width=1.2),
        Column("Joints", True),
        *(Column(kind.capitalize(), True, "%") for kind in KINDS),
    )
    rows, records = [], []
    for setting, cell, kinds in found:
        for factor, part, counts in _parts(kinds):
            total = sum(counts)
            shares = [count / total for count in counts]
            name = part if factor == "joint" else f"{factor}: {part}"
            cells = (Cell(f"{100 * share:.1f}", order=share) for share in shares)
            rows.append(
                (*rows_of.heads(setting, cell), Cell(name, order=name), Cell(f"{total:,}", order=float(total)), *cells)
            )
            parts = {"factor": factor, "part": part, "joints": total}
            records.append({**vars(setting), "cell": cell.label, **parts, **dict(zip(KINDS, counts, strict=True))})
    caption = f"Kinds of error by joint, by size and by occlusion of the person, all seeds together.{rows_of.shared}"
    title = "Kinds of error by joint, size and occlusion"
    table = Table(columns, tuple(rows), caption, name="error_kinds_by_part", title=title)
    return Export(table, pd.DataFrame(records), folded=True)


def _parts(kinds: KindsOfError) -> Iterator[tuple[str, str, list[int]]]:
    """Factor, part and its counts by kind, for what has a joint."""
    for (factor, band), counts_KC in kinds.counts_KC.items():
        if factor:
            parts = [(factor, band, counts_KC.sum(axis=0))]
        else:
            parts = [("joint", name, counts_C) for name, counts_C in zip(kinds.joints, counts_KC, strict=True)]
        yield from ((kind, name, counts_C.tolist()) for kind, name, counts_C in parts if counts_C.sum())
