"""`heatmark evaluate`: weights of run folders measured again, or in other ways, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heatmark.datasets.coco_detections import detections_fingerprint
from heatmark.datasets.formats import format_of
from heatmark.datasets.predictions import Metrics
from heatmark.foundation.errors import InputError
from heatmark.workloads.evaluate import evaluate
from heatmark.workloads.further import Weights, measure_once
from heatmark.workloads.launch import Launch
from heatmark.workloads.measurement import measurement_of, source_of
from heatmark.workloads.process_group import Ranks, process_group
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measurement, WantedPart
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.trained import newest_weights, weights_of_epochs
from heatmark.workloads.views import skeleton_of, view_of

Log = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is to be measured; what is None is as the trial itself is measured.

    boxes: `gt`, another source of the format's, or the path of a detector's boxes. epochs: of kept checkpoints, counted
    from 1; none is the newest.
    """

    boxes: str | None = None
    flip_test: bool | None = None
    epochs: tuple[int, ...] = ()

    @property
    def nothing(self) -> bool:
        return self.boxes is None and self.flip_test is None and not self.epochs


@dataclass(frozen=True)
class Found:
    """One measurement of one run folder. epoch: finished epochs of the weights."""

    folder: RunFolder
    source: str
    epoch: int
    metrics: Metrics


def evaluate_runs(folders: Sequence[Path], asked: Asked, log: Log) -> list[Found]:
    """Measure, the people shared among the ranks this process was launched with; every rank returns the same.

    With nothing asked, the newest weights as the trial is measured, and nothing is written. Else what was measured is
    put on record in the run folder, for reports; what is there already is not measured again.
    Raises InputError for a folder without a trial or the weights, and for boxes that its data set has not.
    """
    with process_group(Launch.from_environment(), RunFolder(folders[0].absolute()).log) as ranks:
        return [found for folder in folders for found in _evaluated(RunFolder(folder.absolute()), asked, ranks, log)]


def _evaluated(folder: RunFolder, asked: Asked, ranks: Ranks, log: Log) -> Iterator[Found]:
    spec = read_spec(folder.spec_file)
    joints = len(skeleton_of(spec).joints)
    if asked.nothing:
        view = view_of(spec, ranks)
        weights = _on_device(newest_weights(spec, folder, joints, log), ranks)
        yield Found(folder, view.name, weights.epoch, evaluate(weights.model, view, ranks, set()).metrics)
        return
    part = asked_part(spec, folder, asked)
    chosen = (
        weights_of_epochs(spec, folder, joints, asked.epochs)
        if asked.epochs
        else iter((newest_weights(spec, folder, joints, log),))
    )
    for weights in chosen:
        known = ranks.gather(on_record(spec, folder, part.source, weights.epoch))[0]
        if known is not None:
            log(f"{folder.path}: {part.source} after epoch {weights.epoch} is on record already")
            yield Found(folder, part.source, weights.epoch, known)
            continue
        found = measure_once(_on_device(weights, ranks), spec, folder, ranks, part, lambda: ranks.is_first)
        yield Found(folder, part.source, weights.epoch, found.metrics)


def _on_device(weights: Weights, ranks: Ranks) -> Weights:
    weights.model.to(ranks.device).eval()
    return weights


def asked_part(spec: TrialSpec, folder: RunFolder, asked: Asked) -> WantedPart:
    """The measurement by the name that it has in this trial. Raises InputError for boxes that there are not."""
    own, found = measurement_of(spec), format_of(spec.data)
    boxes, file, detections = asked.boxes, None, None
    if boxes is None:
        boxes, detections = own.boxes, own.detections
        file = Path(spec.runtime.detections) if spec.runtime.detections else None
    elif boxes == "det" or boxes not in found.box_sources:
        file, boxes = Path(boxes).absolute(), "det"
        if "det" not in found.box_sources or not file.is_file():
            words = "the path of a detector's boxes, or " if "det" in found.box_sources else ""
            valid = ", ".join(each for each in found.box_sources if each != "det")
            raise InputError(f"--boxes {asked.boxes}: no such file or boxes of {spec.data.format}; give {words}{valid}")
        detections = detections_fingerprint(file)
    if boxes != own.boxes and not found.boxes.keys().isdisjoint((boxes, own.boxes)):
        raise InputError(
            f"--boxes {boxes}: {folder.path} is trained in {own.boxes} boxes, which crop people otherwise in training "
            "too; train a trial with others"
        )
    flip = own.flip_test if asked.flip_test is None else asked.flip_test
    wanted = Measurement(boxes=boxes, flip_test=flip, detections=detections)
    source = source_of(spec, wanted, folder.measurements())
    return WantedPart(source=source, measurement=wanted, file=str(file) if file else None)


def on_record(spec: TrialSpec, folder: RunFolder, source: str, epoch: int) -> Metrics | None:
    """What was measured so before; None where it was not. epoch: finished epochs."""
    for each in folder.measured():
        if (each.source, each.epoch) == (source, epoch):
            return dict(each.metrics)
    if source == measurement_of(spec).boxes:
        for record in folder.epochs():
            if record.epoch + 1 == epoch and record.val is not None:
                return dict(record.val)
    return None
