"""COCO's keypoint evaluation from file to numbers, each evaluator in its own process, and what it is in training."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.workloads.bench.race import Entrant, Heat, Limit

TITLE, UNIT = "COCO's ten numbers of detected poses", "detections"
IMAGES, DETECTIONS = 4842, 97_809
SIDE = 640
PYCOCOTOOLS, HEATMARK = "pycocotools", "heatmark score coco"

BY_PYCOCOTOOLS = """
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO(sys.argv[1])
evaluation = COCOeval(truth, truth.loadRes(sys.argv[2]), "keypoints")
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
"""
BY_FASTER_COCO_EVAL = """
import sys
from faster_coco_eval import COCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster
truth = COCO(sys.argv[1])
COCOeval_faster(truth, truth.loadRes(sys.argv[2]), "keypoints", print_function=lambda *_: None).run()
"""


@contextmanager
def heats() -> Iterator[list[Heat]]:
    """As large as val2017 with a usual detector: whole processes, then the evaluation alone."""
    with tempfile.TemporaryDirectory() as folder:
        truth, found = write_case(Path(folder), IMAGES, DETECTIONS)
        content, results = json.loads(truth.read_text()), json.loads(found.read_text())
        here = [sys.executable, "-c"]
        commands = {
            PYCOCOTOOLS: [*here, BY_PYCOCOTOOLS, str(truth), str(found)],
            "faster-coco-eval": [*here, BY_FASTER_COCO_EVAL, str(truth), str(found)],
            HEATMARK: [sys.executable, "-m", "heatmark.pipeline.cli", "score", "coco", str(truth), str(found)],
        }
        yield [
            Heat(
                f"{len(results):,} detections on {IMAGES:,} images, from process to numbers",
                [Entrant(name, partial(_run, command, len(results))) for name, command in commands.items()],
                (Limit(HEATMARK, 0.2, PYCOCOTOOLS),),
            ),
            Heat(
                "the same in memory, as at the end of an epoch",
                [
                    Entrant(PYCOCOTOOLS, partial(_counted, by_pycocotools, content, results)),
                    Entrant("heatmark", partial(_counted, oks_metrics, content, results)),
                ],
            ),
        ]


def write_case(folder: Path, images: int, detections: int) -> tuple[Path, Path]:
    """An annotation and a result file of made-up people: crowds, people without labelled joints, false alarms."""
    random = np.random.default_rng(0)
    sigma_K = 2 * np.array(COCO_PERSON.sigmas)
    annotations: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        for _ in range(int(random.geometric(0.43))):
            size, corner_2 = float(np.exp(random.uniform(3.2, 5.6))), random.uniform(0, SIDE / 2, 2)
            visibility_K = random.choice([0, 1, 2], 17, p=[0.35, 0.1, 0.55]) * (random.random() < 0.9)
            joints_K3 = np.column_stack([corner_2 + size * random.random((17, 2)), visibility_K]).round(1)
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": image, "category_id": 1,
                    "iscrowd": int(random.random() < 0.02), "num_keypoints": int((visibility_K > 0).sum()),
                    "keypoints": joints_K3.ravel().tolist(), "area": round(0.5 * size**2, 2),
                    "bbox": [*corner_2.round(2).tolist(), round(size, 2), round(size, 2)],
                }
            )  # fmt: skip
    results = []
    for number in range(detections):
        person = annotations[int(random.integers(len(annotations)))]
        joints_K3 = np.array(person["keypoints"]).reshape(17, 3)
        away = sigma_K * person["bbox"][2] * float(random.choice([0.3, 1.0, 4.0]))
        joints_K3[:, :2] += away[:, None] * random.normal(size=(17, 2))
        joints_K3[:, 2] = random.random(17)
        image = person["image_id"] if number % 8 else int(random.integers(1, images + 1))
        keypoints = joints_K3.round(2).ravel().tolist()
        results.append({"image_id": image, "category_id": 1, "keypoints": keypoints, "score": random.random()})
    content = {
        "images": [{"id": image, "width": SIDE, "height": SIDE, "file_name": f"{image:012d}.jpg"}
                   for image in range(1, images + 1)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_PERSON.joints), "skeleton": []}],
    }  # fmt: skip
    truth, found = folder / "truth.json", folder / "found.json"
    truth.write_text(json.dumps(content))
    found.write_text(json.dumps(results))
    return truth, found


def _run(command: list[str], items: int) -> int:
    subprocess.run(command, check=True, capture_output=True)
    return items


def _counted(evaluate: Callable[[Any, Any], object], content: Any, results: list[dict[str, Any]]) -> int:
    evaluate(content, results)
    return len(results)


def by_pycocotools(content: Any, results: list[dict[str, Any]]) -> list[float]:
    """COCO's ten numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth: Any = COCO()
    truth.dataset = {**content, "annotations": [dict(person) for person in content["annotations"]]}
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes([dict(result) for result in results]), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(value) for value in evaluation.stats]
