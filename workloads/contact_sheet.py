"""People as a network is shown them: the image with box and joints, the target on the plain crop, augmented crops."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from heatmark.datasets.augment import Purpose, random_stream
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import Convention, apply_affine, crop_affine, heatmap_pitch, input_to_heatmap
from heatmark.datasets.images import ImageArray, read_labelled
from heatmark.datasets.loader import Crop, PersonCrops
from heatmark.datasets.people import FloatArray, Person, PoseDataset, Skeleton
from heatmark.datasets.pose_drawing import Pen, draw_pose
from heatmark.foundation.errors import InputError
from heatmark.models.losses import gaussian_targets

TILE = 224
AUGMENTED = 3
# Of a heatmap, as most methods have it: input pixels to one of its pixels, and the Gaussian that it learns.
STRIDE, SIGMA = 4, 2.0
BOX = (120, 220, 120)
PEN = Pen(bone=1, joint=3, rings=True)
# Joints that are in the canvas's own pixels.
IN_PLACE_23 = np.eye(2, 3)


def contact_sheet(dataset: PoseDataset, settings: CropSettings, people: int, seed: int = 0) -> ImageArray:
    """sheet_HW3 in RGB: a row per person, chosen by the seed among those whose image can be read."""
    order = random_stream(seed, 0, Purpose.ORDER).permutation(len(dataset.people))
    rows: list[ImageArray] = []
    for index in order.tolist():
        image = read_labelled(dataset.people[index].image_path, dataset.people[index].image_size)
        if image is not None:
            rows.append(_row(dataset, settings, index, image, seed))
        if len(rows) == people:
            break
    if not rows:
        raise InputError(f"{dataset.annotation_file}: no image of this split can be read; try: heatmark data check")
    return np.concatenate(rows)


def write_png(path: Path, image_HW3: ImageArray) -> None:
    """image_HW3: in RGB. Raises InputError where the file cannot be written."""
    encoded, content = cv2.imencode(".png", image_HW3[..., ::-1])
    assert encoded, "an array of bytes can be encoded"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); give another file") from error


def target_overlay(
    image_HW3: ImageArray,
    joints_K2: FloatArray,
    labelled_K: FloatArray,
    stride: int = STRIDE,
    geometry: Convention = "biased",
) -> ImageArray:
    """The crop in grey under the maximum of a heatmap's Gaussians, its pixels where the geometry has them.

    joints_K2: (x, y) in pixels of the crop.
    """
    height, width = image_HW3.shape[:2]
    pitch_2 = heatmap_pitch((width, height), stride, geometry)
    joints_1K2 = torch.from_numpy(input_to_heatmap(joints_K2[None], pitch_2))
    size = height // stride, width // stride
    target_1KHW, weight_1K = gaussian_targets(joints_1K2, torch.from_numpy(labelled_K[None]), size, SIGMA)
    heat_HW = (target_1KHW * weight_1K[..., None, None]).amax((0, 1)).numpy()
    to_input_23 = np.column_stack([np.diag(pitch_2), np.zeros(2)])
    large_HW1 = cv2.warpAffine(heat_HW, to_input_23, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    grey_HW1 = image_HW3.mean(axis=-1, keepdims=True) * 0.5
    overlay_HW3: FloatArray = grey_HW1 * (1 - large_HW1) + np.array([255, 210, 60]) * large_HW1
    return overlay_HW3.astype(np.uint8)


def _row(dataset: PoseDataset, settings: CropSettings, index: int, image: ImageArray, seed: int) -> ImageArray:
    person, skeleton = dataset.people[index], dataset.skeleton
    plain = PersonCrops(dataset, settings, training=False, seed=seed)[0, index]
    varied = PersonCrops(dataset, settings, training=True, seed=seed)
    tiles = [_whole(image, person, skeleton), _with_pose(plain, skeleton)]
    tiles.append(
        target_overlay(plain["image_HW3"], plain["joints_K2"], plain["labelled_K"], geometry=settings.geometry)
    )
    tiles += [_with_pose(varied[epoch, index], skeleton) for epoch in range(AUGMENTED)]
    return np.concatenate([_tile(tile) for tile in tiles], axis=1)


def _whole(image: ImageArray, person: Person, skeleton: Skeleton) -> ImageArray:
    """The image, so small that it fits a tile, with the box and the joints."""
    height, width = image.shape[:2]
    affine_23 = crop_affine((0, 0, width, height), (TILE, TILE), 1.0)
    canvas = cv2.warpAffine(image, affine_23, (TILE, TILE), flags=cv2.INTER_AREA).astype(np.uint8)
    x, y, box_width, box_height = person.box_xywh
    corners_22 = apply_affine(affine_23, np.array([[x, y], [x + box_width, y + box_height]]))
    first, last = (_point(corner) for corner in corners_22)
    cv2.rectangle(canvas, first, last, BOX, 1)
    draw_pose(canvas, affine_23, person.joints_K2, person.visibility_K, skeleton, PEN)
    return canvas


def _with_pose(crop: Crop, skeleton: Skeleton) -> ImageArray:
    canvas = crop["image_HW3"].copy()
    draw_pose(canvas, IN_PLACE_23, crop["joints_K2"], crop["labelled_K"], skeleton, PEN)
    return canvas


def _point(xy_2: FloatArray) -> tuple[int, int]:
    x, y = np.clip(np.rint(xy_2), -10_000, 10_000).astype(int).tolist()
    return x, y


def _tile(image: ImageArray) -> ImageArray:
    """The picture on a square of TILE with a dark rim."""
    height, width = image.shape[:2]
    affine_23 = crop_affine((0, 0, width, height), (TILE, TILE), 1.04)
    return cv2.warpAffine(image, affine_23, (TILE, TILE), flags=cv2.INTER_LINEAR, borderValue=(24, 24, 24)).astype(
        np.uint8
    )
