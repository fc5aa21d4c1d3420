"""COCO's keypoint evaluation from file to numbers, each evaluator in its own process, and what it is in training."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.foundation.command import run_command
from heatmark.workloads.bench.coco_case import CocoCase
from heatmark.workloads.bench.race import Entrant, Heat, Limit

TITLE, UNIT = "COCO's ten numbers of detected poses", "detections"
CASE = CocoCase()
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
        truth, found = CASE.write(Path(folder))
        content, results = json.loads(truth.read_text()), json.loads(found.read_text())
        here = [sys.executable, "-c"]
        commands = {
            PYCOCOTOOLS: [*here, BY_PYCOCOTOOLS, str(truth), str(found)],
            "faster-coco-eval": [*here, BY_FASTER_COCO_EVAL, str(truth), str(found)],
            HEATMARK: [sys.executable, "-m", "heatmark.pipeline.cli", "score", "coco", str(truth), str(found)],
        }
        yield [
            Heat(
                f"{len(results):,} detections on {CASE.images:,} images, from process to numbers",
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


def _run(command: list[str], items: int) -> int:
    run_command(command, timeout_s=600)
    return items


def _counted(evaluate: Callable[[Any, Any], object], content: Any, results: list[dict[str, Any]]) -> int:
    evaluate(content, results)
    return len(results)


def by_pycocotools(content: Any, results: list[dict[str, Any]]) -> list[float]:
    """COCO's ten numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth: Any = COCO()
        truth.dataset = {**content, "annotations": [dict(person) for person in content["annotations"]]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes([dict(result) for result in results]), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]
