"""The metrics of any skeleton: numbers worked out by hand, and those of a plain evaluation and of pycocotools."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from heatmark.datasets.coco_file import CocoAnnotations
from heatmark.datasets.keypoint_truth import FoundPeople, KeypointTruth
from heatmark.datasets.metrics.keypoints import measure_keypoints, score_keypoints_arrays
from heatmark.datasets.metrics.oks import OKS_METRICS
from heatmark.datasets.metrics.own_poses import own_poses
from heatmark.datasets.metrics.score import load_coco_results
from heatmark.datasets.people import Person, PoseDataset, Skeleton
from heatmark.datasets.predictions import Predictions
from heatmark.foundation.errors import InputError
from tests.datasets import plain_oks

Content = dict[str, Any]
Real = Callable[[str], Path]
PARTS = {
    "body": tuple(range(17)),
    "foot": tuple(range(17, 23)),
    "face": tuple(range(23, 91)),
    "lefthand": tuple(range(91, 112)),
    "righthand": tuple(range(112, 133)),
}
COPIES = 16


def skeleton_of(joints: int, parts: dict[str, tuple[int, ...]] | None = None) -> Skeleton:
    """Nobody's: the sigmas rise from joint to joint."""
    sigmas = tuple(np.linspace(0.02, 0.1, joints).tolist())
    return Skeleton("made", tuple(f"joint {n}" for n in range(joints)), (), (), sigmas, parts=parts or {})


def crowdpose(real: Real) -> tuple[Content, Skeleton]:
    content = json.loads(real("keypoint_sets/crowdpose/test_crowdpose.json").read_text())
    for annotation in content["annotations"]:
        annotation["area"] = 0.53 * annotation["bbox"][2] * annotation["bbox"][3]
    return content, skeleton_of(14)


def wholebody(real: Real) -> tuple[Content, Skeleton]:
    content = json.loads(real("keypoint_sets/coco_wholebody/test_coco_wholebody.json").read_text())
    for annotation in content["annotations"]:
        for part in ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"):
            annotation["keypoints"] = annotation["keypoints"] + annotation.pop(part)
        annotation["num_keypoints"] = int(np.count_nonzero(np.array(annotation["keypoints"][2::3]) > 0))
    return content, skeleton_of(133, PARTS)


def ap10k(real: Real) -> tuple[Content, Skeleton]:
    return json.loads(real("keypoint_sets/ap10k/test_ap10k.json").read_text()), skeleton_of(17)


def many(content: Content, seed: int = 0) -> Content:
    """Jittered copies of every image: moved and scaled people, some joints not labelled, crowds, other categories."""
    random = np.random.default_rng(seed)
    present = sorted({annotation["category_id"] for annotation in content["annotations"]})
    categories = [each["id"] for each in content["categories"] if each["id"] < 4 or each["id"] in present]
    images: list[Content] = []
    annotations: list[Content] = []
    for number in range(COPIES):
        for image in content["images"]:
            images.append({**image, "id": len(images) + 1, "crowdIndex": float(np.round(random.random(), 2))})
            for annotation in content["annotations"]:
                if annotation["image_id"] != image["id"]:
                    continue
                scale, moved = random.uniform(0.2, 1.2), random.uniform(0, 60, 2)
                keypoints_K3 = np.array(annotation["keypoints"], dtype=float).reshape(-1, 3)
                keypoints_K3[:, :2] = keypoints_K3[:, :2] * scale + moved
                keypoints_K3[random.random(len(keypoints_K3)) < 0.1, 2] = 0
                box = np.array(annotation["bbox"], dtype=float) * scale
                box[:2] += moved
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "category_id": int(random.choice(categories)),
                        "iscrowd": int(random.random() < 0.05),
                        "num_keypoints": int(np.count_nonzero(keypoints_K3[:, 2])) * int(number % 5 > 0),
                        "keypoints": keypoints_K3.ravel().tolist(),
                        "bbox": box.tolist(),
                        "area": annotation["area"] * scale**2,
                    }
                )
    return {"images": images, "annotations": annotations, "categories": content["categories"]}


