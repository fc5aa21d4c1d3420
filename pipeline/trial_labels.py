"""What the trials of a sweep are called in tables and messages: no two alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heatmark.workloads.labels import differing_settings
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec

# Digits of a signature beside a label: enough to find the folder by.
SHORT: Final = 8


def trial_labels(trials: Sequence[TrialSpec]) -> dict[str, str]:
    """By signature. Where method, beta, backbone, data set and seed are the same, with the fields that are not."""
    settings = differing_settings(trials)
    return {trial.signature: ", ".join(filter(None, (trial.label, settings[trial.signature]))) for trial in trials}


@dataclass(frozen=True)
class Label:
    """A label in its parts: `BCIR β 10`, `sbl-r50`, `coco`, `seed 0`, and the fields that are not as usual."""

    parts: tuple[str, ...]
    settings: str

    def __str__(self) -> str:
        return " ".join(self.parts) + self.settings

    def without(self, shared: Sequence[str]) -> str:
        """What is left beside the parts that all have."""
        return " ".join(part for part in self.parts if part not in shared) + self.settings


def label_of(spec: TrialSpec, label: str | None = None) -> Label:
    """label: as `trial_labels` gave it, if it did."""
    ends = spec.backbone, spec.data.name, f"seed {spec.seed}"
    head = spec.label.removesuffix(" ".join(["", *ends]))
    return Label((head, *ends), (label or spec.label).removeprefix(spec.label))


def shared_parts(labels: Sequence[Label]) -> tuple[str, ...]:
    """The backbone, the data set and the seed that all trials of several have, and never the method."""
    if len(labels) < 2:
        return ()
    return tuple(part for part in labels[0].parts[1:] if all(part in label.parts[1:] for label in labels))


def name_of(signature: str, label: str | None) -> str:
    """A trial in a message: its label, by which people know it, and the beginning of its folder's name."""
    return f"{label} ({signature[:SHORT]})" if label else signature


def names_in(sweep: Path) -> Callable[[str], str]:
    """`name_of` for the trials of a sweep's folder, by signature."""
    record = SweepRecord.read(sweep_file(sweep))
    labels = {cell.signature: cell.label for cell in record.cells} if record else {}
    return lambda signature: name_of(signature, labels.get(signature))
