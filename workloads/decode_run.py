"""A trained net's heatmaps, computed once and read by every decoder: the read-outs side by side on the same maps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heatmark.models import decoding
from heatmark.models.maps import Maps
from heatmark.workloads.decoders import Decoder, chosen_decoders
from heatmark.workloads.evaluate import certainty, image_joints, measure, predictions_of
from heatmark.workloads.trained import Log, TrainedTrial, open_trial

# The name of the read-out that the trial itself is measured with.
OWN = "own"


def decode_run(folder: Path, decoders: list[str], betas: list[str], log: Log) -> dict[str, dict[str, Any]]:
    """Metrics on the validation split and milliseconds per crop, by decoder; the trial's own read-out first.

    The confidence of a joint stays that of the trial's method, so that the rows differ in their joints alone.
    Raises InputError for a folder without a trial or a checkpoint.
    """
    chosen = chosen_decoders(decoders, betas)
    trial = open_trial(folder, log)
    method = trial.spec.method
    return _table(trial, {OWN: Decoder(method.decode, merge=method.decode_flipped)} | chosen)


@torch.no_grad()
def _table(trial: TrainedTrial, decoders: dict[str, Decoder]) -> dict[str, dict[str, Any]]:
    spec = trial.spec
    joints: dict[str, list[Any]] = {name: [] for name in decoders}
    seconds = dict.fromkeys(decoders, 0.0)
    person = []
    for batch, seen in trial.maps():
        heatmap_BKHW, mirrored = seen[0].heatmap_BKHW, seen[1:]
        confidence_BK = certainty(spec, seen)
        person.append(batch["person_B"].numpy())
        for name, decoder in decoders.items():
            if not joints[name]:
                _read(decoder, heatmap_BKHW, mirrored, spec.data.lag)  # the first call of its kind takes longer
            started = _clock(trial.device)
            joints_BK2 = _read(decoder, heatmap_BKHW, mirrored, spec.data.lag)
            seconds[name] += _clock(trial.device) - started
            joints_BK2 = decoding.clamp_to_map(joints_BK2, heatmap_BKHW.shape[-2:])
            joints[name].append(image_joints(joints_BK2, confidence_BK, batch, spec.data.pitch))
    person_N = np.concatenate(person)
    return {
        name: measure(
            spec,
            trial.people,
            predictions_of(spec, trial.people, person_N, np.concatenate(joints[name])),
            spec.data.bbox_source,
        ).metrics
        | {"ms_per_crop": 1e3 * seconds[name] / len(person_N)}
        for name in decoders
    }


def _read(decoder: Decoder, heatmap_BKHW: Tensor, mirrored: Sequence[Maps], lag: float) -> Tensor:
    """mirrored: none, or the maps of the mirrored images."""
    if mirrored:
        return decoder.read_flipped(heatmap_BKHW, mirrored[0].heatmap_BKHW, lag)
    return decoder.read(heatmap_BKHW)


def _clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was told so far."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