def noisy(content: Content, noise: float, seed: int = 0) -> list[Content]:
    """Poses near the truth, by a part of them nearer; some missed, some doubled, some without confidence in a half."""
    random = np.random.default_rng(seed)
    results = []
    for annotation in content["annotations"]:
        for _ in range(int(random.integers(0, 4)) - int(random.random() < 0.5)):
            keypoints_K3 = np.array(annotation["keypoints"], dtype=float).reshape(-1, 3)
            joints = len(keypoints_K3)
            reach = noise * np.sqrt(annotation["area"]) * random.random()
            keypoints_K3[:, :2] += random.standard_cauchy((joints, 2)) * reach
            keypoints_K3[:, 2] = random.random(joints)
            if random.random() < 0.2:
                keypoints_K3[joints // 2 :, 2] = 0
            results.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": annotation["category_id"],
                    "keypoints": keypoints_K3.ravel().tolist(),
                    "score": round(float(random.random()), 2),
                }
            )
    return results


def perfect(content: Content) -> list[Content]:
    """The annotations fed back."""
    return [
        {key: each[key] for key in ("image_id", "category_id", "keypoints")}
        | {"score": 1.0, "annotation_id": each["id"]}
        for each in content["annotations"]
        if not each["iscrowd"] and any(each["keypoints"][2::3])
    ]


def scored(content: Content, results: list[Content], skeleton: Skeleton) -> dict[str, Any]:
    truth = KeypointTruth.of(content, sigmas=skeleton.sigmas)
    found = FoundPeople.of(results, len(skeleton.joints))
    return score_keypoints_arrays(truth, found, skeleton, np.full(len(truth.id_N), 100.0))


def by_pycocotools(
    content: Content, results: list[Content], sigmas: Sequence[float], joints: Sequence[int] | None = None
) -> dict[str, float | None]:
    content, results = copy.deepcopy((content, results))
    if joints is not None:
        for each in (*content["annotations"], *results):
            each["keypoints"] = np.array(each["keypoints"]).reshape(-1, 3)[list(joints)].ravel().tolist()
        for each in content["annotations"]:
            each["num_keypoints"] = int(np.count_nonzero(each["keypoints"][2::3]))
        results = [each for each in results if any(each["keypoints"][2::3])]
        sigmas = [sigmas[joint] for joint in joints]
    with contextlib.redirect_stdout(io.StringIO()):
        truth: Any = COCO()
        truth.dataset = content
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = [None if value < 0 else value for value in evaluation.stats.tolist()]
    return dict(zip(OKS_METRICS, values, strict=True))


def same(ours: dict[str, float | None], theirs: dict[str, float | None]) -> None:
    known = {name: value for name, value in theirs.items() if value is not None}
    assert {name for name, value in ours.items() if value is None} == set(theirs) - set(known)
    assert {name: ours[name] for name in known} == pytest.approx(known, abs=1e-9)


@pytest.mark.parametrize("noise", [0.03, 0.3])
@pytest.mark.parametrize("read", [crowdpose, wholebody, ap10k])
def test_the_ten_numbers_of_real_people(real: Real, read: Callable[..., Any], noise: float) -> None:
    content, skeleton = read(real)
    content = many(content)
    results = noisy(content, noise)
    ours = scored(content, results, skeleton)
    ten = {name: ours[name] for name in OKS_METRICS}
    assert 0 < ten["AP"] < 1
    same(ten, by_pycocotools(content, results, skeleton.sigmas))
    same(ten, plain_oks.ten_numbers(content, results, skeleton.sigmas))


