"""A trained net on anyone's pictures: joints in COCO's results format, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heatmark.datasets.given_boxes import GivenBoxes
from heatmark.datasets.images import ImageArray, read_image
from heatmark.datasets.people import PoseDataset, Skeleton
from heatmark.datasets.pose_drawing import Pen, draw_pose
from heatmark.datasets.predictions import Predictions, as_results, suppressed
from heatmark.foundation.errors import InputError
from heatmark.workloads.crop_reader import CropReader, FileReader, TrialReader
from heatmark.workloads.evaluate import from_crops
from heatmark.workloads.export import opened
from heatmark.workloads.export_formats import FORMATS, format_of_file
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.trained import newest_weights
from heatmark.workloads.views import skeleton_of

Log = Callable[[str], None]
# Of a pose on a picture whose longer side is PEN_SIDE pixels; more on a larger one.
PEN, PEN_SIDE = Pen(bone=2, joint=3, rim=1), 640


@dataclass(frozen=True)
class Poses:
    """predictions: rows of people. unreadable: pictures that could not be decoded, of whose people there is no pose."""

    people: PoseDataset
    predictions: Predictions
    unreadable: tuple[Path, ...]

    def results(self) -> list[dict[str, Any]]:
        """COCO's keypoint results, as `heatmark score` and COCO's server take them."""
        found = as_results(self.people, self.predictions)
        return [{key: value for key, value in each.items() if key != "annotation_id"} for each in found]

    def on_pictures(self) -> dict[Path, list[int]]:
        """The rows of the predictions on each picture."""
        rows: dict[Path, list[int]] = {}
        for row, person in enumerate(self.predictions.people(self.people)):
            rows.setdefault(person.image_path, []).append(row)
        return rows


class Predictor:
    """A run folder's newest weights, on the GPU where there is one, or a file that heatmark export wrote, on the CPU.

    Raises InputError for a folder without a trial or without weights, and for a file that is no such export.
    """

    def __init__(self, place: Path, log: Log) -> None:
        self.reader: CropReader = file_reader(place) if is_export(place) else _trial_reader(place, log)

    @property
    def skeleton(self) -> Skeleton:
        return self.reader.skeleton

    def poses(self, boxes: GivenBoxes, source: Path, progress: Callable[[int], None] = lambda _people: None) -> Poses:
        """A pose in every box, as an evaluation of the trial would read it; a detector's go through OKS-NMS.

        source: where the boxes are from, for messages. progress: told how many people a batch had.
        """
        reader = self.reader
        people = PoseDataset(
            reader.name, "val", reader.skeleton, boxes.people, source, boxes.notes, detected=boxes.detected
        )
        person, joints, dark = [], [], set(boxes.unreadable)
        for batch in reader.loader(people):
            read = reader.read(batch["image_BHW3"])
            joints_BK3 = from_crops(read.joints_BK2, read.confidence_BK, batch)
            sound_B = ~batch["unreadable_B"].numpy()
            person.append(batch["person_B"].numpy()[sound_B])
            joints.append(joints_BK3[sound_B])
            dark |= {people.people[row].image_path for row in batch["person_B"].numpy()[~sound_B].tolist()}
            progress(len(sound_B))
        person_N = np.concatenate(person) if person else np.zeros(0, np.int64)
        joints_NK3 = np.concatenate(joints) if joints else np.zeros((0, len(self.skeleton.joints), 3))
        if not len(person_N):
            return Poses(people, Predictions(person_N, joints_NK3, np.zeros(0)), tuple(sorted(dark)))
        found = suppressed(people, reader.scored(people, person_N, joints_NK3, None))
        return Poses(people, found, tuple(sorted(dark)))


def is_export(place: Path) -> bool:
    """Whether it is a file, or would be by its name; run folders are folders."""
    return place.is_file() or (place.suffix.lower() in FORMATS and not place.is_dir())


def file_reader(path: Path) -> FileReader:
    """The net in an exported file. Raises InputError for what is none."""
    file_format = format_of_file(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give another file") from error
    return opened(file_format, content, str(path))


def _trial_reader(folder: Path, log: Log) -> TrialReader:
    spec = read_spec(folder / "spec.json")
    skeleton = skeleton_of(spec)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    weights = newest_weights(spec, RunFolder(folder.absolute()), len(skeleton.joints), log)
    return TrialReader(spec, skeleton, weights.model.to(device).eval(), device)


def drawn(poses: Poses) -> Iterator[tuple[Path, ImageArray]]:
    """Each picture with the poses found on it, in RGB."""
    for path, rows in poses.on_pictures().items():
        canvas_HW3 = read_image(path)
        if canvas_HW3 is None:
            continue
        pen = _pen(max(canvas_HW3.shape[:2]))
        for row in rows:
            joints_K3 = poses.predictions.joints_NK3[row]
            draw_pose(canvas_HW3, np.eye(2, 3), joints_K3[:, :2], np.ones(len(joints_K3)), poses.people.skeleton, pen)
        yield path, canvas_HW3


def _pen(side: int) -> Pen:
    scale = max(1.0, side / PEN_SIDE)
    return Pen(bone=round(PEN.bone * scale), joint=PEN.joint * scale, rim=PEN.rim * scale)


def named_results(poses: Poses, ids: Mapping[Path, int]) -> list[dict[str, Any]]:
    """The results, with the file names of pictures that have no number for a name. ids: of the pictures."""
    names = {number: path.name for path, number in ids.items() if not path.stem.isdecimal()}
    return [
        {**each, **({"file_name": names[each["image_id"]]} if each["image_id"] in names else {})}
        for each in poses.results()
    ]
