"""A trial that has been trained, opened again: its net with the newest weights, and its validation split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from heatmark.datasets.loader import Batch, CropLoader, make_loader
from heatmark.datasets.people import PoseDataset
from heatmark.foundation.errors import InputError
from heatmark.models.maps import Maps
from heatmark.workloads import checkpoint
from heatmark.workloads.evaluate import all_maps, evaluate, heatmaps
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import Ranks, process_group
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model, load_split

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
            yield batch, all_maps(self.model, self.spec, self.people, batch, self.device)


def evaluate_trial(folder: Path, log: Log) -> dict[str, float | None]:
    """The metrics of a run folder's newest weights, the split shared among the ranks this process was launched with.

    Every rank returns the same. Raises InputError as open_trial does.
    """
    launch = Launch.from_environment()
    with process_group(launch, RunFolder(folder.absolute()).log) as ranks:
        trial = open_trial(folder, log, ranks)
        return evaluate(trial.model, trial.spec, trial.people, trial.loader, ranks, set()).metrics


def open_trial(folder: Path, log: Log, ranks: Ranks | None = None) -> TrainedTrial:
    """Read a run folder. Raises InputError for one without a trial or without an intact checkpoint."""
    spec = read_spec(folder / "spec.json")
    people = load_split(spec, "val")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _newest(spec, RunFolder(folder.absolute()), len(people.skeleton.joints), log).to(device)
    loader = make_loader(
        people,
        spec.data,
        training=False,
        batch_size=spec.train.batch_size,
        rank=ranks.rank if ranks else 0,
        world_size=ranks.world_size if ranks else 1,
        workers=spec.runtime.workers,
        strict=spec.runtime.strict,
        cache=spec.runtime.cache,
    )
    return TrainedTrial(spec, people, model.eval(), loader, device)


def _newest(spec: TrialSpec, folder: RunFolder, joints: int, log: Log) -> nn.Module:
    try:
        state, complaints = checkpoint.load(folder, spec.signature)
    except RuntimeError as error:
        raise InputError(f"{folder.path}: {error}") from error
    if state is None:
        raise InputError(f"{folder.path}: no checkpoint yet; train the trial first: heatmark train {folder.spec_file}")
    for complaint in complaints:
        log(complaint)
    model = build_model(spec, joints)
    model.load_state_dict(state["training"]["model"])
    return model
