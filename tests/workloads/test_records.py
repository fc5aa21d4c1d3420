"""What an evaluation keeps of every person, against its own metrics, pycocotools and the heatmaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from heatmark.datasets.loader import make_loader
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.evaluate import Evaluation, evaluate
from heatmark.workloads.heatmap_samples import sampled_people, shown
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model, load_split
from tests.made_up import made_spec


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=2, people_val=30, seed=1))
    return root


def evaluated(people: Path, method: dict[str, Any]) -> tuple[TrialSpec, PoseDataset, Evaluation]:
    """By a net whose heatmaps are not empty."""
    spec = made_spec(method, train={"epochs": 1, "batch_size": 7}, runtime={"data_root": str(people)})
    model = build_model(spec, 17)
    torch.nn.init.normal_(model.final_layer.weight, std=1.0)  # type: ignore[union-attr,arg-type]
    val = load_split(spec, "val")
    loader = make_loader(val, spec.data, training=False, batch_size=7)
    ranks = Ranks(0, 1, torch.device("cpu"))
    return spec, val, evaluate(model, spec, val, loader, ranks, set(), sampled=sampled_people(val))


@pytest.fixture(scope="module", params=["detection", "ipr", "bcir"])
def written(
    request: pytest.FixtureRequest, people: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrialSpec, PoseDataset, Evaluation, RunFolder]:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    spec, val, evaluation = evaluated(people, {"name": request.param})
    evaluation.write(folder, 4)
    return spec, val, evaluation, folder


def test_the_mean_error_is_the_metric(written: Any) -> None:
    _, val, evaluation, folder = written
    frame = pq.read_table(folder.records_file(4)).to_pandas()
    error_NK, visibility_NK = np.stack(list(frame["error"])), np.stack(list(frame["visibility"]))
    assert np.array_equal(np.isnan(error_NK), visibility_NK == 0)
    assert np.nanmean(error_NK) == pytest.approx(evaluation.metrics["gtbox/EPE"], rel=1e-6)
    assert list(zip(frame["image_id"], frame["annotation_id"], strict=True)) == sorted(
        (person.image_id, person.annotation_id) for person in val.people
    )


def test_the_similarity_is_that_of_pycocotools(written: Any) -> None:
    _, val, evaluation, folder = written
    frame = pq.read_table(folder.records_file(4)).to_pandas()
    truth = COCO(str(val.annotation_file))
    boxed = [{**each, "bbox": [0, 0, 1, 1]} for each in evaluation.predictions]
    oracle: Any = COCOeval(truth, truth.loadRes(boxed), "keypoints")
    oracle._prepare()
    assert frame["oks"].between(0, 1).all() and frame["oks"].std() > 0.01
    people: Any = frame.itertuples()
    for row in people:
        found = oracle.computeOks(row.image_id, 1)
        own = [each["id"] for each in oracle._gts[row.image_id, 1]].index(row.annotation_id)
        assert np.isclose(found[:, own], row.oks, atol=1e-4).any()


def test_the_columns_say_what_they_are(written: Any) -> None:
    _, _, _, folder = written
    table = pq.read_table(folder.records_file(4))
    metadata = json.loads(table.schema.metadata[b"heatmark"])
    assert metadata["format"] == "coco" and len(metadata["joints"]) == 17
    widths = {"activation_sum": len(metadata["reaches"]), "error": 17, "joints": 34}
    widths["chi_square"] = len(metadata["windows"]) * len(metadata["sigmas"])
    for name, width in widths.items():
        assert table.schema.field(name).type.list_size == width
    activation_N = np.stack(list(table.to_pandas()["activation_sum"]))
    # A wider square never holds less, and never more than everything.
    assert (np.diff(activation_N, axis=1) >= -1e-6).all() and activation_N.max() <= 1 + 1e-6


def test_the_same_few_people_are_shown_by_every_method(written: Any) -> None:
    _, val, _, folder = written
    with np.load(folder.heatmaps_file(4)) as shown_people:
        density = shown_people["density_PKHW"].astype(np.float32)
        assert density.shape == (2, 17, 16, 16) and shown_people["crop_PRC3"].shape == (2, 64, 64, 3)
        assert np.allclose(density.sum((-2, -1)), 1, atol=0.01)
        ids = shown_people["annotation_id_P"].tolist()
    rows = sorted(sampled_people(val))
    assert ids == [val.people[row].annotation_id for row in rows]
    assert len({val.people[row].image_id for row in rows}) == 2


def test_nobody_is_sampled_unless_asked_for(people: Path) -> None:
    spec, val, _ = evaluated(people, {"name": "detection"})
    loader = make_loader(val, spec.data, training=False, batch_size=7)
    found = evaluate(build_model(spec, 17), spec, val, loader, Ranks(0, 1, torch.device("cpu")), set())
    assert found.heatmaps is None and found.records is not None
    assert len(found.records) == len(val.people)


def test_early_epochs_every_twentieth_and_the_last_are_shown() -> None:
    assert [epoch + 1 for epoch in range(70) if shown(epoch, 70)] == [1, 2, 5, 10, 15, 20, 40, 60, 70]
