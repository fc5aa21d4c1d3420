"""What a plan says a sweep will take, before anything of it ran: against sums done by hand."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from heatmark.foundation.errors import InputError
from heatmark.foundation.processor import processor_name
from heatmark.pipeline import measured_pace
from heatmark.pipeline.estimate import MEASURED, OF_ANOTHER_SIZE, OF_THIS_SIZE, OF_THIS_SWEEP, Estimates, Hours
from heatmark.pipeline.measured_pace import Pace, kind_of, measure_paces
from heatmark.pipeline.plan import Plan, make_plan
from heatmark.pipeline.plan_view import plan_as_json
from heatmark.pipeline.sweep import load_sweep
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord
from tests.made_up import finish, made_epoch, made_spec, planned, planned_sweep, start

BACKBONE = "sbl-r18-w8"
HERE = {"host": socket.gethostname(), "cpu": processor_name(), "gpus": []}
ELSEWHERE = {"host": "node7", "cpu": "Another CPU", "gpus": []}


def plan_of(out: Path, **cluster: object) -> Plan:
    """Two trials of 1000 people, 36 epochs and crops of 64 x 64."""
    content = {
        "name": "mine",
        "grid": {"method": ["detection", "bcir"], "backbone": BACKBONE, "dataset": "d"},
        "train": {"epochs": 36, "batch_size": 8},
        "data": {"d": {"synthetic": {"people_train": 1000, "people_val": 10}, "input_size": [64, 64]}},
        "cluster": {"parallel": 2, **cluster},
    }
    path = out.parent / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return make_plan(load_sweep(path), out, path)


def ran(
    out: Path,
    person_s: float,
    seed: int = 0,
    machine: Mapping[str, object] | None = HERE,
    size: tuple[int, int] = (64, 64),
    sweep: str = "earlier",
) -> RunFolder:
    """A trial of another sweep that took so long for each person that it was trained on; machine: None: unfinished."""
    spec = made_spec("ipr", seed, BACKBONE, data={"input_size": list(size)})
    planned_sweep(out / sweep, [spec])
    folder = planned(out / sweep / spec.signature, spec)
    start(folder)
    folder.append_epoch(made_epoch(0, samples_seen=500, wall_s=500 * person_s))
    if machine is not None:
        finish(folder, machine=machine)
    return folder


def expected(plan: Plan) -> Hours | None:
    return Estimates(plan).hours(plan.trials[0], 1000)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_nothing_is_promised_before_anything_like_it_ran_here(out: Path) -> None:
    assert expected(plan_of(out)) is None
    ran(out, 0.01, machine=ELSEWHERE)
    ran(out, 0.01, seed=1, machine=None)
    assert expected(plan_of(out)) is None


def test_one_earlier_trial_gives_its_speed_within_a_wide_range(out: Path) -> None:
    """0.02 s a person, 1000 people, 36 epochs: 0.2 h."""
    ran(out, 0.02)
    plan = plan_of(out)
    found = expected(plan)
    assert found is not None
    assert found.expected == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2 / OF_THIS_SIZE, 0.2 * OF_THIS_SIZE))
    (first, second) = plan_as_json(plan)["trials"]
    assert first["hours"] == second["hours"] == pytest.approx(0.2)
    assert first["hours_range"] == pytest.approx([found.low, found.high])


def test_trials_that_differ_widen_the_range(out: Path) -> None:
    """0.01 and 0.04 s a person: a geometric mean of 0.02, and log-differences of log 2 around it."""
    ran(out, 0.01), ran(out, 0.04, seed=1, sweep="another")
    found = expected(plan_of(out))
    assert found is not None and found.expected == pytest.approx(0.2)
    deviation = 2**0.5 * 0.693147  # of two values one log 2 above and one below their mean
    assert found.high / found.expected == pytest.approx(2.718282 ** (1.645 * deviation * 1.5**0.5), rel=1e-4)
    assert found.expected / found.low == pytest.approx(found.high / found.expected)


def test_crops_of_another_size_count_by_their_area(out: Path) -> None:
    ran(out, 0.08, size=(128, 128))
    found = expected(plan_of(out))
    assert found is not None and found.expected == pytest.approx(0.2)
    assert found.high / found.expected == pytest.approx(OF_ANOTHER_SIZE)
    ran(out, 0.03, seed=1, sweep="another")  # of the same size: it alone counts
    found = expected(plan_of(out))
    assert found is not None and found.expected == pytest.approx(0.3)


def test_the_sweeps_own_trials_come_first(out: Path) -> None:
    ran(out, 0.5)
    plan = plan_of(out)
    planned(plan.folder / plan.trials[1].signature, plan.trials[1]).append_epoch(
        made_epoch(0, samples_seen=1000, wall_s=30.0)
    )
    estimates = Estimates(plan)
    found = estimates.hours(plan.trials[0], 1000)
    assert found is not None and found.expected == pytest.approx(0.3)
    assert found.high / found.expected == pytest.approx(OF_THIS_SWEEP)
    assert estimates.source == "1 trial(s) of this sweep"


def test_on_a_cluster_trials_of_the_same_cluster_count(out: Path) -> None:
    folder = ran(out, 0.02, machine=ELSEWHERE)
    plan = plan_of(out, executor="slurm")
    assert expected(plan) is None
    JobRecord.new("slurm").write(folder.job_file)
    found = expected(plan_of(out, executor="slurm"))
    assert found is not None and found.expected == pytest.approx(0.2)


def test_more_ranks_are_another_matter(out: Path) -> None:
    ran(out, 0.02)
    assert expected(plan_of(out, ranks=2)) is None


def test_sums_are_wrong_in_one_direction() -> None:
    total = Hours.total([Hours(1, 0.5, 2), Hours(3, 2, 5)])
    assert (total.expected, total.low, total.high) == (4, 2.5, 7)


def test_a_damaged_record_of_another_sweep_is_no_error(out: Path) -> None:
    folder = ran(out, 0.02)
    folder.result_file.write_text("{")
    assert expected(plan_of(out)) is None


def test_a_measured_pace_comes_before_all_else(out: Path) -> None:
    """36 epochs of 1000 people at 0.01 s, and 36 evaluations of 10 people at 0.5 s: 0.15 h."""
    ran(out, 0.5)
    plan = plan_of(out)
    pace = Pace(train_s=0.01, evaluate_s=0.5, evaluated=10)
    found = Estimates(plan, {kind_of(plan.trials[0]): pace}).hours(plan.trials[0], 1000)
    assert found is not None and found.expected == pytest.approx(0.15)
    assert found.high / found.expected == pytest.approx(MEASURED)


def test_what_does_not_run_here_is_not_measured_here(out: Path) -> None:
    for cluster in ({"executor": "slurm"}, {"ranks": 2}):
        plan = plan_of(out, **cluster)
        with pytest.raises(InputError, match="--measure trains for some seconds on one rank of this machine"):
            measure_paces(plan, plan.trials, print)


@pytest.mark.slow
def test_a_measured_pace_is_of_people_that_were_not_there(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where nothing is drawn yet
    monkeypatch.setattr(measured_pace, "BUDGET_S", 2.0)
    monkeypatch.setattr(measured_pace, "LEAST_S", 2.0)
    plan = plan_of(out)
    said: list[str] = []
    ((kind, pace),) = measure_paces(plan, plan.trials, said.append).items()
    assert kind == kind_of(plan.trials[0]) and pace.evaluated == 10
    assert pace.evaluate_s > 1e-4 and 1e-4 < pace.train_s < 5
    assert said == [f"measuring {BACKBONE} on d: 2 at a time, about 2 s"]
    assert not list(tmp_path.rglob("data/synthetic/*")), "a plan draws nothing"
