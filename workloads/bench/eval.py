"""COCO's keypoint evaluation as a whole process: imports, both files, ten numbers; by pycocotools, faster-coco-eval and
`heatmark score`, which is also what every epoch is evaluated with.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from heatmark.foundation.command import run_command
from heatmark.workloads.bench.coco_case import CocoCase
from heatmark.workloads.bench.race import Entrant, Limit

TITLE, UNIT = "`score coco` of a detector's poses on a validation set, as a whole process", "poses"
CASE = CocoCase()
LIMITS = (Limit("heatmark", "pycocotools", 0.2),)

PYCOCOTOOLS = """
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO(sys.argv[1])
evaluation = COCOeval(truth, truth.loadRes(sys.argv[2]), "keypoints")
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
"""
FASTER = """
import sys
from faster_coco_eval import COCO, COCOeval_faster
truth = COCO(sys.argv[1])
COCOeval_faster(truth, truth.loadRes(sys.argv[2]), "keypoints", print_function=lambda *_: None).run()
"""


@contextmanager
def entrants() -> Iterator[list[Entrant]]:
    with tempfile.TemporaryDirectory() as folder:
        files = [str(path) for path in CASE.write(Path(folder))]
        yield [
            Entrant("pycocotools", partial(_process, ["-c", PYCOCOTOOLS, *files])),
            Entrant("faster-coco-eval", partial(_process, ["-c", FASTER, *files])),
            Entrant("heatmark", partial(_process, ["-m", "heatmark.pipeline.cli", "score", "coco", *files])),
        ]


def _process(arguments: Sequence[str]) -> int:
    run_command([sys.executable, *arguments], timeout_s=600)
    return CASE.detections
