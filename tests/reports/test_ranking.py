"""AP in three orders of the people, on made-up evaluations whose order is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heatmark.models.methods import Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.reports.comparing.cells import grid_cells
from heatmark.reports.comparing.ranking import ranked
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.evidence import gather_evidence
from heatmark.reports.statistics.bootstrap import average_precision
from heatmark.reports.statistics.ranked_ap import ap_in_orders
from tests.reports.recorded import made_up_people, with_errors, write_records

Replay = dict[str, Callable[..., Any]]
PEOPLE = made_up_people(200)
ORDERS = ("own", "common", "perfect")


def write_trials(sweep: Path, replay: Replay) -> None:
    """The same joints under two methods: one knows which are good, the other has it the wrong way round."""
    columns = with_errors(PEOPLE, 8.0)
    for method, sign in ((Detection(), 1), (IntegralRegression(), -1)):
        run = replay["write_spec"](sweep, replay["trial_spec"](method, sweep / "gone"))
        replay["write_result"](run, replay["write_epochs"](run, 0))
        write_records(run.path, {**columns, "score": np.float32(sign) * columns["oks"]})


def test_the_same_joints_are_the_same_in_any_order_but_their_own(tmp_path: Path, replay: Replay) -> None:
    write_trials(tmp_path, replay)
    trials = collect(tmp_path).trials
    good, bad = (ranked(cell) for cell in grid_cells(trials, gather_evidence(trials)))
    assert good is not None and bad is not None
    assert good.own.value == good.perfect.value == bad.perfect.value
    assert good.common.value == bad.common.value
    assert bad.own.value < bad.common.value < bad.perfect.value


def test_the_table_is_in_the_report(tmp_path: Path, replay: Replay) -> None:
    write_trials(tmp_path, replay)
    build_report(tmp_path)
    table = pd.read_csv(tmp_path / "report" / "tables" / "ranking.csv")
    own, common, perfect = (dict(zip(table["cell"], table[name].astype(float), strict=True)) for name in ORDERS)
    assert own["Detection"] == pytest.approx(perfect["Detection"])
    assert own["IPR β 10"] < common["IPR β 10"]


def test_a_trial_without_oks_has_no_order(tmp_path: Path, replay: Replay) -> None:
    run = replay["write_spec"](tmp_path, replay["trial_spec"](Detection(), tmp_path / "gone"))
    replay["write_result"](run, replay["write_epochs"](run, 0))
    write_records(run.path, with_errors(PEOPLE, 8.0, oks=False))
    trials = collect(tmp_path).trials
    (cell,) = grid_cells(trials, gather_evidence(trials))
    assert ranked(cell) is None


@pytest.mark.parametrize("images", [3, 40, 200])
def test_ap_in_many_orders_is_that_of_the_resamples(images: int) -> None:
    """With 3 images there are more predictions in each than count."""
    draw = np.random.default_rng(images)
    image_N = draw.integers(0, images, 200)
    place_N = np.unique(image_N, return_inverse=True)[1]
    oks_N, score_DN = draw.random(200), draw.random((4, 200)).round(2)
    for score_N, found in zip(score_DN, ap_in_orders(image_N, score_DN, oks_N), strict=True):
        weights_1I = np.ones((1, place_N.max() + 1), np.float32)
        assert found == pytest.approx(average_precision(place_N, score_N, oks_N)(weights_1I)[0], abs=1e-6)
