"""A skeleton drawn, and the command that prints it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from heatmark.datasets.pose_drawing import LEFT, RIGHT
from heatmark.datasets.skeletons import as_mapping, read_skeleton, shipped, shipped_names
from heatmark.datasets.skeletons.layout import layout
from heatmark.datasets.skeletons.picture import skeleton_picture
from heatmark.foundation.errors import InputError
from heatmark.pipeline.cli import app


@pytest.mark.parametrize("name", shipped_names())
def test_a_layout_is_its_own_mirror_image(name: str) -> None:
    skeleton = shipped(name)
    places_K2 = layout(skeleton)
    assert np.isfinite(places_K2).all()
    for left, right in skeleton.swaps:
        assert places_K2[left] == pytest.approx(places_K2[right] * [-1, 1], abs=1e-6)
    # As a person who faces the viewer.
    if skeleton.swaps:
        assert np.mean([places_K2[left, 0] for left, _ in skeleton.swaps]) > 0
    apart_KK = np.linalg.norm(places_K2[:, None] - places_K2[None], axis=-1) + 9 * np.eye(len(places_K2))
    assert apart_KK.min() > 0.05, "two joints in one place"


@pytest.mark.parametrize("name", ["coco", "mpii", "lsp", "aic", "halpe26", "jhmdb", "zebra"])
def test_limbs_are_short_and_the_head_is_above(name: str) -> None:
    skeleton = shipped(name)
    places_K2 = layout(skeleton)
    lengths = [np.linalg.norm(places_K2[a] - places_K2[b]) for a, b in skeleton.bones]
    assert min(lengths) > 0.2 and max(lengths) < 2.0
    heads = [index for index, joint in enumerate(skeleton.joints) if joint in ("nose", "head_top", "head", "snout")]
    assert places_K2[heads, 1].max() < np.median(places_K2[:, 1])


def test_a_layout_is_the_same_each_time() -> None:
    assert (layout(shipped("fly")) == layout(shipped("fly"))).all()


def test_the_smallest_skeletons_are_drawn() -> None:
    for joints in (["one"], ["one", "two"], ["left_one", "right_one"]):
        skeleton = read_skeleton({"joints": joints}, "here").skeleton
        assert skeleton_picture(skeleton).ndim == 3


def test_the_left_side_is_orange_at_the_viewers_right() -> None:
    picture_HW3 = skeleton_picture(shipped("coco"))
    columns = {color: np.nonzero((picture_HW3 == color).all(axis=-1))[1].mean() for color in (LEFT, RIGHT)}
    assert columns[LEFT] > picture_HW3.shape[1] / 2 > columns[RIGHT]


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    run = CliRunner()
    listed = run.invoke(app, ["data", "skeleton"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in shipped_names())
    done = run.invoke(app, ["data", "skeleton", "coco", "--out", str(tmp_path / "coco.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "coco.png").read_bytes().startswith(b"\x89PNG")
    (row,) = [line.split() for line in done.output.splitlines() if "left_wrist" in line]
    assert [cell for cell in row if cell != "│"] == ["9", "left_wrist", "left", "10", "0.062", "yes"]
    assert "reference: the longest side of the box" in done.output and "15-13, 13-11" in done.output


def test_the_command_tells_what_it_derived(tmp_path: Path) -> None:
    run = CliRunner()
    (tmp_path / "mine.yaml").write_text("joints: [neck, left_hand, right_hand]")
    done = run.invoke(app, ["data", "skeleton", str(tmp_path / "mine.yaml")])
    assert "note: pairs: derived from the names, left_hand with right_hand" in done.output
    assert "note: sigmas: none given, 0.05 for each joint" in done.output
    done = run.invoke(app, ["data", "skeleton", "wflw", "--json"])
    printed = json.loads(done.output)
    assert len(printed.pop("notes")) == 1 and printed == as_mapping(shipped("wflw"))
    done = run.invoke(app, ["data", "skeleton", "--json"])
    assert json.loads(done.output)["wflw"] == {"joints": 98, "subject": "face"}


def test_a_mistake_of_the_command_is_named() -> None:
    run = CliRunner()
    assert isinstance(run.invoke(app, ["data", "skeleton", "coca"]).exception, InputError)
    assert isinstance(run.invoke(app, ["data", "skeleton", "--out", "x.png"]).exception, InputError)
