"""Creatures of any skeleton: counted exactly, the same for the same seed, and valid for COCO's own reader."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from heatmark.datasets.images import inspect_image
from heatmark.datasets.people import SPLITS, Skeleton
from heatmark.datasets.skeletons import shipped, shipped_names
from heatmark.datasets.synthetic.creature import LARGEST_BLOB, Shape, sample_creature, shape_of
from heatmark.datasets.synthetic.keypoint_tree import SyntheticKeypoints
from heatmark.datasets.synthetic.recipe import write_tree

TWO_POINTS = Skeleton("needle", ("eye", "tip"), (), ())
STAR = Skeleton("star", tuple(f"kpt-{number}" for number in range(7)), (), (), mirrors=False)
SKELETONS = [TWO_POINTS, STAR, shipped("freihand2d"), shipped("zebra"), shipped("wflw"), shipped("coco_wholebody")]


def written(root: Path, skeleton: Skeleton, train: int = 11, val: int = 4, seed: int = 3) -> dict[str, Any]:
    write_tree(root, SyntheticKeypoints(train, val, seed, skeleton))
    return {split: json.loads((root / "annotations" / f"{split}.json").read_text()) for split in SPLITS}


def hashes(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_a_tree_is_what_cocos_own_reader_reads(skeleton: Skeleton, tmp_path: Path) -> None:
    found = written(tmp_path / "tree", skeleton)
    assert [len(found[split]["annotations"]) for split in SPLITS] == [11, 4]
    for split in SPLITS:
        truth = COCO(str(tmp_path / "tree" / "annotations" / f"{split}.json"))
        (category,) = (dict[str, Any](each) for each in truth.loadCats(truth.getCatIds()))
        assert category["keypoints"] == list(skeleton.joints)
        assert [(a - 1, b - 1) for a, b in category["skeleton"]] == list(skeleton.bones)
        assert category["name"] == (skeleton.subject or skeleton.name)
        per_image = [len(truth.getAnnIds(imgIds=image)) for image in truth.getImgIds()]
        assert sum(per_image) == len(truth.getAnnIds()) and set(per_image) <= {1, 2, 3}
        pictures = sorted((tmp_path / "tree" / "images" / split).iterdir())
        assert [path.name for path in pictures] == [image["file_name"] for image in truth.dataset["images"]]
        for image, path in zip(truth.dataset["images"], pictures, strict=True):
            assert inspect_image(path).size == (image["width"], image["height"])
            assert 256 <= min(image["height"], image["width"]) <= max(image["height"], image["width"]) <= 320


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_labelled_joints_are_in_the_picture_and_in_the_box(skeleton: Skeleton, tmp_path: Path) -> None:
    found = written(tmp_path / "tree", skeleton, train=30)["train"]
    sizes = {image["id"]: (image["width"], image["height"]) for image in found["images"]}
    for annotation in found["annotations"]:
        joints_K3 = np.array(annotation["keypoints"]).reshape(len(skeleton.joints), 3)
        labelled_L2 = joints_K3[joints_K3[:, 2] > 0, :2]
        assert annotation["num_keypoints"] == len(labelled_L2) >= 1 and annotation["iscrowd"] == 0
        assert (joints_K3[:, 2] == 2).any() and not joints_K3[joints_K3[:, 2] == 0].any()
        width, height = sizes[annotation["image_id"]]
        assert (labelled_L2 >= 0).all() and (labelled_L2 <= [width - 1, height - 1]).all()
        x, y, box_width, box_height = annotation["bbox"]
        assert x >= 0 and y >= 0 and x + box_width <= width + 0.011 and y + box_height <= height + 0.011
        assert (labelled_L2 >= np.array([x, y]) - 0.011).all()
        assert (labelled_L2 <= np.array([x + box_width, y + box_height]) + 0.011).all()
        assert annotation["area"] == pytest.approx(0.6 * box_width * box_height, abs=0.01) and annotation["area"] > 140


def test_joints_are_seen_hidden_and_without_label(tmp_path: Path) -> None:
    found = written(tmp_path / "tree", shipped("coco"), train=200)["train"]
    flag_NK = np.array([annotation["keypoints"][2::3] for annotation in found["annotations"]])
    shares = [(flag_NK == flag).mean() for flag in (0, 1, 2)]
    assert 0.03 < shares[0] < 0.2 and 0.03 < shares[1] < 0.2 and shares[2] > 0.7


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for folder, seed in (("first", 3), ("again", 3), ("other", 4)):
        written(tmp_path / folder, shipped("zebra"), seed=seed)
    first, again, other = (hashes(tmp_path / folder) for folder in ("first", "again", "other"))
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_a_picture_does_not_depend_on_how_many_are_asked_for(tmp_path: Path) -> None:
    for people in (5, 20):
        written(tmp_path / str(people), shipped("zebra"), train=people)
    few, many = (hashes(tmp_path / str(people) / "images" / "train") for people in (5, 20))
    # Of the last picture fewer creatures may be wanted than are drawn in the larger set.
    assert sum(few[name] == many[name] for name in few) >= len(few) - 1 > 0


def test_a_recipe_is_told_by_its_skeleton() -> None:
    renamed = Skeleton("needle", ("eye", "point"), (), ())
    recipes = [SyntheticKeypoints(4, 2, 0), *(SyntheticKeypoints(4, 2, 0, each) for each in (TWO_POINTS, renamed))]
    assert len({recipe.fingerprint() for recipe in recipes}) == 3
    assert recipes[0].skeleton == shipped("coco")
    assert recipes[0].fingerprint().startswith("synth-keypoints-v1-train4-val2-seed0-skeleton")


@pytest.mark.parametrize("name", shipped_names())
def test_left_and_right_differ_in_colour_and_lie_as_on_a_frontal_creature(name: str) -> None:
    skeleton = shipped(name)
    shape = shape_of(skeleton)
    creature = sample_creature(np.random.default_rng(0), shape, 150.0)
    assert np.ptp(creature.joints_K2, axis=0).max() == pytest.approx(150.0)
    for left, right in skeleton.swaps:
        assert shape.colours[left] != shape.colours[right]
        assert shape.places_K2[left, 0] == pytest.approx(-shape.places_K2[right, 0], abs=1e-6)


def test_a_bent_creature_keeps_near_joints_near() -> None:
    """A line of joints stays in order: no bend folds it over."""
    places_K2 = np.stack([np.linspace(-1, 1, 41), np.zeros(41)], axis=1)
    line = Shape(places_K2, tuple((joint, joint + 1) for joint in range(40)), ((200, 0, 0),) * 41)
    for seed in range(50):
        joints_K2 = sample_creature(np.random.default_rng(seed), line, 200.0).joints_K2
        step_B = np.linalg.norm(np.diff(joints_K2, axis=0), axis=1)
        assert step_B.max() < 4 * step_B.min() + 8 and step_B.min() > 0


def test_two_joints_are_blobs_of_a_size_in_proportion() -> None:
    creature = sample_creature(np.random.default_rng(1), shape_of(TWO_POINTS), 100.0)
    blob = creature.parts[-1].outline_N2
    assert np.ptp(blob, axis=0) == pytest.approx([2 * LARGEST_BLOB * 100] * 2, rel=0.02)


def test_creatures_measured_in_heads_have_a_head(tmp_path: Path) -> None:
    for annotation in written(tmp_path / "tree", shipped("posetrack18"))["train"]["annotations"]:
        x, y, width, height = annotation["bbox_head"]
        assert 0.2 * 60 - 0.01 <= width == height <= 0.2 * 200 + 0.01
        assert y == annotation["bbox"][1]
        assert x + width / 2 == pytest.approx(annotation["bbox"][0] + annotation["bbox"][2] / 2, abs=0.02)
    assert not any("bbox_head" in each for each in written(tmp_path / "other", TWO_POINTS)["val"]["annotations"])
