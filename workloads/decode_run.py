"""A trained net's heatmaps, computed once and read by every decoder: the read-outs side by side on the same maps."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from heatmark.datasets.errors import InputError
from heatmark.datasets.loader import CropLoader, make_loader
from heatmark.datasets.people import PoseDataset
from heatmark.models import decoding
from heatmark.workloads import checkpoint
from heatmark.workloads.decoders import Decoder, chosen_decoders
from heatmark.workloads.evaluate import heatmaps, image_joints, measure
from heatmark.workloads.job import read_spec
from heatmark.workloads.run_folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model, crop_settings, load_split

# The name of the read-out that the trial itself is measured with.
OWN = "own"
Log = Callable[[str], None]


def decode_run(folder: Path, decoders: list[str], betas: list[str], log: Log) -> dict[str, dict[str, Any]]:
    """Metrics on the validation split and milliseconds per crop, by decoder; the trial's own read-out first.

    The confidence of a joint stays that of the trial's method, so that the rows differ in their joints alone.
    Raises InputError for a folder without a trial or a checkpoint.
    """
    chosen = chosen_decoders(decoders, betas)
    spec = read_spec(folder / "spec.json")
    chosen = {OWN: Decoder(spec.method.decode, merge=spec.method.decode_flipped)} | chosen
    people = load_split(spec, "val")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _trained(spec, RunFolder(folder.absolute()), len(people.skeleton.joints), log).to(device)
    loader = make_loader(
        people,
        crop_settings(spec),
        training=False,
        batch_size=spec.train.batch_size,
        workers=spec.runtime.workers,
        strict=spec.runtime.strict,
    )
    return _table(model, spec, people, loader, chosen, device)


def _trained(spec: TrialSpec, folder: RunFolder, joints: int, log: Log) -> nn.Module:
    """The net with the weights of the newest intact checkpoint."""
    try:
        state, complaints = checkpoint.load(folder)
    except RuntimeError as error:
        raise InputError(f"{folder.path}: {error}") from error
    if state is None:
        raise InputError(f"{folder.path}: no checkpoint yet; train the trial first: heatmark train {folder.spec_file}")
    for complaint in complaints:
        log(complaint)
    model = build_model(spec, joints)
    model.load_state_dict(state["training"]["model"])
    return model.eval()


@torch.no_grad()
def _table(
    model: nn.Module,
    spec: TrialSpec,
    people: PoseDataset,
    loader: CropLoader,
    decoders: dict[str, Decoder],
    device: torch.device,
) -> dict[str, dict[str, Any]]:
    joints: dict[str, list[Any]] = {name: [] for name in decoders}
    seconds = dict.fromkeys(decoders, 0.0)
    person = []
    for batch in loader:
        heatmap_BKHW, mirrored_BKHW = heatmaps(model, spec, people, batch, device)
        confidence_BK = spec.method.confidence(heatmap_BKHW)
        person.append(batch["person_B"].numpy())
        for name, decoder in decoders.items():
            started = _clock(device)
            if mirrored_BKHW is None:
                joints_BK2 = decoder.read(heatmap_BKHW)
            else:
                joints_BK2 = decoder.read_flipped(heatmap_BKHW, mirrored_BKHW)
            seconds[name] += _clock(device) - started
            joints_BK2 = decoding.clamp_to_map(joints_BK2, heatmap_BKHW.shape[-2:])
            joints[name].append(image_joints(joints_BK2, confidence_BK, batch, spec.data.stride))
    person_N = np.concatenate(person)
    return {
        name: measure(spec, people, person_N, np.concatenate(joints[name])).metrics
        | {"ms_per_crop": 1e3 * seconds[name] / len(person_N)}
        for name in decoders
    }


def _clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was told so far."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
