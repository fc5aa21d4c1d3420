"""Figures with pictures: heatmaps over epochs, people, the toys without data. What they show is what the files hold."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.cells import grid_cells
from heatmark.reports.paper.figures import bias, decodings, gradients
from heatmark.reports.paper.figures.extreme_cases import extreme_cases, ranked
from heatmark.reports.paper.figures.heatmap_progress import heatmap_progress
from heatmark.reports.paper.figures.people import read_people
from heatmark.reports.paper.figures.sample_people import sample_people
from heatmark.reports.paper.figures.setting import DrawnSetting, drawn_settings
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.evidence import gather_evidence
from heatmark.reports.rendering.picture_grid import overlay
from heatmark.workloads.run_folder.evaluation import read_records
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heatmaps import read_heatmaps
from tests.reports.recorded import made_up_people, with_errors, write_records

ROWS, COLUMNS, STRIDE = 16, 12, 4


def read_setting(sweep: Path) -> DrawnSetting:
    trials = collect(sweep).trials
    (setting,) = drawn_settings(grid_cells(trials, gather_evidence(trials)))
    return setting


def write_heatmaps(
    run: Path,
    epoch: int,
    joint: tuple[int, int] = (3, 5),
    found: tuple[float, float] = (3.0, 5.0),
    *,
    labelled: bool = True,
) -> Path:
    """One person of two joints, the first labelled, the map a single pixel. epoch: from 0."""
    density_PKHW = np.zeros((1, 2, ROWS, COLUMNS), np.float16)
    density_PKHW[0, :, joint[1], joint[0]] = 1
    path = RunFolder(run).heatmaps_file(epoch)
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        density_PKHW=density_PKHW,
        crop_PRC3=np.full((1, ROWS * STRIDE, COLUMNS * STRIDE, 3), 200, np.uint8),
        true_PK2=np.full((1, 2, 2), joint, np.float32),
        found_PK2=np.full((1, 2, 2), found, np.float32),
        labelled_PK=np.array([[labelled, False]]),
        image_id_P=np.array([7]),
        annotation_id_P=np.array([9]),
    )
    return path


def pictures(svg: str) -> list[np.ndarray]:
    found = re.findall(r'xlink:href="data:image/jpeg;base64,([^"]+)"', svg)
    images = [cv2.imdecode(np.frombuffer(base64.b64decode(each), np.uint8), cv2.IMREAD_COLOR) for each in found]
    return [np.asarray(image) for image in images if image is not None]


def test_a_map_lies_around_the_joint_it_is_of() -> None:
    # Heatmap pixel u lies at crop pixel 4 u, and is drawn from 4 u - 2 on, four pixels wide.
    density_HW = np.zeros((ROWS, COLUMNS), np.float16)
    density_HW[5, 3] = 0.25
    pixels = overlay(density_HW, np.zeros((ROWS * STRIDE, COLUMNS * STRIDE, 3), np.uint8))
    bright = np.argwhere(pixels.sum(-1) > 300)
    assert (bright.min(0).tolist(), bright.max(0).tolist()) == ([18, 10], [21, 13])


def test_heatmaps_of_every_method_over_epochs(sweep: Path) -> None:
    runs = [path.parent for path in sorted(sweep.glob("*/spec.json"))]
    for run in runs:
        for epoch in (0, 1, 11):
            write_heatmaps(run, epoch, found=(6.0, 9.0) if epoch == 0 else (3.0, 5.0))
    seven, ten, eleven, more = heatmap_progress(read_setting(sweep))
    assert [each.title.partition(",")[0] for each in (seven, ten, eleven, more)] == [
        *("Fig. 7", "Fig. 10", "Fig. 11", "As Figs. 10 and 11")
    ]
    # Three epochs of three methods; one labelled joint.
    assert len(pictures(seven.svg)) == 9 and len(pictures(ten.svg)) == 3
    # (3, 5) and (6, 9) are 5 apart.
    assert "IPR β 10, 0, epoch 1: 5.0 heatmap px off" in ten.svg
    assert "IPR β 10, 0, epoch 12: 0.0 heatmap px off" in ten.svg


def test_who_is_on_a_picture_that_cannot_be_read_is_not_shown(sweep: Path) -> None:
    """Nothing of theirs counts as labelled; where there is nobody else the figure says that it has nothing."""
    for run in (path.parent for path in sorted(sweep.glob("*/spec.json"))):
        write_heatmaps(run, 11, labelled=False)
    (figure,) = heatmap_progress(read_setting(sweep))
    assert figure.svg == "" and "no heatmaps in the run folders" in figure.absent


def test_an_epoch_that_was_not_kept_is_no_picture(sweep: Path) -> None:
    setting = read_setting(sweep)
    first, second = (setting.paper_cells[name].trials[0].folder for name in ("detection", "ipr"))
    assert first is not None and second is not None
    write_heatmaps(first.path, 0)
    write_heatmaps(first.path, 11)
    write_heatmaps(second.path, 11)
    second.heatmaps_file(0).write_bytes(b"PK torn")
    seven, *_ = heatmap_progress(read_setting(sweep))
    assert len(pictures(seven.svg)) == 3
    assert seven.absent.startswith("BCIR β 10: no heatmaps in the run folders")


def test_heatmaps_that_are_no_good_are_refused(tmp_path: Path) -> None:
    good = write_heatmaps(tmp_path, 3)
    assert list(RunFolder(tmp_path).heatmaps_files()) == [3] and len(read_heatmaps(good)) == 1
    content = dict(np.load(good))
    np.savez(good, **{**content, "true_PK2": np.zeros((1, 3, 2))})
    with pytest.raises(InputError, match="heatmaps-0003"):
        read_heatmaps(good)
    good.write_bytes(good.read_bytes()[:100])
    with pytest.raises(InputError, match="delete the file"):
        read_heatmaps(good)


def test_people_are_in_the_frame_of_their_difficulty(sweep: Path, tmp_path: Path) -> None:
    # The made-up tree: eight standing people, all joints visible: all easy, by all three factors from 128 px on.
    figure = sample_people(read_setting(sweep))
    people = read_people(read_setting(sweep))
    assert people is not None
    large = [person for person in people.people if person.area**0.5 > 128]
    assert "Of 8 people 8 easy, 0 medium, 0 hard." in figure.caption
    assert f"at once there are {len(large)} easy, 0 medium, 0 hard." in figure.caption and len(large) == 5
    assert len(pictures(figure.svg)) == 6
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    assert "is gone or unreadable here" in sample_people(read_setting(sweep)).absent


def test_worst_and_best_are_by_error_for_the_size(tmp_path: Path) -> None:
    columns = made_up_people(4)
    columns["visibility"][:] = 2
    columns["root_of_area"][:] = (100, 50, 100, 10)
    columns = with_errors(columns, 1.0)
    columns["error"][:] = np.array([5, 5, 20, 1])[:, None]
    columns["error"][2, 3:] = np.nan
    # 0.05, 0.1, few labelled, 0.1: equal ones in the order of the rows.
    assert ranked(read_records(write_records(tmp_path, columns))) == [1, 3, 0]


def test_extreme_cases_are_drawn_with_both_poses(sweep: Path) -> None:
    people = made_up_people(8)
    people["image_id"], people["annotation_id"] = np.arange(8) + 100, np.arange(8) + 500
    for run in (path.parent for path in sweep.glob("*/spec.json")):
        write_records(run, with_errors(people, 4.0))
    figure = extreme_cases(read_setting(sweep))
    # At most eight people on eight images: rows of four and four, or fewer where few joints are labelled.
    assert pictures(figure.svg) and len(pictures(figure.svg)) % 3 == 0
    assert "annotation 50" in figure.svg and not figure.absent


def test_expectations_of_the_drawn_decodings_by_hand() -> None:
    # exp(0) = 1 on all 3072 pixels pulls towards the centre (23.5, 31.5); without it the joint itself is left.
    heatmap = decodings.toy_heatmap()
    x, y = decodings.expectation(np.expm1(5 * heatmap))
    assert (x, y) == pytest.approx(decodings.JOINT, abs=1e-3)
    mass = np.expm1(5 * heatmap).sum()
    share = 3072 / (mass + 3072)
    x, y = decodings.expectation(np.exp(5 * heatmap))
    assert x == pytest.approx((1 - share) * 11 + share * 23.5, abs=1e-3)
    assert y == pytest.approx((1 - share) * 14 + share * 31.5, abs=1e-3)
    assert f"({x:.1f}, {y:.1f})" and len(pictures(decodings.decodings().svg)) == 4


def test_the_toys_of_the_paper_are_drawn() -> None:
    figure = bias.bias()
    # Three maps; three curves over nine betas, six sigmas and seven distances.
    assert len(pictures(figure.svg)) == 3 and figure.svg.count("<title>") == 3 * (9 + 6 + 7)
    figure = gradients.gradients()
    # Four cases, three learners, three steps. Regression from the corner ends at the joint (section 6.2, case 3).
    assert len(pictures(figure.svg)) == 36
    (off,) = re.findall(r"regression, case 3 corner, step 150: read at \([^)]*\), ([\d.]+) px off", figure.svg)
    assert float(off) < 1
