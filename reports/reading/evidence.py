"""The digests of a sweep's trials, and what of their records could not be read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heatmark.foundation.errors import InputError
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.digest import Digest, digest
from heatmark.reports.reading.records import last_records, record_files, records_at


@dataclass(frozen=True)
class Evidence:
    """The digests of a sweep by signature and measurement, and a line for each file that could not be read."""

    digests: Mapping[tuple[str, str], Digest] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, trial: Trial) -> Digest | None:
        return self.digests.get((trial.signature, trial.source))


def gather_evidence(trials: Sequence[Trial]) -> Evidence:
    """The newest records of every finished trial that has any."""
    digests, notes = {}, []
    for trial in trials:
        if not trial.finished:
            continue
        try:
            records = last_records(trial)
        except InputError as error:
            notes.append(str(error))
            continue
        if records is not None and len(records):
            digests[trial.signature, trial.source] = digest(records)
    return Evidence(digests, tuple(notes))


def digest_near(trial: Trial, error: float) -> Digest | None:
    """The evaluation whose EPE is nearest to an error; None where there are no records of it."""
    points = zip(*trial.curve("EPE"), strict=True)
    kept = record_files(trial)
    nearest = min(
        (abs(value - error), number) for number, value in [*points, (0, math.inf)] if number in kept or not number
    )
    try:
        records = records_at(trial, nearest[1])
    except InputError:
        return None
    return digest(records) if records is not None and len(records) else None
