"""A real network through our crop, decoders, map-back and evaluation gives the AP that others measured with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from heatmark.datasets.coco import load_coco
from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import apply_affine, heatmap_to_input, invert_affine
from heatmark.datasets.loader import make_loader
from heatmark.datasets.metrics.error_kinds import INVERSION, SWAP, error_kinds
from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.people import PoseDataset
from heatmark.models.decoding import argmax, quarter_offset
from tests.datasets.plain_kinds import plain_kind

IMAGENET_MEAN, IMAGENET_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# split, decoder, AP, AR: measured outside this project, with the annotated boxes as they are (not clipped to the image)
# and a person's score the mean of the joint maxima.
MEASURED = [
    ("val", "argmax", 0.487, 0.534),
    ("val", "quarter", 0.508, 0.551),
    ("train", "argmax", 0.427, 0.455),
    ("train", "quarter", 0.438, 0.466),
]


DECODERS = {"argmax": argmax, "quarter": quarter_offset}


def with_boxes_as_annotated(dataset: PoseDataset) -> PoseDataset:
    annotated = {each["id"]: tuple(each["bbox"]) for each in load_annotations(dataset.annotation_file).annotations}
    return replace(dataset, people=[replace(each, box_xywh=annotated[each.annotation_id]) for each in dataset.people])


def predictions(session: Any, dataset: PoseDataset, decoder: str) -> list[dict[str, Any]]:
    results = []
    for batch in make_loader(dataset, CropSettings(), training=False, batch_size=16):
        image_B3HW = (batch["image_BHW3"].numpy() / 255 - IMAGENET_MEAN) / IMAGENET_STD
        for row, image_HW3 in enumerate(image_B3HW):
            (heatmap_1KHW,) = session.run(None, {"data": image_HW3.transpose(2, 0, 1)[None].astype(np.float32)})
            heatmap_KHW = heatmap_1KHW[0]
            joints_K2 = DECODERS[decoder](torch.from_numpy(heatmap_1KHW))[0].double().numpy()
            crop_to_image_23 = invert_affine(batch["image_to_crop_B23"][row].numpy())
            joints_K2 = apply_affine(crop_to_image_23, heatmap_to_input(joints_K2, 4))
            confidence_K = heatmap_KHW.max(axis=(1, 2))
            results.append(
                {
                    "image_id": dataset.people[int(batch["person_B"][row])].image_id,
                    "category_id": 1,
                    "keypoints": np.column_stack([joints_K2, confidence_K]).ravel().tolist(),
                    "score": float(confidence_K.mean()),
                }
            )
    return results


@pytest.mark.parametrize(("split", "decoder", "ap", "ar"), MEASURED)
def test_a_pretrained_network_scores_what_was_measured_with_it(
    real: Any, split: Any, decoder: str, ap: float, ar: float
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(real("pretrained_onnx/deploy.onnx")))
    dataset = with_boxes_as_annotated(load_coco(real("coco_mini"), split))
    metrics = oks_metrics(dataset.annotation_file, predictions(session, dataset, decoder))
    assert metrics["AP"] == pytest.approx(ap, abs=0.0006)
    assert metrics["AR"] == pytest.approx(ar, abs=0.0006)


def test_the_network_s_errors_are_of_the_kinds_that_they_are_by_hand(real: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(real("pretrained_onnx/deploy.onnx")))
    dataset = with_boxes_as_annotated(load_coco(real("coco_mini"), "val"))
    poses = [np.reshape(each["keypoints"], (17, 3)) for each in predictions(session, dataset, "quarter")]
    joints_NK2 = np.stack(poses)[..., :2]
    found_NK = error_kinds(joints_NK2, np.arange(len(poses)), dataset.people, dataset.skeleton).kind_NK
    for pose_K2, person, codes in zip(joints_NK2, dataset.people, found_NK.tolist(), strict=True):
        assert codes == [plain_kind(pose_K2, joint, person, list(dataset.people)) for joint in range(17)]
    labelled_NK = np.stack([person.visibility_K for person in dataset.people]) > 0
    assert (found_NK > 0).sum(axis=0).tolist() == labelled_NK.sum(axis=0).tolist()
    row_of = {person.annotation_id: row for row, person in enumerate(dataset.people)}
    # A left shoulder at (474.54, 134.17): 54.5 and 6.2 pixels from its own place, so as similar to it as
    # exp(-3013 / (2 * 17377 * .158^2)) = .03, but .5 and 1.2 from the right one: exp(-1.67 / 867.6) = .998.
    assert found_NK[row_of[200887], 5] == INVERSION
    # A left wrist at (328.19, 426.44): exp(-4309 / (2 * 42868 * .124^2)) = .04 for its own place, .0004 for the left
    # wrist of the neighbour, exp(-337 / (2 * 60023 * .124^2)) = .83 for the neighbour's right one.
    assert found_NK[row_of[221722], 9] == SWAP
