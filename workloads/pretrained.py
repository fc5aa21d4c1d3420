"""The published weights that a trial starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from heatmark.foundation.errors import InputError
from heatmark.models.weights import WeightsError, load_weights, read_checkpoint
from heatmark.workloads.spec import TrialSpec

Log = Callable[[str], None]


def load_pretrained(model: nn.Module, spec: TrialSpec, log: Log) -> None:
    """Fill a network with the weights a trial starts from. Raises InputError for a file that is not the one planned."""
    assert spec.pretrained is not None
    if spec.runtime.pretrained is None:
        raise InputError("runtime.pretrained: missing; give the file of the weights that `pretrained` describes")
    try:
        weights = read_checkpoint(Path(spec.runtime.pretrained), spec.pretrained.sha256, spec.pretrained.container)
        fit = load_weights(model, weights)
    except WeightsError as error:
        raise InputError(str(error)) from error
    if weights.channels != spec.channels:
        raise InputError(
            f"{weights.path}: trained on {weights.channels} images, but the trial gives {spec.channels}; "
            f"set pretrained.{spec.backbone}.channels: {weights.channels}"
        )
    if fit.missing and spec.train.epochs == 0:
        raise InputError(
            f"{weights.path}: {fit}; with train.epochs 0 the weights are measured as they are: give those of the whole "
            "net, with a head for the joints of this data set, or train"
        )
    log("; ".join([f"started from {weights.path}: {fit}", *weights.notes]))
