"""COCO's keypoint evaluation, by the evaluator of every epoch, by pycocotools and by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.coco import load_annotations
from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.bench.race import Entrant

TITLE, UNIT = "keypoint evaluation of drawn people with noisy predictions", "people"
PEOPLE, NOISE = 400, 4.0


@contextmanager
def entrants() -> Iterator[list[Entrant]]:
    with tempfile.TemporaryDirectory() as folder:
        write_coco(Path(folder), SyntheticCoco(people_train=1, people_val=PEOPLE, seed=0))
        content = load_annotations(Path(folder) / "annotations" / "person_keypoints_val2017.json").as_coco()
    results = _predictions(content)
    yield [
        Entrant("pycocotools", partial(_by_pycocotools, content, results)),
        Entrant("faster-coco-eval", partial(_by_faster_coco_eval, content, results)),
        Entrant("heatmark", partial(_by_heatmark, content, results)),
    ]


def _predictions(content: Any) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    results = []
    for person in content["annotations"]:
        if person["iscrowd"]:
            continue
        keypoints_K3 = np.array(person["keypoints"], dtype=float).reshape(-1, 3)
        keypoints_K3[:, :2] += rng.normal(0, NOISE, (len(keypoints_K3), 2))
        score = float(rng.random())
        results.append(
            {
                "image_id": person["image_id"],
                "category_id": 1,
                "keypoints": keypoints_K3.ravel().tolist(),
                "score": score,
            }
        )
    return results


def _by_heatmark(content: Any, results: list[dict[str, Any]]) -> int:
    oks_metrics(content, results)
    return len(results)


def _by_faster_coco_eval(content: Any, results: list[dict[str, Any]]) -> int:
    from faster_coco_eval.core.coco import COCO
    from faster_coco_eval.core.faster_eval_api import COCOeval_faster

    truth = COCO({**content, "annotations": [dict(person) for person in content["annotations"]]})
    found = truth.loadRes([dict(result) for result in results])
    COCOeval_faster(truth, found, "keypoints", print_function=lambda *_: None).run()
    return len(results)


def _by_pycocotools(content: Any, results: list[dict[str, Any]]) -> int:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {  # type: ignore[typeddict-item]
            **content,
            "annotations": [dict(person) for person in content["annotations"]],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes([dict(result) for result in results]), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return len(results)
