"""Pictures are found under the names that label tools write, and no picture under a name that fits two."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heatmark.datasets.coco import fingerprint, load_coco
from heatmark.datasets.image_folder import found_names
from heatmark.foundation.errors import InputError

WRITTEN: dict[str, tuple[Callable[[str], str], str]] = {
    "./": (lambda name: f"./{name}", "with folders in front"),
    "the split's own folder": (lambda name: f"train2017/{name}", "with folders in front"),
    "an absolute path": (lambda name: f"/home/somebody/pictures/{name}", "with folders in front"),
    "backslashes": (lambda name: f"C:\\pictures\\{name}", "with backslashes"),
    "URL encoding": (lambda name: name.replace("0", "%30"), "URL-encoded"),
    "another case of the extension": (
        lambda name: name.replace(".png", ".PNG").replace(".jpg", ".JPG"),
        "in another case",
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_pictures_are_found_as_tools_write_them(coco: Any, case: str) -> None:
    write, kind = WRITTEN[case]
    content = coco.content()
    coco.write("train", content)
    plain = load_coco(coco.root, "train")
    for image in content["images"]:
        image["file_name"] = write(image["file_name"])
    coco.annotation_file("train").write_text(json.dumps(content))
    found = load_coco(coco.root, "train")
    assert [each.image_path for each in found.people] == [each.image_path for each in plain.people]
    assert found.notes == (f"{coco.root / 'train2017'}: {len(content['images'])} file names are written {kind}",)


def test_sub_folders_are_followed(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "1.jpg").touch()
    found, notes = found_names(["a/1.jpg", "b/1.jpg"], tmp_path)
    assert found == {"a/1.jpg": "a/1.jpg", "b/1.jpg": "b/1.jpg"}
    assert notes == (f"{tmp_path}: 2 file names are written with sub-folders",)


def test_a_name_leads_to_no_file_outside(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.jpg").touch()
    assert found_names(["../secret.jpg", "/etc/passwd"], tmp_path / "inside") == ({}, ())


def test_what_fits_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    with pytest.raises(InputError, match=r"a/1\.jpg and b/1\.jpg are listed, and 1\.jpg fits both"):
        found_names(["a/1.jpg", "b/1.jpg"], tmp_path)
    (tmp_path / "1.JPG").touch()
    with pytest.raises(InputError, match=r"1\.Jpg fits 1\.JPG and 1\.jpg"):
        found_names(["1.Jpg"], tmp_path)


def test_the_fingerprint_knows_which_pictures_are_there(coco: Any) -> None:
    content = coco.content()
    for image in content["images"]:
        image["file_name"] = f"train2017/{image['file_name']}"
    for split in ("train", "val"):
        coco.write(split, coco.content())
        coco.annotation_file(split).write_text(json.dumps(content))
    whole = fingerprint(coco.root)
    next((coco.root / "train2017").iterdir()).unlink()
    assert fingerprint(coco.root) != whole
