"""What the trials of a sweep are called in tables and messages: no two alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heatmark.pipeline.mirror import flat
from heatmark.workloads.spec import TrialSpec


def trial_labels(trials: Sequence[TrialSpec]) -> dict[str, str]:
    """By signature. Where method, beta, backbone, data set and seed are the same, with the fields that are not."""
    alike: dict[str, list[TrialSpec]] = {}
    for trial in trials:
        alike.setdefault(trial.label, []).append(trial)
    labels = {signature: label for group in alike.values() for signature, label in _told_apart(group)}
    return {trial.signature: labels[trial.signature] for trial in trials}


def _told_apart(alike: Sequence[TrialSpec]) -> Iterator[tuple[str, str]]:
    fields = [dict(flat(trial.science())) for trial in alike]
    differing = {name for name in set().union(*fields) if len({own.get(name) for own in fields}) > 1}
    for trial, own in zip(alike, fields, strict=True):
        yield trial.signature, ", ".join([trial.label, *(f"{name} {own[name]}" for name in own if name in differing)])