def test_categories_of_real_animals_by_their_names(real: Real) -> None:
    """54 categories are listed, four are annotated; AP is the mean of these."""
    content, skeleton = ap10k(real)
    content = many(content)
    results = noisy(content, 0.1)
    everything = scored(content, results, skeleton)
    ours = everything["AP by category"]
    assert everything["AP"] == pytest.approx(np.mean(list(ours.values())))
    names = {each["id"]: each["name"] for each in content["categories"]}
    annotated = sorted({each["category_id"] for each in content["annotations"]})
    assert len(annotated) == 4 and list(ours) == [names[each] for each in annotated]
    plain = {
        names[each]: plain_oks.average_precision(content, results, skeleton.sigmas, category=each) for each in annotated
    }
    same(ours, plain)
    assert len(set(plain.values())) > 1


@pytest.mark.parametrize("read", [crowdpose, ap10k])
def test_single_joints_of_real_people(real: Real, read: Callable[..., Any]) -> None:
    content, skeleton = read(real)
    content = many(content)
    results = noisy(content, 0.1)
    ours = scored(content, results, skeleton)["AP by joint"]
    plain = {
        name: plain_oks.average_precision(content, results, skeleton.sigmas, joints=(joint,))
        for joint, name in enumerate(skeleton.joints)
    }
    same(ours, plain)
    assert len(set(plain.values())) > 10


def test_parts_of_the_whole_body_as_coco_wholebody_measures_them(real: Real) -> None:
    """Own joints, own sigmas, the person's area; nobody without a labelled joint, no pose without confidence in it."""
    content, skeleton = wholebody(real)
    content = many(content)
    results = noisy(content, 0.1)
    ours = scored(content, results, skeleton)["AP by part"]
    plain = {
        part: plain_oks.average_precision(content, results, skeleton.sigmas, joints=joints)
        for part, joints in PARTS.items()
    }
    same(ours, plain)
    same(
        ours, {part: by_pycocotools(content, results, skeleton.sigmas, joints)["AP"] for part, joints in PARTS.items()}
    )
    assert len(set(plain.values())) == 5


def test_crowded_images_by_their_index(real: Real) -> None:
    """The index of an image is below 0.2, below 0.8, or more."""
    content, skeleton = crowdpose(real)
    content = many(content)
    results = noisy(content, 0.1)
    index = {image["id"]: image["crowdIndex"] for image in content["images"]}
    ours = scored(content, results, skeleton)
    for name, low, high in (("easy", 0.0, 0.2), ("medium", 0.2, 0.8), ("hard", 0.8, 1.1)):
        images = {image for image, value in index.items() if low <= value < high}
        plain = plain_oks.average_precision(content, results, skeleton.sigmas, images=images)
        assert images and ours[f"AP/crowd-{name}"] == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("read", [crowdpose, wholebody, ap10k])
def test_annotations_fed_back_score_full_marks(real: Real, read: Callable[..., Any]) -> None:
    content, skeleton = read(real)
    content = many(content)
    ours = scored(content, perfect(content), skeleton)
    assert (ours["AP"], ours["AR"], ours["PCK@0.05"], ours["AUC@0-30px"]) == pytest.approx((1, 1, 1, 1))
    assert (ours["NME"], ours["EPE"], ours["without a prediction"]) == (0, 0, 0)
    for group in ("AP by category", "AP by part", "AP by joint"):
        assert {round(value, 9) for value in ours.get(group, {}).values() if value is not None} <= {1}


TWO = Skeleton("two", ("nose", "tail"), (), (), (0.1, 0.1))


def made(*annotations: tuple[int, list[float], int]) -> Content:
    """(image, keypoints, crowd) of each, all of one category and an area of 100."""
    return {
        "images": [{"id": number} for number in (1, 2)],
        "categories": [{"id": 1, "name": "fish"}],
        "annotations": [
            {
                "id": 10 + row,
                "image_id": image,
                "category_id": 1,
                "keypoints": keypoints,
                "num_keypoints": sum(each > 0 for each in keypoints[2::3]),
                "iscrowd": crowd,
                "bbox": [0, 0, 10, 10],
                "area": 100.0,
            }
            for row, (image, keypoints, crowd) in enumerate(annotations)
        ],
    }


