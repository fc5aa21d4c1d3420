"""Genuine annotation files of public data sets, none of them COCO's: each is read and scored for what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from heatmark.datasets.check import check
from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import FORMATS, score
from heatmark.datasets.keypoint_data import KeypointData, wanted_of
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.predictions import Predictions
from heatmark.workloads.contact_sheet import contact_sheet


class Sample(NamedTuple):
    """skeleton: as it is found, or has to be said where the file names no joints. people: annotated with a joint."""

    skeleton: str
    joints: int
    people: int
    said: bool = False
    root: str = ""
    annotations: str | None = None
    images: str | None = None


SETS = "keypoint_sets"
SAMPLES = {
    "300w": Sample("300w", 68, 2, said=True),
    "aic": Sample("aic", 14, 9),
    "animalpose": Sample("animalpose", 20, 2),
    "ap10k": Sample("ap10k", 17, 2),
    "coco_wholebody": Sample(
        *("coco_wholebody", 133, 12, False, "."),
        annotations=f"{SETS}/coco_wholebody/test_coco_wholebody.json",
        images="coco_mmpose",
    ),
    "cofw": Sample("cofw", 29, 2, said=True),
    "crowdpose": Sample("crowdpose", 14, 4),
    "exlpose": Sample("exlpose", 14, 6),
    "fld": Sample("deepfashion_full", 8, 2),
    "fly": Sample("fly", 32, 2),
    "freihand": Sample("freihand2d", 21, 8),
    "halpe": Sample(*("halpe", 136, 12, True, "."), annotations=f"{SETS}/halpe/test_halpe.json", images="coco_mmpose"),
    "horse10": Sample("horse10", 22, 3),
    "jhmdb": Sample("jhmdb", 15, 3),
    "onehand10k": Sample("freihand2d", 21, 4),
    "posetrack18": Sample("posetrack18", 17, 14, annotations="annotations/test_posetrack18_val.json"),
    "wflw": Sample("wflw", 98, 4, said=True),
    "zebra": Sample("zebra", 9, 2),
}
every_sample = pytest.mark.parametrize("name", SAMPLES)


def settings_of(sample: Sample) -> KeypointSettings:
    return KeypointSettings(
        annotations=sample.annotations, images=sample.images, skeleton=sample.skeleton if sample.said else None
    )


def root_of(name: str, real: Callable[[str], Path]) -> Path:
    return real(SAMPLES[name].root or f"{SETS}/{name}")


@every_sample
def test_both_splits_are_read(name: str, real: Any) -> None:
    sample, root = SAMPLES[name], root_of(name, real)
    data = KeypointData(root, settings_of(sample))
    train, val = (data.load(split, strict=True) for split in ("train", "val"))
    assert len(train.people) + len(val.people) == sample.people
    assert not {each.image_id for each in train.people} & {each.image_id for each in val.people}
    for people in (train, val):
        assert people.skeleton.name.removesuffix("_person") == sample.skeleton
        assert len(people.skeleton.joints) == sample.joints == len(people.people[0].joints_K2)
        for person in people.people:
            seen_K = person.visibility_K > 0
            assert seen_K.any() and person.area > 0 and set(person.visibility_K.tolist()) <= {0, 1, 2}
            x, y, width, height = person.box_xywh
            # Joints are in pixels of the picture, about where the box is.
            inside_J2 = np.abs(person.joints_K2[seen_K] - (x + width / 2, y + height / 2)) <= (2 * width, 2 * height)
            assert inside_J2.mean() > 0.7


@every_sample
def test_nothing_is_wrong_with_it_and_it_can_be_drawn(name: str, real: Any) -> None:
    sample, root = SAMPLES[name], root_of(name, real)
    found = check(root, settings=settings_of(sample))
    assert (found.format, found.defects) == ("keypoints", ())
    people = KeypointData(root, settings_of(sample)).load("val", strict=True)
    assert contact_sheet(people, CropSettings(input_size=(64, 64)), 1, 0).size


@every_sample
def test_annotations_as_predictions_are_perfect(name: str, real: Any, tmp_path: Path) -> None:
    sample, root = SAMPLES[name], root_of(name, real)
    data = KeypointData(root, settings_of(sample))
    path = root / data.files("val").annotations
    coco = load_annotations(path, wanted_of(data.settings)[0])
    results = [
        {
            "image_id": annotation["image_id"],
            "category_id": annotation["category_id"],
            "keypoints": keypoints_K3.ravel().tolist(),
            "score": 1.0,
        }
        for annotation, keypoints_K3 in coco.labelled()
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    found = score("keypoints", path, tmp_path / "results.json", settings=settings_of(sample))
    assert found["AP"] == pytest.approx(1) and found["AR"] == pytest.approx(1)
    assert found["PCK@0.05"] == 1 and found["NME"] == 0 and found["people"] == sample.people
    parts = {part: ap for part, ap in found.get("AP by part", {}).items() if ap is not None}
    assert all(ap == pytest.approx(1) for ap in parts.values())


@every_sample
def test_an_epochs_metrics_of_the_truth_are_perfect(name: str, real: Any) -> None:
    people = KeypointData(root_of(name, real), settings_of(SAMPLES[name])).load("val", strict=True)
    joints_NK3 = np.stack([np.column_stack([each.joints_K2, each.visibility_K > 0]) for each in people.people])
    predictions = Predictions(np.arange(len(people.people)), joints_NK3, np.ones(len(people.people)))
    found = FORMATS["keypoints"].measure(people, predictions)
    assert found["AP"] == pytest.approx(1) and found["PCK@0.2"] == 1 and found["EPE"] == 0


def test_what_the_wholebody_file_keeps_apart_is_joined(real: Any) -> None:
    """133 = 17 + 6 + 68 + 21 + 21 joints; a hand that is not valid in the file has none labelled."""
    root = real(".")
    people = KeypointData(root, settings_of(SAMPLES["coco_wholebody"])).load("val", strict=True)
    content = json.loads((root / f"{SETS}/coco_wholebody/test_coco_wholebody.json").read_bytes())
    by_id = {each["id"]: each for each in content["annotations"]}
    for person in people.people:
        annotation = by_id[person.annotation_id]
        for key, start in (("foot", 17), ("face", 23), ("lefthand", 91), ("righthand", 112)):
            points_J3 = np.array(annotation[f"{key}_kpts"]).reshape(-1, 3)
            part = slice(start, start + len(points_J3))
            assert np.array_equal(person.joints_K2[part], points_J3[:, :2])
            assert np.array_equal(person.visibility_K[part] > 0, points_J3[:, 2] > 0)
            assert annotation[f"{key}_valid"] or not (person.visibility_K[part] > 0).any()
    body = KeypointData(root, settings_of(SAMPLES["coco_wholebody"]).model_copy(update={"skeleton": "coco"}))
    assert len(body.load("val", strict=True).people[0].joints_K2) == 17


def test_without_a_skeleton_unnamed_joints_are_numbered_and_not_mirrored(real: Any) -> None:
    found = KeypointData(real(f"{SETS}/wflw"), KeypointSettings()).load("val", strict=True)
    assert found.skeleton.joints[0] == "kpt-0" and not found.skeleton.mirrors
    told = "\n".join(found.notes)
    assert "98 joints without names; if they are wflw's, say skeleton: wflw" in told
    assert "training is without mirroring" in told and "AP with them compares only with itself" in told
    assert FORMATS["keypoints"].resolved(real(f"{SETS}/wflw"), None).headline == "PCK@0.2"  # type: ignore[union-attr]


def test_people_in_a_detectors_boxes(real: Any) -> None:
    """CrowdPose's published detections: 6 boxes on two pictures, of which the split has one."""
    root = real(f"{SETS}/crowdpose")
    detections = root / "test_crowdpose_det_AP_40.json"
    boxes = json.loads(detections.read_bytes())
    data = KeypointData(root, KeypointSettings())
    (picture,) = {each.image_id for each in data.load("val", strict=True).people}
    people = data.load_detections(detections, strict=True)
    assert people.detected and people.evaluated_images == frozenset({picture})
    assert len(people.people) == sum(box["image_id"] == picture for box in boxes) > 0
    predictions = Predictions(
        *(np.arange(len(people.people)), np.ones((len(people.people), 14, 3)), np.ones(len(people.people))),
        np.full(len(people.people), 100.0),
    )
    found = FORMATS["keypoints"].measure(people, predictions)
    assert found["AP"] == 0 and "EPE" not in found
