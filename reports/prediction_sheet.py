"""Predictions drawn on images: the same people across the methods, beside what the annotators drew."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray, Person
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.reports.collect import Trial
from heatmark.reports.tables import cell_of, trial_label

Image = npt.NDArray[np.uint8]

SKELETON = COCO_PERSON
JOINTS = len(SKELETON.joints)
PEOPLE = 6
METHODS_PER_SHEET = 6
ENOUGH_JOINTS = 8
CROP_WIDTH, CROP_HEIGHT = 270, 360
PADDING = 1.15
LEFT, RIGHT, MIDDLE = (0, 159, 230), (233, 180, 86), (240, 240, 240)
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Crop:
    """A JPEG, and the words under it."""

    jpeg: bytes
    text: str


@dataclass(frozen=True)
class Sheet:
    """Rows are people, columns are ground truth and the trials' methods."""

    trials: tuple[Trial, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Crop, ...], ...]
    caption: str


def prediction_sheets(
    trials: Sequence[Trial], settings: Mapping[str, str], people: int = PEOPLE
) -> tuple[list[Sheet], list[str]]:
    """The sheets, one or more per data set, and a line for each thing that could not be drawn."""
    sheets: list[Sheet] = []
    notes: list[str] = []
    by_data: dict[tuple[str, str], list[Trial]] = {}
    for trial in _first_seed_of_each_cell(trials):
        assert trial.spec is not None, "finished trials have a spec"
        by_data.setdefault((trial.spec.data.name, trial.spec.data.fingerprint), []).append(trial)
    for (dataset, _), members in by_data.items():
        poses = {trial.signature: _read_predictions(trial) for trial in members}
        drawn = [trial for trial in members if poses[trial.signature]]
        absent = [trial.label for trial in members if not poses[trial.signature]]
        if absent:
            named = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
            notes.append(f"No readable predictions in the run folders of {len(absent)} cell(s): {named}.")
        truth = _read_people(dataset, members, notes) if drawn else []
        chosen = _choose(truth, [poses[trial.signature] for trial in drawn], people)
        if truth and not chosen:
            notes.append(f"{dataset}: no image of a predicted person can be read, so no predictions are drawn.")
        for part in _parts(drawn if chosen else []):
            sheets.append(_sheet(dataset, part, [poses[trial.signature] for trial in part], chosen, settings))
    return sheets, notes


def _first_seed_of_each_cell(trials: Sequence[Trial]) -> list[Trial]:
    first: dict[str, Trial] = {}
    for trial in trials:
        if trial.finished and trial.spec:
            first.setdefault(cell_of(trial), trial)
    return list(first.values())


def _parts(trials: Sequence[Trial]) -> list[Sequence[Trial]]:
    """One part per backbone, or as few as hold METHODS_PER_SHEET each, of nearly the same length."""
    parts: list[Sequence[Trial]] = []
    for backbone in dict.fromkeys(trial.spec.backbone for trial in trials if trial.spec):
        members = [trial for trial in trials if trial.spec and trial.spec.backbone == backbone]
        count = -(-len(members) // METHODS_PER_SHEET)
        bounds = [round(part * len(members) / count) for part in range(count + 1)]
        parts += [members[start:end] for start, end in itertools.pairwise(bounds)]
    return parts


class Predictions:
    """The poses of one trial, found by annotation where the results name it, else by image and nearness."""

    def __init__(self, results: Sequence[object]) -> None:
        self._by_annotation: dict[int, FloatArray] = {}
        self._by_image: dict[int, list[FloatArray]] = {}
        for result in results:
            joints_K2 = _joints(result)
            if joints_K2 is None or not isinstance(result, dict):
                continue
            if isinstance(result.get("annotation_id"), int):
                self._by_annotation[result["annotation_id"]] = joints_K2
            else:
                self._by_image.setdefault(result.get("image_id", -1), []).append(joints_K2)

    def __len__(self) -> int:
        return len(self._by_annotation) + len(self._by_image)

    def of(self, person: Person) -> FloatArray | None:
        if person.annotation_id in self._by_annotation:
            return self._by_annotation[person.annotation_id]
        poses = self._by_image.get(person.image_id, [])
        return min(poses, key=lambda joints_K2: mean_error(joints_K2, person), default=None)


def mean_error(joints_K2: FloatArray, person: Person) -> float:
    """Mean distance to the labelled joints in image pixels."""
    labelled_K = person.visibility_K > 0
    return float(np.linalg.norm(joints_K2[labelled_K] - person.joints_K2[labelled_K], axis=1).mean())


def _joints(result: object) -> FloatArray | None:
    """joints_K2 of a COCO result; None where its keypoints are not 17 finite triples."""
    keypoints = result.get("keypoints") if isinstance(result, dict) else None
    if not isinstance(keypoints, list) or len(keypoints) != 3 * JOINTS:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in keypoints):
        return None
    return np.asarray(keypoints, dtype=np.float64).reshape(JOINTS, 3)[:, :2]


def _read_predictions(trial: Trial) -> Predictions:
    """The final poses; empty where the file is absent or unreadable."""
    assert trial.folder is not None, "finished trials have a folder"
    try:
        results = json.loads(trial.folder.predictions_file.read_text())
    except (OSError, ValueError):
        results = []
    return Predictions(results if isinstance(results, list) else [])


def _read_people(dataset: str, trials: Sequence[Trial], notes: list[str]) -> list[Person]:
    """The annotated people of the first data folder that is still there."""
    for root in dict.fromkeys(Path(trial.spec.runtime.data_root) for trial in trials if trial.spec):
        try:
            content = json.loads((root / "annotations" / "person_keypoints_val2017.json").read_text())
            names = {image["id"]: image["file_name"] for image in content["images"]}
            return [
                _person(annotation, root / "val2017" / names[annotation["image_id"]])
                for annotation in content["annotations"]
                if annotation.get("num_keypoints", 0) > 0 and not annotation.get("iscrowd")
            ]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    notes.append(f"{dataset}: the data folder is gone or unreadable here, so no predictions are drawn.")
    return []


