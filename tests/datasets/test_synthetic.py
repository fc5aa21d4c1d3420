"""Drawn people are a genuine COCO keypoints tree, and what is written about them is what the pictures show."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from heatmark.datasets.synthetic.body import KEYPOINTS, sample_body
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.datasets.synthetic.figure import Outfit, draw_figure, sample_outfit
from heatmark.datasets.synthetic.recipe import MARKER
from heatmark.datasets.synthetic.scene import compose
from heatmark.datasets.synthetic.segmentation import polygons, run_lengths, tight_box
from heatmark.foundation.errors import InputError

RECIPE = SyntheticCoco(people_train=240, people_val=61, seed=7)
LEFT_SHOULDER, RIGHT_SHOULDER = KEYPOINTS.index("left_shoulder"), KEYPOINTS.index("right_shoulder")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "coco"
    write_coco(root, RECIPE)
    return root


@pytest.fixture(scope="module")
def train(root: Path) -> COCO:
    return COCO(str(_annotation_file(root, "train")))


def _annotation_file(root: Path, split: str) -> Path:
    return root / "annotations" / f"person_keypoints_{split}2017.json"


def _annotations(coco: COCO, *, crowds: bool = False) -> list[Any]:
    """Those of people, or of crowds; pycocotools' own types know of no key points."""
    return [each for each in coco.loadAnns(coco.getAnnIds()) if bool(each["iscrowd"]) is crowds]


