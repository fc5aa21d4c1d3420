"""The paper's own verifications come out as the paper says, and leave figures and tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from heatmark.pipeline.analyses import UNTRAINED
from heatmark.reports.paper.figures.bias import bias as fig_2
from heatmark.reports.paper.figures.gradients import gradients as fig_6
from heatmark.workloads.analysis import bias, gradients, localization


def test_the_bias_is_what_equation_37_predicts_and_compensation_removes_it() -> None:
    rows = [row for row in bias.measured() if row["sigma"] <= 3]
    assert len(rows) == len(bias.BETAS) * 5 * len(bias.STEPS)
    for row in rows:
        assert row["shift_ipr"] == pytest.approx(row["shift_predicted"], abs=1e-3), row
        assert row["shift_bcir"] < 1e-3, row


def test_the_bias_grows_with_distance_and_falls_with_beta_and_sigma() -> None:
    rows = list(bias.measured())

    def shifts(**fixed: float) -> list[float]:
        return [row["shift_ipr"] for row in rows if all(row[key] == value for key, value in fixed.items())]

    assert np.all(np.diff(shifts(beta=10.0, sigma=2.0)) > 0)
    assert np.all(np.diff(shifts(beta=10.0, step=10)) < 0)
    falling = shifts(sigma=2.0, step=10)
    assert falling == sorted(falling, reverse=True)


def test_reading_the_mean_never_errs_more_than_reading_a_maximum() -> None:
    """Eq. 9, with equality only far away."""
    for row in localization.expected_errors(seed=0):
        assert row["detection"] > row["regression"]
        assert row["simulated"] == pytest.approx(row["detection"], abs=4 * row["s"] / localization.DRAWS**0.5)


def test_the_best_spread_grows_with_the_error_and_a_narrow_map_pays() -> None:
    rows = list(localization.best_spreads())
    assert rows[0]["best_sigma"] == localization.TRUE_SIGMA
    assert np.all(np.diff([row["best_sigma"] for row in rows]) > 0)
    for row in rows:
        assert row["distance_at_best"] <= row["distance_at_2"] < row["distance_at_1"] < row["distance_at_0.5"]


def test_a_step_of_regression_is_equation_23() -> None:
    heatmap = gradients.first_heatmaps(seed=0)["4 near"]
    learner = gradients.learners()["regression"]
    rows, columns = (torch.from_numpy(each.astype(float)) for each in np.mgrid[:64, :48])
    probability = torch.softmax(10 * heatmap.flatten(), 0).view(64, 48)
    ((x, y),), (true_x, true_y) = learner.read(heatmap[None]).tolist(), gradients.JOINT
    location = np.sign(x - true_x) * (columns - x) + np.sign(y - true_y) * (rows - y)
    heatmap.requires_grad_()
    (found,) = torch.autograd.grad(learner.loss(heatmap[None]), heatmap)
    torch.testing.assert_close(found, 10 * probability * location, rtol=0, atol=1e-12)
    # Eq. 25: never positive at the ground truth.
    expected = -10 * probability[48, 36] * (abs(x - true_x) + abs(y - true_y))
    assert found[48, 36].item() == pytest.approx(expected.item())


@pytest.fixture(scope="module")
def errors() -> dict[tuple[str, str], list[float]]:
    cases = gradients.first_heatmaps(seed=0)
    found: dict[tuple[str, str], list[float]] = {}
    for name, learner in gradients.learners().items():
        joints_SC2, _ = gradients.updated(torch.stack(list(cases.values())), learner)
        error_SC = torch.linalg.vector_norm(joints_SC2 - torch.tensor([36, 48]), dim=-1)
        found |= {(name, case): error_SC[:, place].tolist() for place, case in enumerate(cases)}
    return found


def test_heatmaps_are_updated_each_by_itself() -> None:
    far, near = (gradients.first_heatmaps(seed=0)[case] for case in ("2 far", "4 near"))
    for learner in gradients.learners().values():
        joints_SC2, frames = gradients.updated(torch.stack([far, near]), learner, steps=10)
        alone_S12, alone = gradients.updated(near[None], learner, steps=10)
        torch.testing.assert_close(joints_SC2[:, 1:], alone_S12, rtol=0, atol=1e-12)
        torch.testing.assert_close(frames[10][1:], alone[10], rtol=0, atol=1e-12)


def test_detection_finds_the_joint_from_anywhere_sooner_than_regression(
    errors: dict[tuple[str, str], list[float]],
) -> None:
    """Section 7.6: the dense loss points to the joint whatever the first heatmap; so does BCIR's."""
    for case in gradients.first_heatmaps(seed=0):
        settled = {
            name: max((step for step, error in enumerate(errors[name, case]) if error > 1), default=-1) + 1
            for name in ("detection", "regression", "BCIR")
        }
        assert settled["detection"] <= 50
        assert settled["BCIR"] <= 50
        if case in ("1 random", "2 far"):
            assert settled["regression"] > settled["detection"]


def test_a_random_heatmap_under_regression_grows_in_the_corner_of_its_quadrant() -> None:
    """Section 6.2, case 1: corners have the largest gradients."""
    heatmap = gradients.first_heatmaps(seed=0)["1 random"]
    grown = heatmap.requires_grad_()
    (gradient,) = torch.autograd.grad(gradients.learners()["regression"].loss(grown[None]), grown)
    growth = -gradient
    corner, opposite = growth[-8:, -8:].mean(), growth[:8, :8].mean()
    assert corner > growth[44:52, 32:40].mean() > 0 > opposite


@pytest.mark.parametrize(
    ("analysis", "names"),
    [
        ("bias", ["bias.csv", "bias.svg"]),
        ("localization", ["localization.csv", "spread.csv", "localization.svg"]),
        ("gradients", ["gradients.csv", "gradients.svg"]),
    ],
)
def test_the_same_files_come_out_every_time(
    analysis: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "STEPS", 10)
    for folder in (tmp_path / "first", tmp_path / "second"):
        written = UNTRAINED[analysis](folder)
        assert [path.name for path in written] == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    if names[-1] in ("bias.svg", "gradients.svg"):
        drawn = {"bias": fig_2, "gradients": fig_6}[analysis]()
        assert (tmp_path / "first" / names[-1]).read_text() == drawn.svg  # as the report draws it
    with (tmp_path / "first" / names[0]).open() as file:
        assert len(list(csv.DictReader(file))) > 40
