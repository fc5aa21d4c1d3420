"""Every drawn tree is a genuine one of its format: recognised, without a defect, the same for the same seed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from heatmark.datasets.check import check, recognise
from heatmark.datasets.formats import FORMATS, drawn_formats, make_recipe
from heatmark.datasets.people import SPLITS, Person
from heatmark.datasets.subsets import members, preset
from heatmark.datasets.synthetic.pictures import scenes
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.datasets.synthetic.segmentation import tight_box
from heatmark.foundation.errors import InputError


def contents(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("format", drawn_formats())
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(format: str, tmp_path: Path) -> None:
    for folder, seed in (("first", 3), ("again", 3), ("other", 4)):
        write_tree(tmp_path / folder, make_recipe(format, 6, 3, seed))
    first, again, other = (contents(tmp_path / folder) for folder in ("first", "again", "other"))
    assert first == again
    assert not set(first.values()) & set(other.values())


@pytest.mark.parametrize("format", drawn_formats())
def test_a_smaller_set_is_the_beginning_of_a_larger_one(format: str, tmp_path: Path) -> None:
    for people in (4, 12):
        write_tree(tmp_path / str(people), make_recipe(format, people, 2, 3))
    small, large = (contents(tmp_path / str(people)) for people in (4, 12))
    pictures = [name for name in sorted(small) if name.endswith((".jpg", ".png"))]
    # Of the last picture of a split fewer people may be wanted than are drawn in the larger set.
    assert sum(small[name] == large.get(name) for name in pictures) >= len(pictures) - 2 > 0


@pytest.mark.parametrize("format", drawn_formats())
def test_a_tree_is_recognised_and_whole(format: str, tmp_path: Path) -> None:
    write_tree(tmp_path / format, make_recipe(format, 12, 4, 0))
    assert recognise(tmp_path / format) == format
    report = check(tmp_path / format)
    assert not report.defects
    assert [report.splits[split]["people"] for split in SPLITS] == [12, 4]
    for split in SPLITS:
        assert not FORMATS[recognise(tmp_path / format)].load(tmp_path / format, split, True).absent


def test_every_format_that_comes_with_heatmark_can_be_drawn() -> None:
    own = [name for name, each in FORMATS.items() if type(each).__module__.startswith("heatmark.datasets.formats.")]
    assert drawn_formats() == own == ["coco", "mpii", "lspet", "rhd", "keypoints"]


def test_recipes_differ_by_format() -> None:
    assert len({make_recipe(format, 10, 5, 0).fingerprint() for format in drawn_formats()}) == len(drawn_formats())


def test_a_format_that_nothing_is_drawn_in_is_named() -> None:
    with pytest.raises(InputError, match="synthetic voc: nothing is drawn in this format; valid: coco, mpii, lspet"):
        make_recipe("voc", 1, 1, 0)


def test_no_sub_benchmark_is_empty() -> None:
    people = [
        Person(
            0, 0, Path("x"), tight_box(each.mask_HW), each.joints_K3[:, :2], each.joints_K3[:, 2], each.mask_HW.sum()
        )
        for scene in scenes(3, "train", 450, lambda _done: None)
        for each in scene.people
    ]
    assert len(people) == 450
    found = members(people, preset("paper_counts"))
    assert len(found) == 2 * 3 + 12 + 9
    assert not [name for name, rows in found.items() if not rows]
    # They are not bought with people of whom nothing is to be seen.
    assert np.mean([(person.visibility_K == 2).sum() >= 5 for person in people]) > 0.85