def _person(annotation: Mapping[str, Any], image_path: Path) -> Person:
    keypoints_K3 = np.asarray(annotation["keypoints"], dtype=np.float64).reshape(JOINTS, 3)
    x, y, width, height = (float(value) for value in annotation["bbox"])
    return Person(
        annotation["image_id"],
        annotation["id"],
        image_path,
        (x, y, width, height),
        keypoints_K3[:, :2],
        keypoints_K3[:, 2],
        float(annotation.get("area", width * height)),
    )


def _choose(truth: Sequence[Person], predictions: Sequence[Predictions], count: int) -> list[tuple[Person, Image]]:
    """People spread evenly over the sizes, each in another image where there are enough; chosen by no method's error.

    Only people with enough labelled joints, whom every trial has predicted and whose image can be read.
    """
    able = [p for p in truth if all(poses.of(p) is not None for poses in predictions)]
    rich = [p for p in able if np.count_nonzero(p.visibility_K > 0) >= ENOUGH_JOINTS]
    pool = sorted(rich or able, key=lambda p: (p.area, p.annotation_id))
    chosen: list[tuple[Person, Image]] = []
    for band in np.array_split(np.arange(len(pool)), min(count, len(pool)) or 1):
        middle_first = sorted(band.tolist(), key=lambda index: (abs(index - band.mean()), index))
        used = {person.image_id for person, _ in chosen}
        middle_first.sort(key=lambda index: pool[index].image_id in used)
        for index in middle_first:
            image = cv2.imread(str(pool[index].image_path), cv2.IMREAD_COLOR) if pool else None
            if image is not None:
                chosen.append((pool[index], image.astype(np.uint8)))
                break
    return sorted(chosen, key=lambda pick: -pick[0].area)


def _sheet(
    dataset: str,
    trials: Sequence[Trial],
    predictions: Sequence[Predictions],
    chosen: Sequence[tuple[Person, Image]],
    settings: Mapping[str, str],
) -> Sheet:
    rows = []
    for person, image in chosen:
        width, height = person.box_xywh[2:]
        crops = [Crop(draw_person(image, person, person.joints_K2), f"{width:.0f} × {height:.0f} px")]
        for poses in predictions:
            joints_K2 = poses.of(person)
            assert joints_K2 is not None, "people are chosen among the predicted"
            crops.append(Crop(draw_person(image, person, joints_K2), f"{mean_error(joints_K2, person):.1f} px"))
        rows.append(tuple(crops))
    seeds = sorted({trial.spec.seed for trial in trials if trial.spec})
    caption = (
        f"Predictions of the final evaluation on {dataset}, seed {', '.join(map(str, seeds))}. The people are spread "
        "evenly over the sizes and chosen without regard to any method's error; only joints that the annotators "
        "labelled are drawn. Orange is the person's left, blue the right. Under the ground truth: the size of the "
        "person's box; under a prediction: the mean distance to the labelled joints, both in image pixels."
    )
    columns = ("Ground truth", *(trial_label(trial, settings) for trial in trials))
    return Sheet(tuple(trials), columns, tuple(rows), caption)


def draw_person(image: Image, person: Person, joints_K2: FloatArray) -> bytes:
    """The crop around the person's box with a pose on it, as JPEG."""
    x, y, width, height = person.box_xywh
    scale = min(CROP_WIDTH / max(width, 1), CROP_HEIGHT / max(height, 1)) / PADDING
    # Pixel centres are integers: the centre of the box lands on the centre of the crop.
    shift = np.array([(CROP_WIDTH - 1) / 2, (CROP_HEIGHT - 1) / 2]) - scale * np.array(
        [x + (width - 1) / 2, y + (height - 1) / 2]
    )
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    canvas = cv2.warpAffine(image, affine, (CROP_WIDTH, CROP_HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(60, 60, 60))
    _draw_skeleton(canvas.astype(np.uint8, copy=False), scale * joints_K2 + shift, person.visibility_K > 0)
    encoded, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert encoded, "a drawn crop can be encoded"
    return jpeg.tobytes()


def _draw_skeleton(canvas: Image, joints_K2: FloatArray, drawn_K: npt.NDArray[np.bool_]) -> None:
    limit = 4 * max(CROP_WIDTH, CROP_HEIGHT)
    clipped = np.clip(joints_K2, -limit, limit)
    points = [(int(x), int(y)) for x, y in np.rint(clipped * 2**SUBPIXEL_BITS)]
    for thickness, outline in ((6, True), (3, False)):
        for a, b in SKELETON.bones:
            if drawn_K[a] and drawn_K[b]:
                color = (25, 25, 25) if outline else _side_color(a, b)
                cv2.line(canvas, points[a], points[b], color, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    for joint in np.flatnonzero(drawn_K):
        center, color = points[joint], _side_color(int(joint), int(joint))
        cv2.circle(canvas, center, 5 << SUBPIXEL_BITS, (25, 25, 25), -1, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.circle(canvas, center, int(3.5 * 2**SUBPIXEL_BITS), color, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _side_color(a: int, b: int) -> tuple[int, int, int]:
    """Blue-green-red: orange for the person's left, blue for the right, light grey where a bone crosses over."""
    sides = {SKELETON.joints[joint].partition("_")[0] for joint in (a, b)} & {"left", "right"}
    if sides == {"left"}:
        return LEFT
    return RIGHT if sides == {"right"} else MIDDLE
