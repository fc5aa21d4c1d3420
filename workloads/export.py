"""`heatmark export`: a trained trial as one file that others can run, checked before it is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from heatmark.datasets.predictions import Metrics
from heatmark.foundation.errors import InputError
from heatmark.workloads.crop_reader import FileReader, TrialReader
from heatmark.workloads.export_check import Agreement, Verified, compare, verify
from heatmark.workloads.export_formats import ExportFormat
from heatmark.workloads.exported import Exported
from heatmark.workloads.pose_net import PoseNet
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.trained import newest_weights
from heatmark.workloads.views import load_split, skeleton_of, view_of

Log = Callable[[str], None]

# Crops that every export is checked on: one alone, and the others together.
CHECKED = 8
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Export:
    """content: of the file. spec: with the flip test that is in the graph. agreement: with torch, on a few crops.

    checked_on: what those are, in words. verified: on everybody, where that was asked for.
    """

    content: bytes
    about: Exported
    spec: TrialSpec
    folder: RunFolder
    file_format: ExportFormat
    agreement: Agreement
    checked_on: str
    verified: Verified | None = None


def export_trial(
    folder: Path,
    file_format: ExportFormat,
    where: str,
    log: Log,
    *,
    flip_test: bool | None = None,
    all_people: bool = False,
    progress: Callable[[int, int], None] = lambda _people, _of: None,
) -> Export:
    """The newest weights of a run folder. Nothing is written.

    where: the file to be, for messages. flip_test: in the graph; None is as the trial is measured. all_people: also
    compare the metrics of the whole validation split. progress: told how many of how many people are done.
    Raises InputError for a folder without a trial or weights, for a missing package, and for a file that does not read
    crops as torch does.
    """
    run = RunFolder(folder.absolute())
    own = read_spec(run.spec_file)
    skeleton = skeleton_of(own)
    weights = newest_weights(own, run, len(skeleton.joints), log)
    if hasattr(weights.model, "learned"):
        del weights.model.learned  # the loss's own, which no reading needs
    flip = own.train.flip_test if flip_test is None else flip_test
    spec = own.model_copy(update={"train": own.train.model_copy(update={"flip_test": flip})})
    trial = TrialReader(spec, skeleton, weights.model.to(CPU).eval(), CPU)
    about = Exported.of_trial(spec, skeleton, weights.epoch, metrics_on_record(run, weights.epoch))
    net = PoseNet(trial.model, spec, skeleton).eval()
    width, height = spec.data.input_size
    content = file_format.convert(net, torch.zeros(2, 3, height, width), about.outputs, about.properties())
    exported = opened(file_format, content, where)
    crops, checked_on = _crops(trial, log)
    agreement = compare(trial, exported, crops)
    if agreement.broken:
        raise InputError(
            f"{where}: {file_format.runtime} reads {agreement.broken} of {agreement.joints} joints otherwise than "
            "torch does; nothing was written; try another format"
        )
    verified = verify(trial, exported, view_of(spec, Ranks(0, 1, CPU)), progress) if all_people else None
    if verified is not None and verified.broken:
        raise InputError(f"{where}: {verified.told(file_format.runtime)}; nothing was written; try another format")
    return Export(content, about, spec, run, file_format, agreement, checked_on, verified)


def opened(file_format: ExportFormat, content: bytes, where: str) -> FileReader:
    """A net in a file. Raises InputError for one that cannot be run, or that does not say what it takes and gives."""
    run, properties = file_format.open(content, where)
    about = Exported.of_properties(properties, where)
    return FileReader(about, run, about.joints)


def metrics_on_record(folder: RunFolder, epoch: int) -> Metrics:
    """All that was measured of the weights after so many epochs, in whatever way; names tell how."""
    own = {record.epoch + 1: record.val for record in folder.epochs() if record.val is not None}
    found: Metrics = dict(own.get(epoch) or {})
    for each in folder.measured():
        if each.epoch == epoch:
            found |= each.metrics
    return found


def _crops(trial: TrialReader, log: Log) -> tuple[Iterator[Tensor], str]:
    """A few crops of the validation people, or drawn ones where those are not there; and which they are."""
    try:
        people = load_split(trial.spec, "val")
        loader = trial.loader(people)
    except (InputError, OSError) as error:
        log(f"no validation people to check the export on ({error}): checked on noise")
        width, height = trial.spec.data.input_size
        draw = torch.Generator().manual_seed(0)
        noise_BHW3 = torch.randint(0, 256, (CHECKED, height, width, 3), dtype=torch.uint8, generator=draw)
        return iter((noise_BHW3[:1], noise_BHW3[1:])), "crops of noise"
    batches = -(-CHECKED // trial.spec.train.batch_size)
    try:
        parts = [batch["image_BHW3"] for batch in itertools.islice(loader, batches)]
    finally:
        loader.close()
    crops_BHW3 = torch.cat(parts)[:CHECKED]
    return iter([each for each in (crops_BHW3[:1], crops_BHW3[1:]) if len(each)]), "crops of validation people"