FISH = made(
    (1, [0, 0, 2, 10, 0, 1], 0),
    (1, [100, 0, 2, 0, 0, 0], 0),
    (2, [0, 0, 2, 20, 0, 2], 0),
    (1, [50, 50, 2, 50, 60, 2], 1),
)
LENGTHS = np.array([10.0, np.nan, 20.0, 5.0])


def poses(*rows: tuple[int, list[float], float]) -> FoundPeople:
    """(image, x y of both joints, score)."""
    results = [
        {"image_id": image, "category_id": 1, "keypoints": [x, y, 1, u, v, 1], "score": score}
        for image, (x, y, u, v), score in rows
    ]
    return FoundPeople.of(results, 2)


def test_lengths_and_errors_by_hand() -> None:
    """The first is off by 1 and 3 pixels of 10, the second by 6 of an unknown length, the third was not found."""
    found = poses((1, [1, 0, 10, 3], 0.5), (1, [106, 0, 7, 7], 0.9))
    ours = score_keypoints_arrays(KeypointTruth.of(FISH, sigmas=TWO.sigmas), found, TWO, LENGTHS)
    assert (ours["people"], ours["without a prediction"]) == (3, 1)
    assert (ours["PCK@0.2"], ours["PCK@0.1"], ours["PCK@0.05"]) == (1 / 4, 1 / 4, 0)
    assert ours["PCK@0.2 by joint"] == {"nose": 1 / 2, "tail": 0}
    assert ours["NME"] == pytest.approx(0.2) and ours["EPE"] == pytest.approx(10 / 3)
    assert ours["EPE by joint"] == {"nose": 3.5, "tail": 3}
    # Of 19 steps of 30 / 19 px the nose has 18.5 and 15.5 on one side of its errors, the tail 17.5.
    assert ours["AUC@0-30px"] == pytest.approx((17 / 19 + 17.5 / 19) / 2)
    assert "AP by category" not in ours and "AP by part" not in ours and "AP/crowd-easy" not in ours


def test_other_thresholds_may_be_asked_for() -> None:
    found = poses((1, [1, 0, 10, 3], 0.5))
    ours = score_keypoints_arrays(
        KeypointTruth.of(FISH, sigmas=TWO.sigmas), found, TWO, LENGTHS, thresholds=("0.3", "0.01")
    )
    assert (ours["PCK@0.3"], ours["PCK@0.01"], ours["PCK@0.3 by joint"]) == (0.5, 0, {"nose": 0.5, "tail": 0.5})
    assert "PCK@0.2" not in ours


def test_ap_of_a_joint_is_of_that_joint_alone() -> None:
    """Every nose is where it should be, every tail 100 px off, and the second fish has no tail."""
    found = poses((1, [0, 0, 110, 0], 0.9), (1, [100, 0, 300, 0], 0.8), (2, [0, 0, 120, 0], 0.7))
    ours = score_keypoints_arrays(KeypointTruth.of(FISH, sigmas=TWO.sigmas), found, TWO, LENGTHS)
    assert ours["AP by joint"] == pytest.approx({"nose": 1, "tail": 0})


def test_the_best_pose_takes_the_most_similar_annotation_first() -> None:
    truth = KeypointTruth.of(FISH, sigmas=TWO.sigmas)
    # Both lie on the first; the worse one is left with the second, and nobody with the third, on another image.
    found = poses((1, [2, 0, 12, 0], 0.3), (1, [1, 0, 11, 0], 0.6), (1, [0, 0, 10, 0], 0.1))
    assert own_poses(truth, found).tolist() == [1, 0, -1]
    assert own_poses(truth, replace(found, category_M=np.array([1, 2, 2]))).tolist() == [0, -1, -1]
    assert own_poses(truth, poses()).tolist() == [-1, -1, -1]


