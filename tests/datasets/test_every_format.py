"""What holds for every format there is, whoever wrote it: on its drawn twin, where it has one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.check import check, recognise
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.format import Format
from heatmark.datasets.formats import FORMATS, drawn_formats, load_split, make_recipe, score
from heatmark.datasets.people import SPLITS, PoseDataset, Skeleton
from heatmark.datasets.predictions import Predictions, as_results
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.foundation.errors import InputError
from heatmark.workloads.contact_sheet import contact_sheet

every_format = pytest.mark.parametrize("name", FORMATS)
every_drawn_format = pytest.mark.parametrize("name", drawn_formats())
PEOPLE = {"train": 6, "val": 4}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A drawn data set of each format."""

    class Trees(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            self[name] = tmp_path_factory.mktemp("drawn") / name
            write_tree(self[name], make_recipe(name, PEOPLE["train"], PEOPLE["val"], 0))
            return self[name]

    return Trees()


def perfect(people: PoseDataset) -> Predictions:
    """The truth as a prediction."""
    count, joints = len(people.people), len(people.skeleton.joints)
    found_NK3 = np.ones((count, joints, 3))
    found_NK3[..., :2] = [person.joints_K2 for person in people.people]
    return Predictions(np.arange(count), found_NK3, np.ones(count))


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for each in value.values():
            yield from numbers_in(each)
    elif isinstance(value, float):  # whole numbers are counts
        yield value


@every_format
def test_a_format_says_what_it_is(name: str) -> None:
    found = FORMATS[name]
    assert found.name == name and found.signs and found.scored_files and found.headline and type(found).__doc__
    assert not found.shown or found.shown[0] == found.headline
    assert found.box_sources[0] == "gt" and len(set(found.box_sources)) == len(found.box_sources)
    assert all(side % 32 == 0 for side in found.input_size)
    for recipe, variation in found.variation.items():
        CropSettings(input_size=found.input_size, augmentation=recipe, **variation._asdict())
    overridden = type(found).load_detections is not Format.load_detections
    assert overridden == found.takes_detections


@every_format
def test_a_folder_of_nothing_is_of_no_format_and_cannot_be_read(name: str, tmp_path: Path) -> None:
    assert not FORMATS[name].recognise(tmp_path)
    for split in SPLITS:
        assert FORMATS[name].annotations(tmp_path, split) is None
        with pytest.raises(InputError):
            FORMATS[name].load(tmp_path, split, False)


@every_format
def test_what_is_not_drawn_says_so(name: str) -> None:
    if FORMATS[name].recipe is None:
        with pytest.raises(InputError, match=f"synthetic {name}: nothing is drawn in this format; valid: "):
            make_recipe(name, 1, 1, 0)
    else:
        assert FORMATS[name].recipe.format == name  # type: ignore[union-attr]


@every_drawn_format
def test_a_drawn_set_is_recognised_sound_and_described(name: str, drawn: Mapping[str, Path]) -> None:
    root = drawn[name]
    assert recognise(root) == name and check(root).defects == ()
    for split in SPLITS:
        path = FORMATS[name].annotations(root, split)
        assert path is not None and list(FORMATS[name].problems(path)) == []
        people = FORMATS[name].load(root, split, True)
        assert (people.name, people.split, len(people.people)) == (name, split, PEOPLE[split])
        stats = FORMATS[name].stats(people)
        assert stats["people"] == PEOPLE[split] and json.dumps(stats, allow_nan=False)


@every_drawn_format
def test_people_have_the_joints_of_their_skeleton(name: str, drawn: Mapping[str, Path]) -> None:
    for source in FORMATS[name].box_sources:
        people = load_split(name, drawn[name], "val", True, bbox_source=source)
        joints = len(people.skeleton.joints)
        assert isinstance(people.skeleton, Skeleton) and sorted(people.skeleton.mirrored_order) == list(range(joints))
        for person in people.people:
            assert person.joints_K2.shape == (joints, 2) and np.isfinite(person.joints_K2).all()
            assert person.visibility_K.shape == (joints,) and set(person.visibility_K) <= {0, 1, 2}
            assert min(person.box_xywh[2:]) > 0 and person.image_path.is_file()


@every_drawn_format
def test_other_images_are_other_data(name: str, drawn: Mapping[str, Path], tmp_path: Path) -> None:
    root = tmp_path / name
    shutil.copytree(drawn[name], root)
    before = FORMATS[name].fingerprint(root)
    assert before == FORMATS[name].fingerprint(drawn[name]) and before.startswith("sha256:")
    FORMATS[name].load(root, "train", True).people[0].image_path.unlink()
    assert FORMATS[name].fingerprint(root) != before
    with pytest.raises(InputError, match="without strict"):
        FORMATS[name].load(root, "train", True)
    assert check(root).defects


@every_drawn_format
def test_the_truth_scores_full_marks_in_a_run_and_in_the_usual_file(
    name: str, drawn: Mapping[str, Path], tmp_path: Path
) -> None:
    people = FORMATS[name].load(drawn[name], "val", True)
    found = FORMATS[name].measure(people, perfect(people))
    assert found[FORMATS[name].headline] == pytest.approx(1) and found["EPE"] == pytest.approx(0)
    in_pixels = [metric for metric in FORMATS[name].shown if not metric.endswith("mm")]
    assert set(in_pixels) <= set(found)
    content = FORMATS[name].usual_file(people, perfect(people))
    path = tmp_path / ("predictions.json" if content is None else "predictions.mat")
    path.write_bytes(json.dumps(as_results(people, perfect(people))).encode() if content is None else content)
    scored = score(name, FORMATS[name].truth_file(drawn[name]), path)
    assert json.dumps(scored, allow_nan=False)
    # As a share, or in percent.
    assert max(numbers_in(scored)) in (pytest.approx(1), pytest.approx(100))


@every_drawn_format
def test_its_people_can_be_shown(name: str, drawn: Mapping[str, Path]) -> None:
    settings = CropSettings(input_size=FORMATS[name].input_size, **FORMATS[name].variation["sbl"]._asdict())
    sheet_HW3 = contact_sheet(FORMATS[name].load(drawn[name], "train", True), settings, 2)
    assert sheet_HW3.shape == (2 * 224, 6 * 224, 3) and sheet_HW3.std() > 20
