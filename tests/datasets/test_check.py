"""`heatmark data check|stats|show`: every defect is found and named, and what is sound passes."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import scipy.io
from PIL import Image

from heatmark.datasets.check import check, recognise
from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.loader import PersonCrops
from heatmark.datasets.stats import dataset_stats, subset_stats
from heatmark.foundation.errors import InputError
from heatmark.workloads.contact_sheet import contact_sheet, target_overlay

EXIF = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)


def test_sound_folders_pass(coco: Any, real: Any) -> None:
    report = check(coco.root)
    assert (report.format, report.defects, report.notes) == ("coco", (), ())
    assert report.splits["train"] == {"images": 3, "people": 6, "labelled_joints": 102}
    assert check(real("coco_mini")).defects == ()


def test_all_defects_of_annotations_are_found_not_only_the_first(coco: Any) -> None:
    content = coco.content()
    first, second, third, fourth = content["annotations"][:4]
    first["keypoints"][4] = float("nan")
    second["bbox"] = [1, 2, 3]
    third["keypoints"][2], third["keypoints"][5] = 3, -1
    fourth["bbox"] = [500.0, 5.0, 10.0, 20.0]
    coco.write("train", content)
    found = check(coco.root).defects
    path = coco.annotation_file("train")
    assert [each.removeprefix(f"{path}: ").split(";")[0] for each in found] == [
        "annotation 1: 'keypoints' must hold finite numbers, found nan",
        "annotation 2: 'bbox' must be a list of 4 numbers, found 3",
        "annotation 3: visibility must be 0, 1 or 2, found 3 for nose",
        "annotation 3: visibility must be 0, 1 or 2, found -1 for left_eye",
        "annotation 4: its box [500.0, 5.0, 10.0, 20.0] is empty or outside the image",
    ]


def test_absent_images_and_splits_are_defects(coco: Any) -> None:
    coco.image_file("train", 2).unlink()
    coco.annotation_file("val").unlink()
    found = check(coco.root).defects
    assert found[0] == f"{coco.image_file('train', 2)}: listed in person_keypoints_train2017.json, not there"
    assert "the annotations of the val split are not there" in found[1] and len(found) == 2


def header_of_a_png(width: int, height: int) -> bytes:
    """A PNG that says it is so large, without the pixels."""
    content = b"\x89PNG\r\n\x1a\n"
    for body in (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(1000))):
        content += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return content


def spoil(path: Path, kind: str) -> None:
    """Another image in the place of the one that is there; its name stays, whatever it is."""
    pixels_HW3 = np.full((120, 160, 3), 90, np.uint8)
    picture = Image.fromarray(pixels_HW3)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no image")
    elif kind == "cut short":
        picture.save(path, "JPEG")
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "bomb":
        path.write_bytes(header_of_a_png(100_000, 100_000))
    elif kind == "too small":
        picture.crop((0, 0, 10, 8)).save(path, "PNG")
    elif kind == "CMYK":
        picture.convert("CMYK").save(path, "JPEG")
    elif kind == "rotated":
        picture.save(path, "JPEG", exif=EXIF)
    elif kind == "16 bit":
        cv2.imwrite(str(path), pixels_HW3[..., 0].astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "no image that can be read"),
        ("text", "no image that can be read"),
        ("cut short", "cannot decode this image; replace the file"),
        ("bomb", "no image that can be read (Image size (10000000000 pixels) exceeds limit"),
        ("too small", "annotation 2: its box is outside the image"),
    ],
)
def test_images_that_cannot_be_used_are_defects(kind: str, message: str, coco: Any) -> None:
    path = coco.image_file("train", 2)
    spoil(path, kind)
    found = check(coco.root).defects
    assert found and found[0].startswith(f"{path}: {message}") and "\n" not in found[0]
    assert all(each.startswith(f"{path}: ") for each in found)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("CMYK", "is CMYK, read as RGB"),
        ("rotated", "has EXIF orientation 6, which is ignored"),
        ("16 bit", "has 16 bits a channel, read as 8"),
    ],
)
def test_unusual_images_are_noted(kind: str, message: str, coco: Any) -> None:
    path = coco.image_file("train", 2)
    spoil(path, kind)
    report = check(coco.root)
    assert report.defects == () and len(report.notes) == 1
    assert report.notes[0].startswith(f"{path}: {message}")


def test_the_other_formats_are_recognised(tmp_path: Path, real: Any) -> None:
    assert recognise(real("mpii")) == "mpii" and recognise(real("lspet")) == "lspet"
    (tmp_path / "images").mkdir()
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.full((14, 3, 5), 2.0)})
    assert (
        check(tmp_path)
        .defects[0]
        .startswith(f"{tmp_path / 'joints.mat'}: image 1, right_ankle: the label must be 0 or 1")
    )
    (tmp_path / "joints.mat").unlink()
    (tmp_path / "train.json").write_text(json.dumps([5, {"image": "a.jpg", "center": [1, 2], "scale": "1"}]))
    people = [each for each in check(tmp_path).defects if "train.json" in each]
    assert [each.partition("person ")[2][:8] for each in people] == ["0: is no", "1: 'scal"]


def test_what_is_no_data_set_is_told_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no data set that is known here.*coco: annotations/.*lspet: joints\.mat"):
        check(tmp_path)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        check(tmp_path / "nowhere")


def test_stats_count_people_joints_and_cells(coco: Any) -> None:
    content = coco.content(images=3, people_per_image=2)
    content["annotations"][0]["keypoints"][2] = 0
    content["annotations"][1]["keypoints"][2] = 1
    coco.write("train", content)
    dataset = load_coco(coco.root, "train")
    found = dataset_stats(dataset)
    assert (found["people"], found["images"], found["most_people_on_an_image"]) == (6, 3, 2)
    assert found["labelled"]["nose"] == pytest.approx(5 / 6, abs=1e-4) and found["labelled"]["left_eye"] == 1
    assert found["hidden"]["nose"] == pytest.approx(1 / 6, abs=1e-4)
    assert found["longest_box_side_px"]["p50"] == 79
    cells = subset_stats(dataset)["paper_counts"]
    # Nobody is hidden to a fifth; nobody is as large as the easy of all three factors are.
    assert cells["size_by_joints"]["32-64"]["11-17"] == 6 and cells["difficulty"] == {"easy": 6, "medium": 0, "hard": 0}
    assert cells["difficulty_by_intersection"] == {"easy": 0, "medium": 0, "hard": 0}


def test_the_target_lies_on_the_joints() -> None:
    overlay_HW3 = target_overlay(
        np.zeros((64, 64, 3), np.uint8), np.array([[20.0, 40.0], [4.0, 4.0]]), np.array([1.0, 0]), 4
    )
    assert overlay_HW3[40, 20].tolist() == [255, 210, 60] and overlay_HW3[4, 4].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("geometry", "last"), [("biased", 60.0), ("udp", 63.0)])
def test_the_last_pixel_of_a_target_lies_where_the_geometry_has_it(geometry: Any, last: float) -> None:
    """Heatmap pixel 15 of 16 is input pixel 60 of 64, and the last one under UDP."""
    joint_K2, labelled_K = np.array([[last, last]]), np.ones(1)
    overlay_HW3 = target_overlay(np.zeros((64, 64, 3), np.uint8), joint_K2, labelled_K, geometry=geometry)
    rows, columns = np.nonzero(overlay_HW3[..., 0] >= 254)
    assert (rows.max(), columns.max()) == (last, last)
    assert overlay_HW3[int(last), int(last)].tolist() == pytest.approx([255, 210, 60], abs=1)


def test_a_contact_sheet_has_a_row_for_each_person(coco: Any) -> None:
    dataset = load_coco(coco.root, "train")
    sheet_HW3 = contact_sheet(dataset, CropSettings(), 2, seed=3)
    assert sheet_HW3.shape == (2 * 224, 6 * 224, 3) and sheet_HW3.std() > 20
    assert np.array_equal(sheet_HW3, contact_sheet(dataset, CropSettings(), 2, seed=3))
    for number in (1, 2, 3):
        coco.image_file("train", number).write_bytes(b"")
    with pytest.raises(InputError, match="no image of this split can be read"):
        contact_sheet(dataset, CropSettings(), 2)


def test_pictures_that_were_resized_after_they_were_labelled_are_one_line(coco: Any) -> None:
    for number in (1, 2):
        path = coco.image_file("train", number)
        picture = Image.open(path)
        picture.resize((2 * picture.width, 2 * picture.height)).save(path)
    line = check(coco.root).defects[-1]
    assert line.startswith(f"{coco.root}: 2 of ") and "pictures were resized after they were labelled" in line
    assert "in the annotations" in line


def test_pictures_that_lie_on_their_side_are_told_apart(coco: Any) -> None:
    for number in (1, 2):
        path = coco.image_file("train", number)
        Image.open(path).rotate(90, expand=True).save(path)
    assert "2 of 6 pictures lie on their side (" in check(coco.root).defects[-1]


@pytest.mark.parametrize("unit", ["parts of the picture", "boxes in parts"])
def test_joints_or_boxes_in_parts_of_the_picture_are_a_defect(coco: Any, unit: str) -> None:
    """As YOLO writes them."""
    content = coco.content()
    for annotation in content["annotations"]:
        joints = np.array(annotation["keypoints"], float).reshape(-1, 3)
        if unit == "parts of the picture":
            joints[:, :2] = joints[:, :2] / 1000
            annotation["bbox"] = [60.0, 50.0, 40.0, 50.0]
        else:
            annotation["bbox"] = [2.0, 1.5, 1.5, 1.5]
            joints[:, :2] += 40
        annotation["keypoints"] = joints.ravel().tolist()
    coco.write("train", content)
    count = len(content["annotations"])
    assert any(
        f"the labelled joints of {count} of {count} people lie far outside their boxes" in line
        for line in check(coco.root).defects
    )


def test_pictures_labelled_upright_are_cropped_upright(coco: Any) -> None:
    """A phone stores on its side what a label tool shows upright; the json's size tells which of them was labelled."""
    content = coco.content()
    coco.write("train", content)

    def crops() -> list[npt.NDArray[np.uint8]]:
        people = load_coco(coco.root, "train")
        loaded = PersonCrops(people, CropSettings(input_size=(64, 64)), training=False, seed=0)
        return [loaded[0, number]["image_HW3"] for number in range(len(people.people))]

    plain = crops()
    for image in content["images"]:
        path = coco.image_file("train", image["id"])
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    assert all(np.array_equal(one, other) for one, other in zip(plain, crops(), strict=True))
    report = check(coco.root)
    assert report.defects == ()
    assert sum("is turned as its EXIF orientation 6 says" in note for note in report.notes) == 3
