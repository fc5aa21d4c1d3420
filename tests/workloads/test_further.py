"""A trained net measured in other ways: real jobs, drawn people, a detector made of their boxes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.coco_detections import detections_fingerprint
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.hashes import file_sha256
from heatmark.workloads import checkpoint
from heatmark.workloads.measurement import measurement_of, source_of
from heatmark.workloads.run_folder.evaluation import read_records
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measured, Measurement, Wanted, WantedPart
from tests.made_up import made_spec
from tests.workloads.test_trial import log_of, people, prepare, run

pytestmark = pytest.mark.slow
__all__ = ["people"]


def detector(root: Path, path: Path, **changes: Any) -> Path:
    """The annotated boxes a little larger, the last person missed and a box of nobody, with unlike scores."""
    content = json.loads((root / "annotations" / "person_keypoints_val2017.json").read_bytes())
    boxes = [
        {"image_id": each["image_id"], "category_id": 1, "bbox": [x - 1, y - 1, w + 2, h + 2], "score": 1 - 0.01 * row}
        for row, each in enumerate(content["annotations"])
        for x, y, w, h in [each["bbox"]]
    ]
    nobody = {"image_id": content["images"][0]["id"], "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.1}
    path.write_text(json.dumps([*boxes[:-1], nobody | changes]))
    return path


def evaluate(*arguments: object) -> Any:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "evaluate", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.splitlines()[-1]


def wanted(file: Path) -> WantedPart:
    measurement = Measurement(boxes="det", flip_test=True, detections=detections_fingerprint(file))
    return WantedPart(source="det", measurement=measurement, file=str(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, people: Path) -> RunFolder:
    """Trained for two epochs, and measured in detected boxes at the end, which was wanted from the beginning."""
    path = tmp_path_factory.mktemp("trained")
    folder = prepare(path, people, train={"epochs": 2, "measure_untrained": True})
    Wanted(measurements=[wanted(detector(people, path / "boxes.json"))]).write(folder.wanted_file)
    assert run(folder) == [0], log_of(folder)
    return folder


def test_one_trial_has_both_columns(trained: RunFolder) -> None:
    result, (found,) = trained.result(), trained.measured()
    assert result is not None and result.final is not None and trained.finished and not trained.wanted_file.exists()
    assert (found.source, found.epoch, found.step) == ("det", 2, 24)
    assert found.metrics["detbox/people found"] == pytest.approx(23 / 24)
    assert abs((found.metrics["detbox/EPE"] or 0) - (result.final["gtbox/EPE"] or 0)) < 3
    assert set(result.final) & set(found.metrics) == {"short_mass"}
    kept = read_records(trained.of_source("det").records_file(1))
    assert len(kept) == 25 and kept.boxes == "det" and (kept.annotation_N >= 0).sum() == 24
    missed = np.isnan(kept.error_NK).all(1) & (kept.annotation_N >= 0)
    assert missed.sum() == 1 and np.isnan(kept.numbers["score"][missed]).all()
    assert np.nanmean(kept.error_NK.astype(np.float64)) == pytest.approx(found.metrics["detbox/EPE"])
    poses = json.loads(trained.of_source("det").predictions_file.read_text())
    assert {pose["image_id"] for pose in poses} <= set(kept.image_N.tolist()) and len(poses) >= 23


def test_the_untrained_net_is_epoch_0(trained: RunFolder) -> None:
    records = trained.epochs()
    assert [record.epoch for record in records] == [-1, 0, 1]
    assert records[0].train == {} and records[0].step == 0 and records[0].val is not None
    assert [*trained.records_files()] == [-1, 0, 1]
    assert [read_records(path).epoch for path in trained.records_files().values()] == [0, 1, 2]


def test_a_trained_trial_is_measured_again_and_not_trained(trained: RunFolder, people: Path, tmp_path: Path) -> None:
    """By the job that a sweep would send; other boxes have another name."""
    file = detector(people, tmp_path / "others.json", score=0.2)
    spec = trained.spec()
    measurement = wanted(file).measurement
    source = source_of(spec, measurement, trained.measurements())
    assert source == f"det-{measurement.detections.removeprefix('sha256:')[:8]}"  # type: ignore[union-attr]
    part = WantedPart(source=source, measurement=measurement, file=str(file))
    Wanted(measurements=[part]).write(trained.wanted_file)
    before = trained.result_file.read_bytes(), trained.metrics_file.read_bytes()
    assert not trained.finished and run(trained, ranks=2) == [0, 0], log_of(trained)
    assert trained.finished and (trained.result_file.read_bytes(), trained.metrics_file.read_bytes()) == before
    assert [each.source for each in trained.measured()] == ["det", source]
    assert f"detbox-{source[4:]}/AP" in trained.measured()[1].metrics


def test_evaluate_adds_measurements_under_names_of_their_own(trained: RunFolder) -> None:
    result = trained.result()
    assert result is not None and result.final is not None
    plain = evaluate(trained.path, "--no-flip-test")
    assert set(plain) - {"short_mass"} == {
        name.replace("gtbox", "gtbox-noflip") for name in result.final if "exact" not in name and name != "short_mass"
    }
    assert plain["gtbox-noflip/EPE"] != result.final["gtbox/EPE"]
    both = evaluate(trained.path, "--epochs", "1,2", "--no-flip-test")
    assert [(each["source"], each["epoch"]) for each in both] == [("gt-noflip", 1), ("gt-noflip", 2)]
    assert both[1]["metrics"] == plain, "what is on record is not measured again"
    assert [*trained.of_source("gt-noflip").records_files()] == [0, 1]
    kept = [(each.source, each.epoch) for each in trained.measured()]
    assert kept.count(("gt-noflip", 2)) == 1
    # As it is measured anyway, on record since it was trained: the very numbers.
    assert evaluate(trained.path, "--epochs", "1") == trained.epochs()[1].val


def test_what_cannot_be_measured_is_said(trained: RunFolder, people: Path, tmp_path: Path) -> None:
    assert "no checkpoint is kept of epoch 7; there are " in evaluate(trained.path, "--epochs", "7")
    assert "--epochs one: give whole numbers" in evaluate(trained.path, "--epochs", "one")
    assert "--boxes nowhere.json: no such file or boxes of coco; give the path" in evaluate(
        trained.path, "--boxes", "nowhere.json"
    )
    bare = prepare(tmp_path, people, train={"epochs": 1})
    assert "no checkpoint yet" in evaluate(bare.path, "--no-flip-test")


def test_published_weights_are_measured_as_they_are(trained: RunFolder, tmp_path: Path) -> None:
    """epochs: 0 on another data set gives what the trained net's own folder gives of the same people."""
    weights = checkpoint.newest_first(trained)[0] / checkpoint.STATE_FILE
    other = tmp_path / "other"
    write_coco(other, SyntheticCoco(people_train=8, people_val=16, seed=9))
    spec = made_spec(trained.spec().method, train={"epochs": 3}, runtime={"data_root": str(other)})
    content = spec.model_dump(mode="json")
    content["train"] |= {"epochs": 0, "milestones": []}
    content |= {"pretrained": {"sha256": file_sha256(weights)}}
    content["runtime"] |= {"pretrained": str(weights)}
    folder = RunFolder(tmp_path / "untrained")
    folder.path.mkdir()
    folder.spec_file.write_text(json.dumps(content))
    assert run(folder) == [0], log_of(folder)
    result, (only,) = folder.result(), folder.epochs()
    assert result is not None and (result.epochs, only.epoch, only.val) == (0, -1, result.final)
    moved = trained.spec().model_copy(update={"runtime": spec.runtime})
    assert measurement_of(moved) == measurement_of(trained.spec())
    elsewhere = RunFolder(tmp_path / moved.signature)
    (elsewhere.path).mkdir()
    elsewhere.spec_file.write_text(moved.model_dump_json())
    elsewhere.checkpoints.symlink_to(trained.checkpoints)
    assert evaluate(elsewhere.path) == pytest.approx(result.final, abs=1e-6)


def test_a_measurement_that_is_on_record_stays_when_a_later_one_fails(trained: RunFolder) -> None:
    gone = WantedPart(source="det", measurement=wanted(Path(__file__)).measurement, file="/nowhere.json")
    gone = gone.model_copy(update={"source": "det-gone"})
    known = list(trained.measured())
    Wanted(measurements=[gone]).write(trained.wanted_file)
    assert run(trained) == [2]
    assert trained.measured() == known and not trained.finished and trained.wanted() == (gone,)
    failure = trained.failure()
    assert failure is not None and failure.kind == "user" and "/nowhere.json" in failure.message
    trained.wanted_file.unlink()
    assert trained.finished and Measured.read_all(trained.measurements_file)[0] == known
