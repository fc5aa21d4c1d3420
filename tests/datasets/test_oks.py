"""Our ten numbers are pycocotools' ten numbers."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.metrics.oks import OKS_METRICS, oks_metrics
from heatmark.datasets.metrics.score import score_coco
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.foundation.errors import InputError

Content = dict[str, Any]
EXCERPT = "coco_val2017_excerpt/annotations/person_keypoints_val2017.json"


def by_pycocotools(content: Content, results: list[Content], image_ids: list[int] | None = None) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth: Any = COCO()
        truth.dataset = copy.deepcopy(content)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), "keypoints")
        if image_ids is not None:
            evaluation.params.imgIds = image_ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(OKS_METRICS, evaluation.stats.tolist(), strict=True))


def same(ours: dict[str, float | None], theirs: dict[str, float]) -> None:
    assert {name: -1 if value is None else value for name, value in ours.items()} == pytest.approx(theirs, abs=1e-9)


def detections(content: Content, *, noise: float = 0.0, dropped: float = 0.0, doubled: float = 0.0) -> list[Content]:
    """The truth with noise that grows with the person; some missed, some found twice; scores with ties."""
    random = np.random.default_rng(0)
    results = []
    for annotation in content["annotations"]:
        times = int(random.random() >= dropped) + int(random.random() < doubled)
        for _ in range(times if annotation["num_keypoints"] else 0):
            keypoints_K3 = np.array(annotation["keypoints"], dtype=float).reshape(17, 3)
            keypoints_K3[:, :2] += random.standard_cauchy((17, 2)) * noise * np.sqrt(annotation["area"])
            results.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": 1,
                    "keypoints": keypoints_K3.ravel().tolist(),
                    "score": round(float(random.random()), 2),
                }
            )
    return results


@pytest.fixture
def excerpt(real: Any) -> Content:
    """538 real images; the file lists an image once per annotation, of which our evaluation must not take notice."""
    content: Content = load_annotations(real(EXCERPT)).as_coco()
    return content


def random_content(seed: int, people: int = 60, images: int = 12) -> Content:
    random = np.random.default_rng(seed)
    annotations = []
    for number in range(people):
        x, y, side = *random.uniform(0, 400, 2), random.uniform(20, 200)
        visibility_K = random.integers(0, 3, 17) * (random.random() > 0.2)
        joints_K2 = np.round(random.uniform((x, y), (x + side, y + side), (17, 2))) * (visibility_K > 0)[:, None]
        annotations.append(
            {
                "id": number + 1,
                "image_id": int(random.integers(1, images + 1)),
                "category_id": 1,
                "iscrowd": int(random.random() < 0.1),
                "num_keypoints": int((visibility_K > 0).sum()),
                "keypoints": np.column_stack([joints_K2, visibility_K]).ravel().tolist(),
                "bbox": [x, y, side, side],
                "area": side * side / 2,
            }
        )
    size = {"width": 640, "height": 640}
    return {
        "images": [{"id": n + 1, "file_name": f"{n}.jpg", **size} for n in range(images)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_PERSON.joints)}],
    }


@pytest.mark.parametrize("seed", range(8))
def test_random_people(seed: int) -> None:
    content = random_content(seed)
    results = detections(content, noise=0.02 * seed, dropped=0.2, doubled=0.3)
    same(oks_metrics(content, results), by_pycocotools(content, results))


@pytest.mark.parametrize(("noise", "dropped", "doubled"), [(0.01, 0.1, 0.1), (0.03, 0.3, 0.5), (0.2, 0.6, 0.0)])
def test_real_people(excerpt: Content, noise: float, dropped: float, doubled: float) -> None:
    results = detections(excerpt, noise=noise, dropped=dropped, doubled=doubled)
    ours = oks_metrics(excerpt, results)
    assert 0 < ours["AP"] < 1  # type: ignore[operator]
    same(ours, by_pycocotools(excerpt, results))


def test_a_box_in_the_results_counts_as_in_pycocotools(excerpt: Content) -> None:
    results = detections(excerpt, noise=0.05, doubled=0.5)
    for result in results:
        result["bbox"] = [0.0, 0.0, 50.0, 50.0]
    same(oks_metrics(excerpt, results), by_pycocotools(excerpt, results))


def test_some_images_only(excerpt: Content) -> None:
    results = detections(excerpt, noise=0.03, dropped=0.2)
    some = sorted(image["id"] for image in excerpt["images"])[::7]
    same(oks_metrics(excerpt, results, some), by_pycocotools(excerpt, results, some))


def test_the_truth_as_detections_is_perfect(real: Any, excerpt: Content) -> None:
    results = detections(excerpt)
    assert len(results) == 1354
    metrics = oks_metrics(real(EXCERPT), results)
    assert metrics == pytest.approx(dict.fromkeys(OKS_METRICS, 1.0), abs=1e-3)
    assert metrics["AP"] == pytest.approx(1.0, abs=1e-9)


def test_real_predictions_score_what_was_measured(real: Any) -> None:
    folder = real("coco_predictions")
    metrics = score_coco(folder / "example_coco_val.json", folder / "example_coco_preds.json")
    expected = [0.8609, 0.9931, 0.9109, 0.7756, 0.9373, 0.8750, 1.0, 0.9167, 0.7800, 0.9429]
    assert [metrics[name] for name in OKS_METRICS] == pytest.approx(expected, abs=5e-5)


def test_nothing_found_is_zero_and_nobody_to_find_is_none() -> None:
    content = random_content(0)
    assert oks_metrics(content, []) == dict.fromkeys(OKS_METRICS, 0.0)
    for annotation in content["annotations"]:
        annotation["area"] = 50.0**2
    metrics = oks_metrics(content, detections(content))
    assert (metrics["AP"], metrics["APM"], metrics["APL"], metrics["ARL"]) == (1.0, 1.0, None, None)
    assert oks_metrics(content, [], image_ids=[999]) == dict.fromkeys(OKS_METRICS)
    assert oks_metrics(content, detections(content), image_ids=[]) == dict.fromkeys(OKS_METRICS)


def test_nothing_passed_in_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    content = random_content(1)
    results = detections(content)
    before = copy.deepcopy((content, results))
    oks_metrics(content, results)
    assert (content, results) == before
    assert capsys.readouterr() == ("", "")


def test_annotation_id_0_can_be_matched() -> None:
    content = random_content(2, people=6)
    for number, annotation in enumerate(content["annotations"]):
        annotation.update(id=number, iscrowd=0)
    assert oks_metrics(content, detections(content))["AP"] == pytest.approx(1.0)


MALFORMED_RESULTS: dict[str, tuple[Callable[[Content], object], str]] = {
    "lacks score": (lambda entry: entry.pop("score"), "entry 3: lacks score"),
    "no keypoints": (lambda entry: entry.pop("keypoints"), "entry 3: lacks keypoints; each entry needs image_id"),
    "short": (
        lambda entry: entry.update(keypoints=[1.0] * 50),
        "entry 3: 'keypoints' must be a list of 51 numbers, found 50",
    ),
    "NaN": (lambda entry: entry["keypoints"].__setitem__(4, float("nan")), "entry 3: .*finite numbers, found nan"),
    "NaN score": (lambda entry: entry.update(score=float("nan")), "entry 3: 'score' must hold finite numbers"),
    "text score": (lambda entry: entry.update(score="high"), "entry 3: 'score' .*found 'high'"),
    "unknown image": (lambda entry: entry.update(image_id=12345), "entry 3: image_id 12345 is not in .*matching annot"),
    "image id as text": (
        lambda entry: entry.update(image_id="1"),
        "entry 3: image_id '1' is not a whole number; write",
    ),
    "image id 1.5": (lambda entry: entry.update(image_id=1.5), "entry 3: image_id 1.5 is not a whole number"),
    "NaN image id": (lambda entry: entry.update(image_id=float("nan")), "entry 3: image_id nan is not a whole number"),
    "unknown category": (lambda entry: entry.update(category_id=3), r"entry 3: category_id 3 is not among \[1\]"),
}


def write(tmp_path: Path, content: Content, results: Any) -> tuple[Path, Path]:
    paths = tmp_path / "truth.json", tmp_path / "results.json"
    for path, value in zip(paths, (content, results), strict=True):
        path.write_text(json.dumps(value))
    return paths


@pytest.mark.parametrize("case", MALFORMED_RESULTS)
def test_malformed_results_are_named(tmp_path: Path, case: str) -> None:
    spoil, message = MALFORMED_RESULTS[case]
    content = random_content(3)
    results = detections(content)
    spoil(results[3])
    with pytest.raises(InputError, match=message):
        score_coco(*write(tmp_path, content, results))


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"annotations": []}, "not a results file.*looks like an annotation file"),
        ({"results": []}, "not a results file.*found an object"),
        (5, "not a results file.*found int"),
        ([5], "entry 0: is not a JSON object"),
    ],
)
def test_other_files_are_named(tmp_path: Path, results: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score_coco(*write(tmp_path, random_content(3), results))


def test_results_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    truth, results = write(tmp_path, random_content(3), [])
    results.write_bytes(b'[{"image_id": 1')
    with pytest.raises(InputError, match=r"results\.json: not valid JSON"):
        score_coco(truth, results)
    results.unlink()
    with pytest.raises(InputError, match=r"results\.json: cannot read"):
        score_coco(truth, results)


def test_ids_may_be_written_with_a_point(tmp_path: Path) -> None:
    content = random_content(3)
    results = detections(content)
    pointed = [{**each, "image_id": float(each["image_id"]), "category_id": 1.0} for each in results]
    same(score_coco(*write(tmp_path, content, pointed)), by_pycocotools(content, pointed))
    assert score_coco(*write(tmp_path, content, pointed)) == oks_metrics(content, results)


def test_further_keys_and_an_empty_file_are_fine(tmp_path: Path) -> None:
    content = random_content(3)
    results = [{**result, "centre": [1, 2], "area": "?", "bbox": None} for result in detections(content)]
    assert score_coco(*write(tmp_path, content, results)) == oks_metrics(content, detections(content))
    assert score_coco(*write(tmp_path, content, [])) == dict.fromkeys(OKS_METRICS, 0.0)


def test_many_people_on_an_image_of_two_categories_at_once() -> None:
    """More poses than COCO counts, ties in score and in similarity, crowds, people without joints."""
    content = random_content(5, people=300, images=6)
    content["categories"].append({**content["categories"][0], "id": 2, "name": "statue"})
    results = detections(content, noise=0.05, dropped=0.1, doubled=0.9)
    for number, result in enumerate(results):
        result["score"] = round(result["score"], 1)
        result["category_id"] = 1 + number % 2
    for number, annotation in enumerate(content["annotations"]):
        annotation["category_id"] = 1 + number % 3 % 2
    same(oks_metrics(content, results + results[:50]), by_pycocotools(content, results + results[:50]))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_stands_in_the_files(tmp_path: Path, seed: int) -> None:
    """Over 20 poses on an image, images without any, equal scores, crowds, people without joints, boxes or none."""
    random = np.random.default_rng(seed)
    content = random_content(seed, people=int(random.integers(1, 120)), images=int(random.integers(1, 30)))
    results = detections(content, noise=0.05 * seed, dropped=0.3, doubled=0.2) * int(random.integers(1, 4))
    for result in results:
        result["score"] = round(float(random.random()), int(random.integers(0, 3)))
        if seed % 2:
            result["bbox"] = random.uniform(0, 150, 4).tolist()
    results = [results[row] for row in random.permutation(len(results))] or detections(random_content(seed))
    same(score_coco(*write(tmp_path, content, results)), by_pycocotools(content, results))


LIGHT = """
import contextlib, io, sys
from heatmark.pipeline.cli import main
sys.argv = ["heatmark", "score", "coco", *sys.argv[1:]]
with contextlib.suppress(SystemExit):
    main()
slow = {"torch", "pandas", "pyarrow", "matplotlib", "scipy", "h5py", "numba"} & set(sys.modules)
assert not slow, slow
"""


def test_scoring_imports_nothing_slow(tmp_path: Path) -> None:
    content = random_content(0)
    command = [sys.executable, "-c", LIGHT, *map(str, write(tmp_path, content, detections(content)))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "AP" in done.stdout, done.stderr
