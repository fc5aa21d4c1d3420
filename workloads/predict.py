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
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.pose_drawing import Pen, draw_pose
from heatmark.datasets.predictions import Predictions, as_results, suppressed
from heatmark.workloads.evaluate import all_maps, certainty, image_joints, read_joints, scored
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import read_spec
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.trained import newest_weights
from heatmark.workloads.views import loader_of, skeleton_of

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
    """A run folder's newest weights, on the GPU where there is one.

    Raises InputError for a folder without a trial or without weights.
    """

    def __init__(self, folder: Path, log: Log) -> None:
        self.spec: TrialSpec = read_spec(folder / "spec.json")
        self.skeleton = skeleton_of(self.spec)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        weights = newest_weights(self.spec, RunFolder(folder.absolute()), len(self.skeleton.joints), log)
        self.model = weights.model.to(self.device).eval()

    @torch.no_grad()
    def poses(self, boxes: GivenBoxes, source: Path, progress: Callable[[int], None] = lambda _people: None) -> Poses:
        """A pose in every box, as an evaluation of the trial would read it; a detector's go through OKS-NMS.

        source: where the boxes are from, for messages. progress: told how many people a batch had.
        """
        people = PoseDataset(
            self.spec.data.name, "val", self.skeleton, boxes.people, source, boxes.notes, detected=boxes.detected
        )
        person, joints, dark = [], [], set(boxes.unreadable)
        for batch in loader_of(self.spec, people, Ranks(0, 1, self.device), training=False):
            seen = all_maps(self.model, self.spec, people, batch, self.device)
            read_BK2, _ = read_joints(self.spec, seen)
            joints_BK3 = image_joints(read_BK2, certainty(self.spec, seen), batch, self.spec.data.pitch)
            sound_B = ~batch["unreadable_B"].numpy()
            person.append(batch["person_B"].numpy()[sound_B])
            joints.append(joints_BK3[sound_B])
            dark |= {people.people[row].image_path for row in batch["person_B"].numpy()[~sound_B].tolist()}
            progress(len(sound_B))
        person_N = np.concatenate(person) if person else np.zeros(0, np.int64)
        joints_NK3 = np.concatenate(joints) if joints else np.zeros((0, len(self.skeleton.joints), 3))
        if not len(person_N):
            return Poses(people, Predictions(person_N, joints_NK3, np.zeros(0)), tuple(sorted(dark)))
        found = suppressed(people, scored(self.spec, people, person_N, joints_NK3))
        return Poses(people, found, tuple(sorted(dark)))


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
