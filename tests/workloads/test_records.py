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
from heatmark.workloads.evaluate import Evaluation, Kept, View, evaluate, heatmaps
from heatmark.workloads.heatmap_samples import sampled_people, shown
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from heatmark.workloads.views import load_split
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
    return (
        spec,
        val,
        evaluate(model, View(spec, val, loader), ranks, set(), kept=Kept(sampled_people(val), every_reading=True)),
    )


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
    found = evaluate(build_model(spec, 17), View(spec, val, loader), Ranks(0, 1, torch.device("cpu")), set())
    assert found.heatmaps is None and found.records is not None
    assert len(found.records) == len(val.people)


def test_early_epochs_every_twentieth_and_the_last_are_shown() -> None:
    assert [epoch + 1 for epoch in range(70) if shown(epoch, 70)] == [1, 2, 5, 10, 15, 20, 40, 60, 70]


def flipped(people: Path, method: dict[str, Any], **data: Any) -> tuple[TrialSpec, PoseDataset, Evaluation]:
    train = {"epochs": 1, "batch_size": 7, "flip_test": True}
    spec = made_spec(method, data=data, train=train, runtime={"data_root": str(people)})
    torch.manual_seed(3)
    model = build_model(spec, 17)
    torch.nn.init.normal_(model.final_layer.weight, std=1.0)  # type: ignore[union-attr,arg-type]
    val = load_split(spec, "val")
    loader = make_loader(val, spec.data, training=False, batch_size=7)
    ranks = Ranks(0, 1, torch.device("cpu"))
    return spec, val, evaluate(model, View(spec, val, loader), ranks, set(), kept=Kept(every_reading=True))


ALL = ["argmax", "quarter", "dark", "udp", "soft@10", "bcir@10"]


@pytest.mark.parametrize(
    ("method", "geometry", "exact"),
    [("detection", "biased", True), ("dark", "biased", True), ("detection", "udp", False)]
    + [(name, "biased", False) for name in ("udp", "ipr", "bcir")],
)
def test_a_mirror_that_is_moved_by_a_whole_pixel_is_read_exactly_too(
    people: Path, method: str, geometry: str, exact: bool
) -> None:
    _, _, evaluation = flipped(people, {"name": method}, geometry=geometry)
    assert evaluation.records is not None
    assert list(evaluation.records.readings) == (["exact"] if exact else []) + ALL
    assert ("gtbox/exact/AP" in evaluation.metrics) == exact
    if exact:
        own = evaluation.records.readings["exact"]
        assert np.nanmean(own.error_NK) == pytest.approx(evaluation.metrics["gtbox/exact/EPE"], rel=1e-6)
        assert np.nanmean(own.error_NK) != pytest.approx(evaluation.metrics["gtbox/EPE"], rel=1e-6)


def test_a_method_s_own_read_out_is_among_them(people: Path) -> None:
    """What IPR is measured with is the softmax read-out at its beta, with the mirror merged exactly."""
    for method, name in (("ipr", "soft@10"), ("udp", "udp")):
        _, _, evaluation = flipped(people, {"name": method})
        assert evaluation.records is not None
        read = evaluation.records.readings[name]
        assert np.allclose(read.error_NK, evaluation.records.error_NK, atol=1e-4, equal_nan=True)
        assert np.allclose(read.oks_N, evaluation.records.numbers["oks"], atol=1e-5)


def test_a_person_s_score_comes_from_the_mirrored_crop_too(people: Path) -> None:
    """HRNet's: the peaks of the mean of both maps, the mirrored one moved by a pixel."""
    spec, val, evaluation = flipped(people, {"name": "detection"})
    torch.manual_seed(3)
    model = build_model(spec, 17).eval()
    torch.nn.init.normal_(model.final_layer.weight, std=1.0)  # type: ignore[union-attr,arg-type]
    loader = make_loader(val, spec.data, training=False, batch_size=len(val.people))
    batch = next(iter(loader))
    with torch.no_grad():
        plain, mirrored = heatmaps(model, spec, val, batch, torch.device("cpu"))
    assert mirrored is not None
    moved = torch.cat([mirrored[..., :1], mirrored[..., :-1]], dim=-1)
    peak_NK = ((plain + moved) / 2).amax((-2, -1)).numpy()
    expected = [peaks[peaks > 0.2].mean() if (peaks > 0.2).any() else 0.0 for peaks in peak_NK]
    by_person = {person.annotation_id: value for person, value in zip(val.people, expected, strict=True)}
    records = evaluation.records
    assert records is not None
    for annotation, score in zip(records.annotation_N.tolist(), records.numbers["score"], strict=True):
        assert score == pytest.approx(by_person[annotation], rel=1e-4)


def test_activation_is_told_by_the_method_s_weights_and_by_the_softmax(written: Any) -> None:
    """Eq. 26 sums the softmax of Eq. 3: for integral regression both are one."""
    spec, _, evaluation, _ = written
    records = evaluation.records
    assert records is not None and records.softmax_activation_NS is not None
    same = np.allclose(records.softmax_activation_NS, records.activation_NS, atol=1e-6)
    assert same == (spec.method.name == "ipr")


def test_an_error_has_a_kind_and_a_direction(written: Any) -> None:
    _, _, evaluation, _ = written
    records = evaluation.records
    assert records is not None and records.kind_NK is not None and records.towards_NK is not None
    assert np.array_equal(records.kind_NK == 0, records.visibility_NK == 0)
    assert (np.abs(records.towards_NK) <= records.error_NK + 1e-3)[np.isfinite(records.towards_NK)].all()
    assert (records.oks_mended_NE + 1e-6 >= records.numbers["oks"][:, None]).all()