def test_an_annotation_that_a_pose_names_is_its_own() -> None:
    """The best of two for one; on another image, a crowd's and unknown ones are nobody's."""
    truth = KeypointTruth.of(FISH, sigmas=TWO.sigmas)
    found = poses(
        *((image, [0.0, 0.0, 10.0, 0.0], score) for image, score in ((1, 0.3), (1, 0.6), (2, 0.9), (1, 1.0), (1, 1.0)))
    )
    assert own_poses(truth, found, np.array([11, 11, 10, 13, 99])).tolist() == [-1, 1, -1]
    assert own_poses(truth, found, np.array([10, 11, 12, 13, 99])).tolist() == [0, 1, 2]


def test_nobody_found_and_nothing_labelled() -> None:
    truth = KeypointTruth.of(FISH, sigmas=TWO.sigmas)
    ours = score_keypoints_arrays(truth, poses(), TWO, LENGTHS)
    assert (ours["AP"], ours["AR"], ours["PCK@0.2"], ours["without a prediction"]) == (0, 0, 0, 3)
    assert ours["AP by joint"] == {"nose": 0, "tail": 0}
    assert (ours["NME"], ours["EPE"], ours["AUC@0-30px"]) == (None, None, None)
    assert ours["EPE by joint"] == {"nose": None, "tail": None}
    for content in (made(), made((1, [0] * 6, 0))):
        bare = KeypointTruth.of(content, sigmas=TWO.sigmas)
        for found in (poses(), poses((1, [0, 0, 1, 1], 0.5))):
            ours = score_keypoints_arrays(bare, found, TWO, np.full(len(bare.id_N), np.nan))
            assert (ours.pop("people"), ours.pop("without a prediction")) == (0, 0)
            flat = [
                each for value in ours.values() for each in (value.values() if isinstance(value, dict) else [value])
            ]
            assert len(flat) == 10 + 6 + 3 * 2 and set(flat) == {None}
            assert json.dumps(ours, allow_nan=False)


def test_without_sigmas_there_is_no_oks_but_all_else() -> None:
    content = made((1, [0, 0, 2, 10, 0, 1], 0), (1, [50, 0, 2, 60, 0, 2], 0))
    bare = KeypointTruth.of(content, sigmas=())
    found = poses((1, [51, 0, 60, 0], 0.5), (1, [0, 0, 10, 0], 0.4))
    ours = score_keypoints_arrays(bare, found, replace(TWO, sigmas=()), np.array([10.0, 10.0]))
    assert {ours[name] for name in OKS_METRICS} == {None} and "AP by joint" not in ours
    assert (ours["EPE"], ours["PCK@0.05"]) == (0.25, 0.75)


def dataset_of(content: Content, skeleton: Skeleton, length: float | None = 10.0) -> PoseDataset:
    people = [
        Person(
            image_id=each["image_id"],
            annotation_id=each["id"],
            image_path=Path("none.png"),
            box_xywh=(0, 0, 10, 10),
            joints_K2=np.array(each["keypoints"], dtype=float).reshape(-1, 3)[:, :2],
            visibility_K=np.array(each["keypoints"], dtype=float).reshape(-1, 3)[:, 2],
            area=each["area"],
            reference_length=length,
            category_id=each["category_id"],
        )
        for each in content["annotations"]
        if not each["iscrowd"] and any(each["keypoints"][2::3])
    ]
    truth = KeypointTruth.of(content, sigmas=skeleton.sigmas)
    return PoseDataset("keypoints", "val", skeleton, people, Path("none.json"), keypoint_truth=truth)


def predicted(dataset: PoseDataset, off: float = 0.0) -> Predictions:
    joints = [
        np.column_stack([each.joints_K2 + np.array([off, 0]), each.visibility_K * 0 + 1]) for each in dataset.people
    ]
    return Predictions(np.arange(len(joints)), np.stack(joints), np.ones(len(joints)))


