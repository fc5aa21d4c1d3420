"""A trial that has been trained, opened again: its net with the newest weights, and its validation split."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from heatmark.datasets.loader import Batch, CropLoader
from heatmark.datasets.people import PoseDataset
from heatmark.foundation.errors import InputError
from heatmark.models.maps import Maps
from heatmark.workloads import checkpoint
from heatmark.workloads.evaluate import all_maps, heatmaps
from heatmark.workloads.further import Weights
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from heatmark.workloads.views import load_split, loader_of

Log = Callable[[str], None]


@dataclass(frozen=True)
class TrainedTrial:
    """model: in evaluation mode, on the GPU where there is one."""

    spec: TrialSpec
    people: PoseDataset
    model: nn.Module
    loader: CropLoader
    device: torch.device

    @torch.no_grad()
    def heatmaps(self) -> Iterator[tuple[Batch, Tensor, Tensor | None]]:
        """Batches of the validation split with heatmap_BKHW and, with flip_test, that of the mirrored crops."""
        for batch in self.loader:
            yield batch, *heatmaps(self.model, self.spec, self.people, batch, self.device)

    @torch.no_grad()
    def maps(self) -> Iterator[tuple[Batch, list[Maps]]]:
        """Batches of the validation split with all maps of the crops and, with flip_test, of the mirrored ones."""
        for batch in self.loader:
            yield batch, all_maps(self.model, self.spec, self.people.skeleton, batch["image_BHW3"], self.device)


def open_trial(folder: Path, log: Log) -> TrainedTrial:
    """Read a run folder. Raises InputError for one without a trial or without an intact checkpoint."""
    spec = read_spec(folder / "spec.json")
    people = load_split(spec, "val")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = newest_weights(spec, RunFolder(folder.absolute()), len(people.skeleton.joints), log).model.to(device)
    loader = loader_of(spec, people, Ranks(0, 1, device), training=False)
    return TrainedTrial(spec, people, model.eval(), loader, device)


def newest_weights(spec: TrialSpec, folder: RunFolder, joints: int, log: Log) -> Weights:
    """Of the newest intact checkpoint. Raises InputError where there is none."""
    try:
        state, complaints = checkpoint.load(folder, spec.signature)
    except RuntimeError as error:
        raise InputError(f"{folder.path}: {error}") from error
    if state is None:
        raise InputError(f"{folder.path}: no checkpoint yet; train the trial first: heatmark train {folder.spec_file}")
    for complaint in complaints:
        log(complaint)
    return weights_in(spec, state, joints)


def weights_of_epochs(spec: TrialSpec, folder: RunFolder, joints: int, epochs: Collection[int]) -> Iterator[Weights]:
    """Of the checkpoints that are kept from the ends of epochs, counted from 1. InputError names those that are not."""
    kept = checkpoint.epoch_ends(folder, spec.signature)
    if absent := sorted(set(epochs) - kept.keys()):
        raise InputError(
            f"{folder.path}: no checkpoint is kept of epoch {', '.join(map(str, absent))}; there are "
            f"{', '.join(map(str, sorted(kept))) or 'none'} (cluster.keep_checkpoints says how many are kept)"
        )
    for epoch in sorted(set(epochs)):
        yield weights_in(spec, checkpoint.read_state(kept[epoch]), joints)


def weights_in(spec: TrialSpec, state: Mapping[str, Any], joints: int) -> Weights:
    """The net of a checkpoint."""
    model = build_model(spec, joints)
    model.load_state_dict(state["training"]["model"])
    return Weights(model, state["position"]["epoch"], state["position"]["step"])
