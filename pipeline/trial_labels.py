"""What the trials of a sweep are called in tables and messages: no two alike."""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.pipeline.mirror import flat
from heatmark.workloads.spec import TrialSpec


def trial_labels(trials: Sequence[TrialSpec]) -> dict[str, str]:
    """By signature. Where method, beta, backbone, data set and seed are the same, with the fields that are not."""
    alike: dict[str, list[TrialSpec]] = {}
    for trial in trials:
        alike.setdefault(trial.label, []).append(trial)
    return {trial.signature: ", ".join([trial.label, *_differing(trial, alike[trial.label])]) for trial in trials}


def _differing(trial: TrialSpec, alike: Sequence[TrialSpec]) -> list[str]:
    fields = dict(flat(trial.science()))
    others = [dict(flat(other.science())) for other in alike]
    return [f"{name} {value}" for name, value in fields.items() if any(other.get(name) != value for other in others)]