def test_a_run_is_measured_as_its_predictions_are_scored(real: Real) -> None:
    content, skeleton = wholebody(real)
    content = many(content)
    content["categories"] = [{"id": 1, "name": "person"}, {"id": 2, "name": "statue"}]
    for annotation in content["annotations"]:
        annotation["category_id"] = 1 + annotation["id"] % 2
        annotation["num_keypoints"] = int(np.count_nonzero(annotation["keypoints"][2::3]))
    dataset = dataset_of(content, skeleton, 100.0)
    found = measure_keypoints(dataset, predicted(dataset, 3.0))
    results = [{**each, "keypoints": list(each["keypoints"])} for each in perfect(content)]
    for each in results:
        each["keypoints"][::3] = [round(x + 3.0, 3) for x in each["keypoints"][::3]]
        each["keypoints"][2::3] = [1] * 133
    ours = scored(content, results, skeleton)
    flat = {f"AP/{name}": ours[group][name] for group in ("AP by category", "AP by part") for name in ours[group]}
    flat |= {name: value for name, value in ours.items() if isinstance(value, float)}
    assert set(found) == set(flat) and {"AP/person", "AP/statue", "AP/lefthand", "AP/crowd-hard"} <= set(found)
    assert {name: value for name, value in found.items() if value is not None} == pytest.approx(flat, abs=1e-4)
    assert (found["NME"], found["EPE"]) == pytest.approx((0.03, 3.0)) and 0 < found["AP"] < 1  # type: ignore[operator]


def test_who_has_no_length_counts_neither_in_pck_nor_in_nme() -> None:
    dataset = dataset_of(FISH, TWO)
    dataset = replace(dataset, people=[*dataset.people[:2], replace(dataset.people[2], reference_length=None)])
    found = measure_keypoints(dataset, predicted(dataset, 1.5))
    assert (found["PCK@0.2"], found["PCK@0.1"], found["EPE"]) == (1, 0, 1.5) and found["NME"] == pytest.approx(0.15)
    nowhere = measure_keypoints(dataset_of(FISH, TWO, None), predicted(dataset, 1.5))
    assert (nowhere["PCK@0.2"], nowhere["NME"], nowhere["EPE"]) == (None, None, 1.5)


def test_detected_boxes_are_measured_by_oks_alone() -> None:
    dataset = replace(dataset_of(FISH, TWO), detected=True, evaluated_images=frozenset({1, 2}))
    assert set(measure_keypoints(dataset, predicted(dataset))) == set(OKS_METRICS)


def test_a_split_without_predictions_is_measured_as_none() -> None:
    dataset = dataset_of(FISH, TWO)
    nobody = Predictions(np.zeros(0, np.int64), np.zeros((0, 2, 3)), np.zeros(0))
    found = measure_keypoints(dataset, nobody)
    assert set(found) == set(measure_keypoints(dataset, predicted(dataset))) and set(found.values()) == {None}
    everywhere = replace(dataset, evaluated_images=frozenset({1, 2}))
    assert (measure_keypoints(everywhere, nobody)["AP"], measure_keypoints(everywhere, nobody)["EPE"]) == (0, None)


def test_results_have_three_numbers_for_every_joint_of_the_annotations(tmp_path: Path) -> None:
    truth = KeypointTruth.of(FISH, sigmas=TWO.sigmas)
    images = {image["id"]: image for image in FISH["images"]}
    coco = CocoAnnotations(Path("fish.json"), images, FISH["annotations"], FISH["categories"], truth.keypoints_NK3)
    path = tmp_path / "results.json"
    results = [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 0.5, 3, 4, 0.25], "score": 0.5}]
    for image_id in (1, 1.0):
        path.write_text(json.dumps([{**results[0], "image_id": image_id}]))
        found = load_coco_results(path, coco)
        assert found.joints_MK2.tolist() == [[[1, 2], [3, 4]]] and found.confidence_MK.tolist() == [[0.5, 0.25]]
    path.write_text(json.dumps([{**results[0], "keypoints": [1.0] * 51}]))
    with pytest.raises(InputError, match=r"a list of 6 numbers, found 51; write x, y, score of all 2 joints"):
        load_coco_results(path, coco)
