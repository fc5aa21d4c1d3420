"""Drawn people in MPII's and LSPET's files: the joints lie where the pictures show them, in the files' own pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import scipy.io

from heatmark.datasets.formats import make_recipe, score
from heatmark.datasets.geometry import crop_size
from heatmark.datasets.lspet import load_joints, load_lspet, split_of
from heatmark.datasets.mpii import load_mpii
from heatmark.datasets.mpii_files import load_truth
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.synthetic.body import SPORTS, sample_body
from heatmark.datasets.synthetic.lspet_tree import image_numbers
from heatmark.datasets.synthetic.pictures import picture_stream
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.datasets.synthetic.scene import compose

PEOPLE = (70, 30)


@pytest.fixture(scope="module")
def mpii(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "mpii"
    write_tree(root, make_recipe("mpii", *PEOPLE, 5))
    return root


@pytest.fixture(scope="module")
def lspet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "lspet"
    write_tree(root, make_recipe("lspet", *PEOPLE, 5))
    return root


def joints(dataset: PoseDataset, *names: str) -> list[FloatArray]:
    """joints_N2 of each name, NaN where the joint is not labelled."""
    found = []
    for name in names:
        index = dataset.skeleton.joints.index(name)
        rows = [p.joints_K2[index] if p.visibility_K[index] else np.full(2, np.nan) for p in dataset.people]
        found.append(np.stack(rows))
    return found


def test_mpii_counts_pixels_from_one(mpii: Path) -> None:
    first = json.loads((mpii / "annot" / "train.json").read_text())[0]
    figure = compose(picture_stream(5, "train", 0)).people[0].figure
    shoulder_2 = figure.points["right_shoulder"]
    assert first["joints_vis"][12] == 1 and first["joints"][12] == pytest.approx(shoulder_2 + 1, abs=1e-3)
    assert first["image"] == "000000001.jpg" and (mpii / "images" / first["image"]).is_file()
    assert load_mpii(mpii, "train").people[0].joints_K2[12] == pytest.approx(shoulder_2, abs=1e-3)
    assert first["scale"] * 200 == pytest.approx(figure.stature, abs=1e-3)


def test_mpiis_own_joints_lie_where_anatomy_has_them(mpii: Path) -> None:
    dataset = load_mpii(mpii, "train")
    pelvis, thorax, neck, top = joints(dataset, "pelvis", "thorax", "upper_neck", "head_top")
    hips, shoulders = (
        np.mean(joints(dataset, f"left_{name}", f"right_{name}"), axis=0) for name in ("hip", "shoulder")
    )
    head = np.linalg.norm(top - neck, axis=1)
    assert np.nanmax(np.linalg.norm(pelvis - hips, axis=1) / head) < 0.05
    assert np.nanmax(np.linalg.norm(thorax - shoulders, axis=1) / head) < 0.05
    # The trunk is longer than the neck, and the chain goes on from pelvis to the top of the head.
    upward = np.einsum("ni,ni->n", top - neck, neck - thorax)
    assert np.nanmean(upward > 0) > 0.95
    assert (np.linalg.norm(neck - thorax, axis=1) < np.linalg.norm(thorax - pelvis, axis=1))[
        ~np.isnan(head)
    ].mean() > 0.9


def test_the_head_box_holds_the_head(mpii: Path) -> None:
    content = scipy.io.loadmat(mpii / "annot" / "gt_valid.mat")
    assert [str(name[0]) for name in content["dataset_joints"][0]][8:10] == ["neck", "head"]
    low_N2, high_N2 = content["headboxes_src"].transpose(0, 2, 1)
    truth = load_truth(mpii / "annot" / "gt_valid.mat")
    assert len(truth.joints_NK2) == PEOPLE[1]
    for joint in (8, 9):
        inside_N = ((truth.joints_NK2[:, joint] >= low_N2 - 1) & (truth.joints_NK2[:, joint] <= high_N2 + 1)).all(
            axis=1
        )
        assert inside_N[truth.labelled_NK[:, joint] > 0].all()
    # PCKh's length is 0.6 of the box's diagonal; on real people it is about 0.1 of the stature, 200 px * scale.
    scale_N = np.array([person["scale"] for person in json.loads((mpii / "annot" / "valid.json").read_text())])
    assert np.median(truth.head_size_N / (200 * scale_N)) == pytest.approx(0.11, abs=0.02)


def test_mpiis_crop_is_about_the_person(mpii: Path) -> None:
    shares = []
    for person in load_mpii(mpii, "train").people:
        x, y, width, height = person.box_xywh
        size_2 = np.array(crop_size(person.box_xywh, (256, 256), 1.25))
        away_K2 = np.abs(person.joints_K2 - (x + width / 2, y + height / 2))[person.visibility_K > 0]
        shares.append((away_K2 <= size_2 / 2).all(axis=1).mean())
    assert np.mean(shares) > 0.99


def test_joints_outside_the_picture_are_missing_in_both_files(mpii: Path) -> None:
    records = json.loads((mpii / "annot" / "valid.json").read_text())
    labelled_NK = load_truth(mpii / "annot" / "gt_valid.mat").labelled_NK
    assert labelled_NK.tolist() == [record["joints_vis"] for record in records]
    assert 0.6 < labelled_NK.mean() < 1
    for record in records:
        image = cv2.imread(str(mpii / "images" / record["image"]))
        assert image is not None
        height, width = image.shape[:2]
        for (x, y), labelled in zip(record["joints"], record["joints_vis"], strict=True):
            assert (x, y) == (-1, -1) if not labelled else 0.5 <= x <= width + 0.5 and 0.5 <= y <= height + 0.5


def test_the_truth_scores_full_marks(mpii: Path, lspet: Path, tmp_path: Path) -> None:
    truth = load_truth(mpii / "annot" / "gt_valid.mat")
    scipy.io.savemat(tmp_path / "mpii.mat", {"preds": truth.joints_NK2})
    found = score("mpii", mpii / "annot" / "gt_valid.mat", tmp_path / "mpii.mat")
    assert found["PCKh@0.5"]["mean"] == 100 and found["PCKh@0.5"]["head"] == 100
    people = load_lspet(lspet, "val").people
    content = {"preds": np.stack([p.joints_K2 for p in people]), "image_numbers": [p.image_id for p in people]}
    scipy.io.savemat(tmp_path / "lspet.mat", content)
    assert score("lspet", lspet / "joints.mat", tmp_path / "lspet.mat")["PCK@0.1"]["mean"] == 100


def test_lspets_numbers_make_its_split(lspet: Path) -> None:
    assert image_numbers("train", 902)[-3:] == [900, 1001, 1002]
    assert image_numbers("val", 101)[-3:] == [999, 1000, 1901]
    counts: dict[Literal["train", "val"], int] = {"train": PEOPLE[0], "val": PEOPLE[1]}
    for split, people in counts.items():
        dataset = load_lspet(lspet, split, strict=True)
        assert len(dataset.people) == people and not dataset.notes
        assert all(split_of(person.image_id) == split for person in dataset.people)


def test_athletes_are_of_lspets_size_and_alone_on_their_image(lspet: Path) -> None:
    people = load_lspet(lspet, "train").people
    # README: the annotated person is roughly 150 pixels long.
    assert 110 < np.median([np.hypot(*person.box_xywh[2:]) for person in people]) < 170
    assert len({person.image_path for person in people}) == len(people)
    labelled_NK = load_joints(lspet).labelled_NK
    assert 0.9 < labelled_NK[labelled_NK.any(axis=1)].mean() < 1


def test_athletes_turn_over_and_other_people_do_not() -> None:
    assert len(SPORTS) >= 5
    for in_sport, least, most in ((True, 0.05, 0.3), (False, 0.0, 0.0)):
        bodies = [sample_body(np.random.default_rng(seed), in_sport=in_sport).points for seed in range(150)]
        share = np.mean([body["head_top"][1] > body["pelvis"][1] for body in bodies])
        assert least <= share <= most
