"""A made-up sweep folder to replay: test data of the reporter. Its numbers were never measured."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.document import Document
from heatmark.reports.sections.document import assemble
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from tests.made_up import finish, made_epoch, made_spec, planned, planned_sweep

EPOCHS = 12
METHODS = (
    Detection(),
    IntegralRegression(beta=1.0),
    IntegralRegression(beta=10.0),
    BiasCompensated(beta=1.0, t_o=10),
    BiasCompensated(beta=10.0, t_o=10),
)
# A standing person in a unit box, in COCO's order of joints; the person's left is at larger x.
STANDING_K2 = np.array(
    [
        *((0.50, 0.10), (0.54, 0.08), (0.46, 0.08), (0.58, 0.10), (0.42, 0.10)),
        *((0.68, 0.24), (0.32, 0.24), (0.80, 0.38), (0.20, 0.38), (0.88, 0.52), (0.12, 0.52)),
        *((0.62, 0.55), (0.38, 0.55), (0.64, 0.76), (0.36, 0.76), (0.66, 0.97), (0.34, 0.97)),
    ]
)


def trial_spec(method: Any, data_root: Path, seed: int = 0, name: str = "drawn", **train: Any) -> TrialSpec:
    return made_spec(
        method,
        seed,
        "sbl-r18-w16",
        data={"name": name, "input_size": [192, 256]},
        train={"epochs": EPOCHS, "batch_size": 32, **train},
        runtime={"data_root": str(data_root)},
    )


def write_spec(sweep: Path, spec: TrialSpec) -> RunFolder:
    return planned(sweep / spec.signature, spec)


def write_epochs(run: RunFolder, rank: int, count: int = EPOCHS) -> dict[str, float]:
    """A saturating curve per trial; returns the last validation metrics."""
    val: dict[str, float] = {}
    for epoch in range(count):
        grown = 1 - math.exp(-(epoch + 1) / (2 + rank))
        ap = round((0.60 + 0.03 * rank) * grown, 4)
        val = {"gtbox/AP": ap, "gtbox/AP50": round(min(1.0, 1.3 * ap), 4), "gtbox/AP75": round(0.9 * ap, 4)}
        val |= {"gtbox/APM": ap, "gtbox/APL": ap, "gtbox/AR": round(ap + 0.04, 4), "gtbox/EPE": round(4 / ap, 3)}
        loss = round((2 + 10 * rank) * (1.1 - grown), 5)
        spent = {"samples_seen": 1280 * (epoch + 1), "wall_s": 7.5 * (epoch + 1), "images_per_s": 170.0 + rank}
        train = {"loss": loss, "l_de": loss, "l_re": None}
        when = f"2026-03-04T10:{epoch:02d}:00.000Z"
        run.append_epoch(made_epoch(epoch, val, time=when, train=train, **spent))
    return val


def write_result(run: RunFolder, final: dict[str, float]) -> None:
    finish(run, final, epochs=EPOCHS)


def write_predictions(run: RunFolder, data_root: Path, rank: int) -> None:
    """The ground truth with noise."""
    noise = np.random.default_rng(rank)
    content = json.loads((data_root / "annotations" / "person_keypoints_val2017.json").read_text())
    results = []
    for annotation in content["annotations"]:
        keypoints_K3 = np.array(annotation["keypoints"], dtype=float).reshape(17, 3)
        keypoints_K3[:, :2] += noise.normal(0, 0.008 * annotation["bbox"][3] * (5 - rank / 2), (17, 2))
        keypoints_K3[:, 2] = 0.9
        result = {"image_id": annotation["image_id"], "category_id": 1, "score": 0.9}
        results.append({**result, "keypoints": keypoints_K3.ravel().tolist(), "annotation_id": annotation["id"]})
    run.predictions_file.write_text(json.dumps(results))


def write_val_tree(root: Path, people: int = 8) -> None:
    """Stick people of growing size on plain images, in COCO's format."""
    (root / "annotations").mkdir(parents=True)
    (root / "val2017").mkdir()
    images, annotations = [], []
    for index in range(people):
        height, image_id = 60 + 45 * index, 100 + index
        box = (40.0 + 10 * index, 20.0, 0.5 * height, float(height))
        joints_K2 = STANDING_K2 * box[2:] + box[:2]
        picture = np.full((480, 480, 3), (190 - 12 * index, 205, 215), np.uint8)
        for a, b in COCO_PERSON.bones:
            ends = [(round(float(x)), round(float(y))) for x, y in (joints_K2[a], joints_K2[b])]
            cv2.line(picture, ends[0], ends[1], (90, 80, 110), max(2, height // 18), cv2.LINE_AA)
        cv2.imwrite(str(root / "val2017" / f"{image_id:012d}.jpg"), picture)
        visibility = [0 if (index, joint) == (2, 9) else 2 for joint in range(17)]
        keypoints = [v for (x, y), flag in zip(joints_K2.tolist(), visibility, strict=True) for v in (x, y, flag)]
        images.append({"id": image_id, "file_name": f"{image_id:012d}.jpg", "width": 480, "height": 480})
        annotation = {"id": 500 + index, "image_id": image_id, "category_id": 1, "iscrowd": 0, "bbox": list(box)}
        annotations.append({**annotation, "area": box[2] * box[3], "num_keypoints": 17, "keypoints": keypoints})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations" / "person_keypoints_val2017.json").write_text(json.dumps(content))


def write_plan(sweep: Path, specs: list[TrialSpec], name: str = "demo", scheduler: str = "fifo") -> None:
    planned_sweep(sweep, specs, name, scheduler=scheduler)


def write_sweep(sweep: Path, data_root: Path, seeds: int = 1) -> list[TrialSpec]:
    """Five finished cells: detection, IPR and BCIR at beta 1 and 10."""
    if not data_root.exists():
        write_val_tree(data_root)
    specs = []
    for seed in range(seeds):
        for rank, method in enumerate(METHODS):
            spec = trial_spec(method, data_root, seed)
            run = write_spec(sweep, spec)
            write_result(run, write_epochs(run, rank + seed))
            write_predictions(run, data_root, rank + seed)
            specs.append(spec)
    write_plan(sweep, specs)
    return specs


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """The five finished cells with their data."""
    write_sweep(tmp_path / "demo", tmp_path / "data")
    return tmp_path / "demo"


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its report, for tests that only read: it is built once."""
    root = tmp_path_factory.mktemp("reported")
    write_sweep(root / "demo", root / "data")
    build_report(root / "demo")
    return root / "demo"


@pytest.fixture(scope="session")
def document(reported: Path) -> Document:
    """What that report says."""
    return assemble(Study(collect(reported)))


@pytest.fixture(scope="session")
def replay() -> dict[str, Callable[..., Any]]:
    """The writers, for tests that need another sweep."""
    runs = (write_spec, write_epochs, write_result, write_predictions)
    writers = (write_sweep, write_plan, *runs, trial_spec, write_val_tree)
    return {writer.__name__: writer for writer in writers}
