"""What the trials of a sweep are called in tables and messages: no two alike."""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.workloads.labels import differing_settings
from heatmark.workloads.spec import TrialSpec


def trial_labels(trials: Sequence[TrialSpec]) -> dict[str, str]:
    """By signature. Where method, beta, backbone, data set and seed are the same, with the fields that are not."""
    settings = differing_settings(trials)
    return {trial.signature: ", ".join(filter(None, (trial.label, settings[trial.signature]))) for trial in trials}
