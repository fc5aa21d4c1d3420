"""A trained net's heatmaps, computed once and read by every decoder: the read-outs side by side on the same maps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heatmark.models import decoding
from heatmark.models.maps import Maps
from heatmark.workloads.decoders import Decoder, chosen_decoders
from heatmark.workloads.evaluate import certainty, image_joints, measure, own_reading, predictions_of
from heatmark.workloads.trained import Log, TrainedTrial, open_trial

# The name of the read-out that the trial itself is measured with.
OWN = "own"

Reader = Callable[[list[Maps]], Tensor]


def decode_run(folder: Path, decoders: list[str], betas: list[str], log: Log) -> dict[str, dict[str, Any]]:
    """Metrics on the validation split and milliseconds per crop, by decoder; the trial's own read-out first.

    The confidence of a joint stays that of the trial's method, so that the rows differ in their joints alone.
    Raises InputError for a folder without a trial or a checkpoint.
    """
    chosen = chosen_decoders(decoders, betas)
    return _table(open_trial(folder, log), chosen)


@torch.no_grad()
def _table(trial: TrainedTrial, decoders: dict[str, Decoder]) -> dict[str, dict[str, Any]]:
    spec = trial.spec
    readers: dict[str, Reader] = {OWN: partial(own_reading, spec)}
    readers |= {name: partial(_read, decoder, spec.data.lag) for name, decoder in decoders.items()}
    joints: dict[str, list[Any]] = {name: [] for name in readers}
    seconds = dict.fromkeys(readers, 0.0)
    person = []
    for batch, seen in trial.maps():
        size = seen[0].heatmap_BKHW.shape[-2:]
        confidence_BK = certainty(spec, seen)
        person.append(batch["person_B"].numpy())
        for name, reader in readers.items():
            if not joints[name]:
                reader(seen)  # the first call of its kind takes longer
            started = _clock(trial.device)
            joints_BK2 = reader(seen)
            seconds[name] += _clock(trial.device) - started
            joints_BK2 = decoding.clamp_to_map(joints_BK2, size)
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
        for name in readers
    }


def _read(decoder: Decoder, lag: float, seen: list[Maps]) -> Tensor:
    """seen: the maps of the images and, with flip_test, those of the mirrored ones."""
    if len(seen) > 1:
        return decoder.read_flipped(seen[0].heatmap_BKHW, seen[1].heatmap_BKHW, lag)
    return decoder.read(seen[0].heatmap_BKHW)


def _clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was told so far."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
