"""The claims of docs/study/plan.md put to the test, by the rules that it fixed before the first run.

python -m heatmark.reports.comparing.confirmatory runs/study [FILE.csv]

They are the paper's claims as the report's verdict has them, in one family (Holm), but that hard and easy people are
told by their labelled joints: the photographs' labels say of no joint that it is hidden, only that it was not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.cells import GridCell, grid_cells
from heatmark.reports.comparing.claims import Finding, p_text, tested_claims
from heatmark.reports.comparing.comparisons import EVERYONE, Comparison, pairs_of
from heatmark.reports.comparing.contest import FEWEST_IMAGES, common_images
from heatmark.reports.comparing.settings import settings_of
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.digest import Digest, parts_of
from heatmark.reports.reading.evidence import Evidence
from heatmark.reports.statistics.bootstrap import draw_resampling

# Bands of labelled joints, the first factor of the paper's section 7.2.1; of 14 joints a hard person lacks 4 or more.
HARD, EASY = ("1-5", "6-10"), ("11-17",)


def confirm(study: Study) -> tuple[Finding, ...]:
    """The findings in the order of the hypotheses."""
    pairs = [pair for pair in study.comparisons.pairs if pair.subset == EVERYONE]
    return tested_claims(
        study.settings, replace(study.comparisons, pairs=(*pairs, *_by_joints(study))), study.sweep.targets
    )


def _by_joints(study: Study) -> Iterator[Comparison]:
    """EPE of hard and of easy people, under the names that the claims ask for."""
    for bands, place in ((HARD, -1), (EASY, 0)):
        digests = {signature: _only(digest, bands) for signature, digest in study.evidence.digests.items()}
        # The claims look for the cells of the study itself.
        own = {_key(cell): cell for cell in study.cells}
        for setting, cells in settings_of(grid_cells(study.trials, Evidence(digests))).items():
            members = [cell for cell in cells if cell.digests]
            image_I = common_images([digest for cell in members for digest in cell.digests])
            if len(members) < 2 or len(image_I) < FEWEST_IMAGES:
                continue
            resampling = draw_resampling(image_I, study.comparisons.resamples)
            people = int(_inside(members[0].digests[0], bands).sum())
            for pair in pairs_of(setting, members, "EPE", EVERYONE, resampling):
                first, second = own[_key(pair.first)], own[_key(pair.second)]
                part = parts_of(setting.format)[place]
                yield replace(pair, subset=part, people=people, first=first, second=second)


def _key(cell: GridCell) -> str:
    return cell.trials[0].signature


def _inside(digest: Digest, bands: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    inside_N: npt.NDArray[np.bool_] = np.isin(digest.bands["joints"], bands)
    return inside_N


def _only(digest: Digest, bands: tuple[str, ...]) -> Digest:
    """The same people, of whom only those in some bands have errors."""
    inside_N = _inside(digest, bands)
    return replace(
        digest,
        error_sum_N=np.where(inside_N, digest.error_sum_N, 0),
        joint_count_N=np.where(inside_N, digest.joint_count_N, 0),
        readings={name: _only(each, bands) for name, each in digest.readings.items()},
    )


def as_frame(findings: tuple[Finding, ...]) -> pd.DataFrame:
    """One row per claim."""
    return pd.DataFrame(
        [
            {
                "hypothesis": finding.hypothesis,
                "claim": finding.claim,
                **finding.told,
            }
            for finding in findings
        ]
    )


def _lines(frame: pd.DataFrame) -> Iterator[str]:
    """A table in Markdown."""
    heads = ["", "The paper's claim", "Measured", "p (Holm)", "Outcome"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for row in frame.to_dict("records"):
        p = "" if pd.isna(row["p_holm"]) else p_text(float(row["p_holm"]))
        yield f"| {row['hypothesis']} | {row['claim']} | {row['measured']} | {p} | {row['outcome']} |"


def main(sweep: Path, file: Path | None = None) -> None:
    """Print the findings of a sweep's folder, and write them to a csv file where one is given."""
    frame = as_frame(confirm(Study(collect(sweep))))
    for line in _lines(frame):
        print(line)
    if file is not None:
        frame.to_csv(file, index=False)


if __name__ == "__main__":
    try:
        main(*map(Path, sys.argv[1:3]))
    except (InputError, TypeError) as mistake:
        sys.exit(f"error: {mistake}; usage: python -m heatmark.reports.comparing.confirmatory SWEEP_DIR [FILE.csv]")
