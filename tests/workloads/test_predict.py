"""A trained net on pictures: the very numbers of its own evaluation, whatever the pictures are given as."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heatmark.datasets.given_boxes import boxes_in, numbered, whole_pictures
from heatmark.datasets.images import ImageArray, read_image
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.picture_list import pictures_of
from heatmark.foundation.errors import InputError
from heatmark.workloads.contact_sheet import write_png
from heatmark.workloads.evaluate import evaluate
from heatmark.workloads.export import export_trial
from heatmark.workloads.export_formats import FORMATS
from heatmark.workloads.predict import Predictor, drawn
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.views import load_split, view_of
from tests.workloads.test_trained import people, trial

__all__ = ["people"]


def silent(_line: str) -> None:
    """Nobody reads it."""


def picture(path: Path) -> ImageArray:
    """In RGB."""
    found_HW3 = read_image(path)
    assert found_HW3 is not None, path
    return found_HW3


def annotated(path: Path, val: PoseDataset) -> Path:
    """The people of a split as COCO annotations with boxes and nothing else."""
    images = {person.image_id: person.image_path.name for person in val.people}
    content = {
        "images": [{"id": number, "file_name": name} for number, name in images.items()],
        "annotations": [
            {"id": person.annotation_id, "image_id": person.image_id, "bbox": list(person.box_xywh)}
            for person in val.people
        ],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("method", [{"name": "detection"}, {"name": "bcir"}, {"name": "ipr"}])
@pytest.mark.parametrize("flip_test", [True, False])
def test_in_the_same_boxes_the_numbers_are_the_evaluations(
    tmp_path: Path, people: Path, method: dict[str, Any], flip_test: bool
) -> None:
    folder, spec, model = trial(tmp_path, people, method, flip_test)
    ranks = Ranks(0, 1, torch.device("cpu"))
    expected = evaluate(model, view_of(spec, ranks), ranks, set()).predictions
    given = boxes_in(
        annotated(tmp_path / "boxes.json", load_split(spec, "val")), sorted((people / "val2017").iterdir()), 17
    )
    found = Predictor(folder.path, silent).poses(given, tmp_path / "boxes.json").results()
    assert found == [{key: value for key, value in each.items() if key != "annotation_id"} for each in expected]


def test_a_detectors_boxes_go_through_nms_as_in_an_evaluation(tmp_path: Path, people: Path) -> None:
    folder, spec, model = trial(tmp_path, people, {"name": "bcir"}, True)
    val = load_split(spec, "val")
    boxes = [
        {"image_id": person.image_id, "category_id": 1, "bbox": list(person.box_xywh), "score": score}
        for person in val.people
        for score in (0.9, 0.8)
    ]
    file = tmp_path / "detections.json"
    file.write_text(json.dumps(boxes))
    pictures = sorted((people / "val2017").iterdir())
    found = Predictor(folder.path, silent).poses(boxes_in(file, pictures, 17), file)
    assert len(found.predictions.person_N) < len(boxes), "of two poses in one box one is dropped"
    view = view_of(
        spec.model_copy(
            update={
                "data": spec.data.model_copy(update={"bbox_source": "det", "detections": "sha256:0"}),
                "runtime": spec.runtime.model_copy(update={"detections": str(file)}),
            }
        ),
        Ranks(0, 1, torch.device("cpu")),
    )
    assert found.results() == evaluate(model, view, Ranks(0, 1, torch.device("cpu")), set()).predictions


def test_without_boxes_a_picture_is_one_box_and_a_broken_one_is_named(tmp_path: Path, people: Path) -> None:
    folder, _, _ = trial(tmp_path, people, {"name": "bcir"}, False)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, source in zip(("a.jpg", "b.png"), sorted((people / "val2017").iterdir()), strict=False):
        write_png(pictures / name, picture(source))
    (pictures / "broken.jpg").write_bytes((pictures / "a.jpg").read_bytes()[:300])
    (pictures / "empty.png").write_bytes(b"")
    (pictures / "notes.txt").write_text("no picture")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "predict", str(folder.path), str(pictures), "--json"]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=200)
    told = json.loads(done.stdout)
    assert (told["pictures"], told["poses"]) == (4, 2)
    assert [Path(path).name for path in told["unreadable"]] == ["broken.jpg", "empty.png"]
    assert "unreadable picture, left out" in done.stderr
    results = json.loads((out / "results.json").read_text())
    assert [each["file_name"] for each in results] == ["a.jpg", "b.png"]
    for name in ("a", "b"):
        before_HW3, after_HW3 = picture(next(pictures.glob(f"{name}.*"))), picture(out / "overlays" / f"{name}.png")
        assert before_HW3.shape == after_HW3.shape and 0 < (before_HW3 != after_HW3).any(-1).mean() < 0.5
    assert {path.name for path in (out / "overlays").iterdir()} == {"a.png", "b.png"}


@pytest.mark.parametrize("suffix", [".ts", pytest.param(".onnx", marks=pytest.mark.slow)])
def test_an_exported_file_predicts_what_its_run_folder_does(tmp_path: Path, people: Path, suffix: str) -> None:
    folder, spec, _ = trial(tmp_path, people, {"name": "bcir"}, True)
    file = tmp_path / f"model{suffix}"
    file.write_bytes(export_trial(folder.path, FORMATS[suffix], str(file), silent).content)
    val = load_split(spec, "val")
    boxes = annotated(tmp_path / "boxes.json", val)
    given = boxes_in(boxes, sorted((people / "val2017").iterdir()), 17)
    own, other = (Predictor(place, silent).poses(given, boxes) for place in (folder.path, file))
    assert [each["image_id"] for each in other.results()] == [each["image_id"] for each in own.results()]
    pixels_N = [max(person.box_xywh[2:]) * spec.data.padding / 64 for person in own.predictions.people(own.people)]
    apart_NK = np.linalg.norm((own.predictions.joints_NK3 - other.predictions.joints_NK3)[..., :2], axis=-1)
    assert (apart_NK.max(axis=1) < 1e-4 * np.array(pixels_N)).all(), "in pixels of the crop"
    np.testing.assert_allclose(other.predictions.score_N, own.predictions.score_N, atol=1e-6)


def test_a_file_that_is_no_export_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no net")
    with pytest.raises(InputError, match=r"broken\.onnx: onnxruntime cannot run it \(.*give a file that"):
        Predictor(tmp_path / "broken.onnx", silent)
    with pytest.raises(InputError, match=r"gone\.onnx: cannot be read \(No such file"):
        Predictor(tmp_path / "gone.onnx", silent)
    (tmp_path / "notes.txt").write_text("no net")
    with pytest.raises(InputError, match=r"notes\.txt: no format of an export by its suffix"):
        Predictor(tmp_path / "notes.txt", silent)


def test_poses_are_drawn_where_they_are(tmp_path: Path, people: Path) -> None:
    """The drawing changes the picture at every joint that is on it."""
    folder, _, _ = trial(tmp_path, people, {"name": "bcir"}, False)
    first = sorted((people / "val2017").iterdir())[0]
    poses = Predictor(folder.path, silent).poses(whole_pictures([first], 17), first)
    ((path, canvas_HW3),) = drawn(poses)
    before_HW3 = picture(path)
    for x, y in np.rint(poses.predictions.joints_NK3[0, :, :2]).astype(int).tolist():
        if 0 <= x < canvas_HW3.shape[1] and 0 <= y < canvas_HW3.shape[0]:
            assert (canvas_HW3[y, x] != before_HW3[y, x]).any()


def test_pictures_are_found_by_file_folder_pattern_and_list(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.JPG", "c.png", "d.txt"):
        (tmp_path / name).write_bytes(b"x")
    names = [path.name for path in pictures_of([str(tmp_path)], ())]
    assert names == ["a.JPG", "b.jpg", "c.png"]
    assert [path.name for path in pictures_of([str(tmp_path / "*.jpg"), str(tmp_path / "c.png")], ())] == [
        "b.jpg",
        "c.png",
    ]
    listed = [f"{tmp_path / 'c.png'}\n", "\n", f"{tmp_path / 'b.jpg'}\n", f"{tmp_path / 'c.png'}\n"]
    assert [path.name for path in pictures_of(["-"], listed)] == ["c.png", "b.jpg"]
    with pytest.raises(InputError, match=r"nothing.jpg: no such picture or folder"):
        pictures_of([str(tmp_path / "nothing.jpg")], ())
    with pytest.raises(InputError, match="no picture there"):
        pictures_of([str(tmp_path / "*.gif")], ())


def test_numbers_are_those_in_the_names_where_all_have_one() -> None:
    assert list(numbered([Path("000000000785.jpg"), Path("12.png")]).values()) == [785, 12]
    assert list(numbered([Path("7.jpg"), Path("a.jpg")]).values()) == [1, 2]
    assert list(numbered([Path("x/7.jpg"), Path("y/7.jpg")]).values()) == [1, 2]


@pytest.mark.parametrize(
    ("content", "names", "why"),
    [
        ("{", ["1.jpg"], "not valid JSON"),
        ('{"images": []}', ["1.jpg"], "neither a list of detections nor COCO annotations"),
        ("[]", ["a.jpg"], "detections name pictures by number"),
        ("[]", ["1.jpg"], "none of its boxes is on one of the 1 pictures"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1], "score": 1}]', ["1.jpg"], "entry 0: "),
        ('{"images": [{"id": "x"}], "annotations": []}', ["1.jpg"], "images: each needs a whole number"),
        (
            '{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"id": 3, "image_id": 1}]}',
            ["1.jpg"],
            "annotation 3: ",
        ),
    ],
)
def test_boxes_that_cannot_be_used_are_said(tmp_path: Path, content: str, names: list[str], why: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(content)
    with pytest.raises(InputError, match=why):
        boxes_in(file, [Path(name) for name in names], 17)


def test_a_folder_without_weights_is_said(tmp_path: Path, people: Path) -> None:
    folder, _, _ = trial(tmp_path, people, {"name": "bcir"}, False)
    bare = RunFolder(tmp_path / "bare")
    bare.path.mkdir()
    bare.spec_file.write_bytes(folder.spec_file.read_bytes())
    with pytest.raises(InputError, match="no checkpoint yet"):
        Predictor(bare.path, silent)
