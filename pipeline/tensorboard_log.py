"""TensorBoard's files of a sweep: a run for each trial, by its label, and what trials are judged by first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune.logger import TBXLoggerCallback

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.formats import format_of
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec

# TensorBoard sorts groups by their names: these come in this order.
HEADLINE, SPEED, TRAIN, VAL = "headline", "speed", "train", "val"
GROUPS = {"images_per_s": SPEED, "wall_s": SPEED, "samples_seen": SPEED, "lr": TRAIN}


def trial_folder_name(trial: Any) -> str:
    """What TensorBoard calls a trial: its label, and its signature, by which its folder is found."""
    folder = RunFolder(Path(trial.config["folder"]))
    return f"{folder.spec().label} {folder.signature}".replace("/", "-")


def scalars(result: dict[str, Any], spec: TrialSpec) -> dict[str, float]:
    """What a relay reported of an epoch, under the names of TensorBoard's groups; what Tune adds is left out."""
    boxes, headline = spec.data.bbox_source, format_of(spec.data).headline
    judged = {in_boxes(boxes, headline), in_boxes(boxes, "EPE")}
    found: dict[str, float] = {}
    for name, value in result.items():
        if name in GROUPS:
            found[f"{GROUPS[name]}/{name}"] = value
        elif name.startswith(f"{TRAIN}/"):
            found[name] = value
        elif "/" in name and isinstance(value, (int, float)):
            found[f"{HEADLINE if name in judged else VAL}/{name}"] = value
    return found


class TensorBoardLog(TBXLoggerCallback):
    """Steps are epochs, counted from 1."""

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        if trial not in self._trial_writer:
            self.log_trial_start(trial)
        writer = self._trial_writer[trial]
        found = scalars(result, RunFolder(Path(trial.config["folder"])).spec())
        for name, value in found.items():
            writer.add_scalar(name, value, global_step=result["epoch"])
        writer.flush()

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """Without the table of parameters, which Tune would fill with the folder's path."""
        if trial in self._trial_writer:
            self._trial_writer.pop(trial).close()
            self._trial_result.pop(trial, None)