def _contents(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_each_split_holds_exactly_the_people_asked_for(root: Path) -> None:
    for split, people in (("train", RECIPE.people_train), ("val", RECIPE.people_val)):
        annotations = json.loads(_annotation_file(root, split).read_text())["annotations"]
        assert sum(annotation["num_keypoints"] > 0 for annotation in annotations) == people


def test_every_image_on_record_is_a_jpeg_of_its_size(root: Path, train: COCO) -> None:
    records = train.loadImgs(train.getImgIds())
    assert {path.name for path in (root / "train2017").iterdir()} == {record["file_name"] for record in records}
    for record in records[:20]:
        image = cv2.imread(str(root / "train2017" / record["file_name"]))
        assert image is not None and image.shape == (record["height"], record["width"], 3)
        assert record["file_name"] == f"{record['id']:012d}.jpg"


def test_ids_are_unique_across_splits(root: Path) -> None:
    contents = [json.loads(_annotation_file(root, split).read_text()) for split in ("train", "val")]
    for kind in ("images", "annotations"):
        ids = [record["id"] for content in contents for record in content[kind]]
        assert len(ids) == len(set(ids))


def test_the_category_is_cocos_person(train: COCO) -> None:
    categories: list[Any] = train.loadCats(train.getCatIds())
    (category,) = categories
    assert (category["id"], category["name"], category["supercategory"]) == (1, "person", "person")
    assert category["keypoints"][:3] == ["nose", "left_eye", "right_eye"]
    assert category["keypoints"][-2:] == ["left_ankle", "right_ankle"]
    assert len(category["keypoints"]) == 17 and len(category["skeleton"]) == 19


def test_polygons_cover_the_area_and_the_box_encloses_them(train: COCO) -> None:
    for annotation in _annotations(train):
        mask_HW = train.annToMask(annotation)
        assert int(mask_HW.sum()) == pytest.approx(annotation["area"], rel=0.03)
        x, y, width, height = annotation["bbox"]
        assert mask_HW[y : y + height, x : x + width].sum() == mask_HW.sum()


def test_crowds_are_run_lengths_without_keypoints(train: COCO) -> None:
    crowds = _annotations(train, crowds=True)
    assert crowds
    for crowd in crowds:
        assert crowd["num_keypoints"] == 0 and crowd["keypoints"] == [0] * 51
        assert train.annToMask(crowd).sum() == crowd["area"]


def test_visibility_is_cocos(train: COCO) -> None:
    joints_NK3 = np.array([annotation["keypoints"] for annotation in _annotations(train)]).reshape(-1, 17, 3)
    outside, hidden, visible = (joints_NK3[..., 2] == state for state in (0, 1, 2))
    assert (outside | hidden | visible).all()
    assert not joints_NK3[outside].any()
    assert 0.02 < outside.mean() < 0.15 and 0.1 < hidden.mean() < 0.3
    labelled_N = (joints_NK3[..., 2] > 0).sum(axis=1)
    assert [annotation["num_keypoints"] for annotation in _annotations(train)] == labelled_N.tolist()


def test_a_visible_joint_lies_on_its_person(train: COCO) -> None:
    for annotation in _annotations(train):
        on_person = cv2.dilate(train.annToMask(annotation), np.ones((3, 3), np.uint8))
        for x, y, visibility in np.array(annotation["keypoints"]).reshape(17, 3):
            assert visibility != 2 or on_person[round(y), round(x)]


def test_every_cell_of_size_has_people(train: COCO) -> None:
    sides = np.sqrt([annotation["area"] for annotation in _annotations(train)])
    shares = np.histogram(sides, [32, 64, 96, 128, 1000])[0] / len(sides)
    assert (shares > 0.08).all()


def test_the_truth_given_back_as_detections_scores_ap_1(root: Path) -> None:
    truth = COCO(str(_annotation_file(root, "val")))
    fields = ("image_id", "category_id", "keypoints")
    detections = [{**{name: person[name] for name in fields}, "score": 1.0} for person in _annotations(truth)]
    evaluation = COCOeval(truth, truth.loadRes(detections), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[[0, 3, 4]].tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_the_left_is_on_the_right_of_the_picture_in_front_views_and_on_the_left_behind() -> None:
    people = [person for index in range(120) for person in compose(np.random.default_rng(index)).people]
    front = [not person.shows_back for person in people]
    assert 0.8 < np.mean(front) < 0.92
    for person in people:
        (left_x, _, left_seen), (right_x, _, right_seen) = person.joints_K3[[LEFT_SHOULDER, RIGHT_SHOULDER]]
        if left_seen and right_seen:
            assert (left_x < right_x) == person.shows_back


def test_a_face_is_not_visible_from_behind() -> None:
    people = [person for index in range(60) for person in compose(np.random.default_rng(index)).people]
    behind = [person for person in people if person.shows_back]
    assert behind
    assert all((person.joints_K3[:3, 2] != 2).all() for person in behind)


def test_nothing_that_is_worn_has_a_side() -> None:
    # A mirrored picture must be one that could have been drawn: the same colours on the left limbs as on the right.
    rng = np.random.default_rng(0)
    outfit: Outfit = sample_outfit(rng)
    parts = draw_figure(sample_body(rng), outfit, 200.0).parts
    for side, other in (("left", "right"), ("right", "left")):
        colours = {part.kind: part.colour for part in parts if part.kind.startswith(side)}
        mirrored = {part.kind.replace(other, side): part.colour for part in parts if part.kind.startswith(other)}
        assert colours == mirrored


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(root: Path, tmp_path: Path) -> None:
    write_coco(tmp_path / "again", RECIPE)
    assert _contents(tmp_path / "again") == _contents(root)
    write_coco(tmp_path / "other", SyntheticCoco(people_train=6, people_val=2, seed=8))
    first = "train2017/000000000001.jpg"
    assert _contents(tmp_path / "other")[first] != _contents(root)[first]


def test_a_smaller_set_is_the_beginning_of_a_larger_one(root: Path, tmp_path: Path) -> None:
    write_coco(tmp_path / "small", SyntheticCoco(people_train=20, people_val=5, seed=RECIPE.seed))
    small, large = (_contents(path) for path in (tmp_path / "small", root))
    names = [name for name in sorted(small) if name.startswith("train2017")][:-1]
    assert len(names) > 4
    assert all(small[name] == large[name] for name in names)


def test_a_second_call_writes_nothing(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    write_coco(root, RECIPE)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_another_recipe_or_a_strange_folder_is_refused(root: Path, tmp_path: Path) -> None:
    other = SyntheticCoco(people_train=240, people_val=61, seed=8)
    with pytest.raises(InputError, match=f"{RECIPE.fingerprint()}.*{other.fingerprint()}"):
        write_coco(root, other)
    (tmp_path / "photographs.txt").write_text("mine")
    with pytest.raises(InputError, match="taken"):
        write_coco(tmp_path, RECIPE)
    assert (tmp_path / "photographs.txt").read_text() == "mine"


def test_callers_at_once_leave_one_whole_tree_and_nothing_else(tmp_path: Path) -> None:
    recipe = SyntheticCoco(people_train=12, people_val=4, seed=1)
    failures: list[BaseException] = []

    def call() -> None:
        try:
            write_coco(tmp_path / "coco", recipe)
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not failures
    assert [path.name for path in tmp_path.iterdir()] == ["coco"]
    assert (tmp_path / "coco" / MARKER).is_file()


def test_an_interrupted_call_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_coco(tmp_path / "coco", RECIPE, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_coco(tmp_path / "coco", SyntheticCoco(5, 3, 0), lambda done, total: calls.append((done, total)))
    assert calls[-1] == (8, 8) and calls == sorted(calls)


def test_a_recipe_without_people_is_refused() -> None:
    with pytest.raises(InputError, match="people_val is 0"):
        SyntheticCoco(people_train=10, people_val=0, seed=0)


def test_outlines_and_run_lengths_are_exact_on_a_ring() -> None:
    # 6 x 6 with a 2 x 2 hole: 32 pixels, which polygons without holes can still cover exactly.
    ring_HW = np.zeros((10, 12), np.bool_)
    ring_HW[2:8, 3:9] = True
    ring_HW[4:6, 5:7] = False
    # pycocotools takes more than its types say.
    encode: Any = coco_mask.frPyObjects
    coded = coco_mask.merge(encode([[float(v) for v in p] for p in polygons(ring_HW)], 10, 12))
    assert (coco_mask.decode(coded) == ring_HW).all()
    counts = encode({"counts": run_lengths(ring_HW), "size": [10, 12]}, 10, 12)
    assert (coco_mask.decode(counts) == ring_HW).all()
    assert tight_box(ring_HW) == (3, 2, 6, 6)
