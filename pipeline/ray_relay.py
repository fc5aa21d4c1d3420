"""The relay as Ray's dashboard lists it, by its trial's label, and what it tells Ray's metrics of every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import PlacementGroupFactory
from ray.tune.trainable import wrap_function
from ray.util.metrics import Gauge

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.formats import format_of
from heatmark.pipeline.relay import relay
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.folder import RunFolder

RELAY_CPUS = 0.001  # a relay only waits; the trial's real resources belong to its job
# Of every trial; the names that slurm/monitoring/ asks for, where Ray puts `ray_` before them.
ABOUT = ("sweep", "trial", "signature", "method", "dataset")
EPOCH, HEADLINE, EPE, SPEED = "heatmark_epoch", "heatmark_headline", "heatmark_epe", "heatmark_images_per_s"


class Relay(wrap_function(relay)):  # type: ignore[misc]  # a class that Tune makes
    """Ray names an actor by its representation, once: one that follows trials in turn cannot have their labels."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:  # noqa: ARG003
        """Not by tune.with_resources, whose class would have its own name on the dashboard."""
        return PlacementGroupFactory([{"CPU": RELAY_CPUS}])

    def __repr__(self) -> str:
        if self.config["in_turn"]:
            return "relay of one trial after the other"
        return RunFolder(Path(self.config["folder"])).spec().label


class TrialGauges:
    """The newest epoch of one trial, as gauges that Prometheus collects from Ray."""

    def __init__(self, folder: RunFolder) -> None:
        spec = folder.spec()
        headline = format_of(spec.data).headline
        self._boxes, self._headline = spec.data.bbox_source, headline
        values = (folder.path.parent.name, spec.label, folder.signature, spec.method.name, spec.data.name)
        self._about = {name: _ascii(value) for name, value in zip(ABOUT, values, strict=True)}
        self._gauges = {
            EPOCH: _gauge(EPOCH, "Epochs that have ended."),
            EPE: _gauge(EPE, "Mean end-point error of the newest evaluation, in pixels of the image."),
            SPEED: _gauge(SPEED, "Images trained on per second, in the newest epoch."),
        }
        self._best = _gauge(HEADLINE, "The metric that trials are judged by, of the newest evaluation.", "metric")

    def tell(self, record: EpochRecord) -> None:
        """What was not evaluated keeps its last value."""
        val = record.val or {}
        values = {
            EPOCH: record.epoch + 1,
            EPE: val.get(in_boxes(self._boxes, "EPE")),
            SPEED: record.images_per_s,
        }
        for name, value in values.items():
            if value is not None:
                self._gauges[name].set(value, tags=self._about)
        headline = val.get(in_boxes(self._boxes, self._headline))
        if headline is not None:
            self._best.set(headline, tags={**self._about, "metric": _ascii(self._headline)})


def _ascii(text: str) -> str:
    """Ray's metrics take nothing else."""
    return text.replace("β", "beta").encode("ascii", "replace").decode()


def _gauge(name: str, about: str, *more: str) -> Any:
    return Gauge(name, description=about, tag_keys=(*ABOUT, *more))
