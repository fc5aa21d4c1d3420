"""One report of several sweeps: what each alone lacks is in it, each trial once, nothing under another's name."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.errors import InputError
from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.build import build_joint_report, joint_folder
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Sweep, collect
from heatmark.reports.reading.several import together
from heatmark.reports.sections.document import assemble
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measured, Measurement
from heatmark.workloads.run_folder.store import place_trials
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec
from tests.made_up import planned_sweep

Replay = dict[str, Callable[..., Any]]
DETECTION, IPR, BCIR = Detection(), IntegralRegression(beta=10.0), BiasCompensated(beta=10.0, t_o=10)


@pytest.fixture
def make(tmp_path: Path, replay: Replay) -> Callable[..., Path]:
    """A sweep of finished trials of these methods, kept in the store beside it."""
    replay["write_val_tree"](tmp_path / "data")

    def made(name: str, *specs: TrialSpec, **record: Any) -> Path:
        sweep = tmp_path / "runs" / name
        place_trials(sweep, [spec.signature for spec in specs])
        for rank, spec in enumerate(specs):
            run = replay["write_spec"](sweep, spec)
            if run.result() is None:
                replay["write_result"](run, replay["write_epochs"](run, rank))
                replay["write_predictions"](run, tmp_path / "data", rank)
        planned_sweep(sweep, specs, **record)
        return sweep

    return made


@pytest.fixture
def spec(tmp_path: Path, replay: Replay) -> Callable[..., TrialSpec]:
    def of(method: Any, **options: Any) -> TrialSpec:
        found: TrialSpec = replay["trial_spec"](method, tmp_path / "data", **options)
        return found

    return of


def joined(*sweeps: Path) -> Sweep:
    return together([collect(sweep) for sweep in sweeps])


def test_a_report_of_three_sweeps_holds_what_each_alone_lacks(
    make: Callable[..., Path], spec: Callable[..., TrialSpec]
) -> None:
    first = make("a", spec(DETECTION), spec(IPR))
    second = make("b", spec(IPR), spec(BCIR))
    third = make("c", spec(BCIR, seed=1))
    pdf, _page, accuracy = build_joint_report([first, second, third, first])
    assert pdf == joint_folder([first, second, third]) / "report.pdf" and pdf.read_bytes().startswith(b"%PDF")
    assert pdf.parent.name == "a+b+c" and not (first / "report.pdf").exists()
    with accuracy.open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert {method: row["seeds"] for method, row in rows.items()} == {"Detection": "1", "IPR": "1", "BCIR": "2"}

    document = assemble(Study(joined(first, second, third)))
    assert document.title == "a + b + c"
    (counted,) = [line for line in document.summary if "report of 3 sweeps" in line]
    assert counted == "A report of 3 sweeps: a (2 trials); b (2 trials, 1 of them shared); c (1 trial)."
    # By itself none has both others to compare with, nor a second seed.
    for sweep in (first, second, third):
        assert len(collect(sweep).trials) < len(joined(first, second, third).trials) == 4


def test_the_folder_of_a_joint_report_can_be_chosen(
    make: Callable[..., Path], spec: Callable[..., TrialSpec], tmp_path: Path
) -> None:
    sweeps = [make("a", spec(DETECTION)), make("b", spec(BCIR))]
    paths = build_joint_report(sweeps, tmp_path / "mine" / "report of both")
    assert all(path.is_relative_to(tmp_path / "mine" / "report of both") and path.exists() for path in paths)
    assert len(joint_folder([tmp_path / ("x" * 200), tmp_path / ("y" * 200)]).name) <= 255


def test_a_trial_that_one_sweep_has_not_run_is_taken_from_the_other(
    make: Callable[..., Path], spec: Callable[..., TrialSpec], tmp_path: Path, replay: Replay
) -> None:
    first = make("a", spec(DETECTION))
    elsewhere = tmp_path / "elsewhere" / "b"
    replay["write_plan"](elsewhere, [spec(DETECTION), spec(BCIR)], "b")
    assert [trial.state for trial in joined(elsewhere, first).trials] == ["finished", "not run"]
    assert [trial.state for trial in joined(first, elsewhere).trials] == ["finished", "not run"]


def test_cells_that_differ_in_their_recipe_are_told_apart(
    make: Callable[..., Path], spec: Callable[..., TrialSpec]
) -> None:
    study = Study(joined(make("a", spec(DETECTION)), make("b", spec(DETECTION, lr=0.01))))
    assert sorted(cell.label for cell in study.cells) == ["Detection, train.lr 0.001", "Detection, train.lr 0.01"]


def test_unlike_data_of_one_name_are_named_by_their_sweeps(
    make: Callable[..., Path], spec: Callable[..., TrialSpec]
) -> None:
    other = spec(BCIR)
    other = other.model_copy(update={"data": other.data.model_copy(update={"fingerprint": "another"})})
    sweep = joined(make("a", spec(DETECTION)), make("b", other, targets={"drawn": 0.6}))
    assert {trial.spec.data.name for trial in sweep.trials if trial.spec} == {"drawn of a", "drawn of b"}
    assert sweep.targets == {"drawn of b": 0.6}
    study = Study(sweep)
    assert {setting.dataset for setting in study.settings} == {"drawn of a", "drawn of b"}
    assert "BCIR β 10 sbl-r18-w16 drawn of b seed 0" in [trial.label for trial in sweep.trials]


def test_a_trial_that_two_sweeps_measure_otherwise_is_there_in_both_ways(
    make: Callable[..., Path], spec: Callable[..., TrialSpec]
) -> None:
    one = spec(DETECTION)
    first, second = make("a", one), make("b", one)
    run = RunFolder(first / one.signature)
    measurement = Measurement(boxes="det", flip_test=one.train.flip_test, detections="sha256:ab")
    metrics = {"detbox/AP": 0.31, "detbox/EPE": 9.5}
    Measured(source="det", measurement=measurement, epoch=12, step=1, time="2026", metrics=metrics).append(
        run.measurements_file
    )
    record = SweepRecord.read(sweep_file(second))
    assert record is not None
    cells = [cell.model_copy(update={"source": "det"}) for cell in record.cells]
    record.model_copy(update={"cells": cells}).write(sweep_file(second))
    study = Study(joined(first, second))
    assert [trial.boxes for trial in study.sweep.trials] == ["gt", "det"] and len(study.cells) == 2
    assert sorted(study.accuracy["boxes"]) == ["detbox", "gtbox"]
    by_boxes = study.accuracy.set_index("boxes")["AP"]
    assert by_boxes["detbox"] == 0.31 != by_boxes["gtbox"]


def test_a_trial_of_an_earlier_science_is_the_same_under_todays_name(
    make: Callable[..., Path], spec: Callable[..., TrialSpec]
) -> None:
    now = spec(DETECTION)
    old = make("old", now.model_copy(update={"science_version": 2}))
    new = old.parent / "new"
    place_trials(new, [now.signature])
    planned_sweep(new, [now])
    assert [trial.state for trial in collect(new).trials] == ["finished"]
    assert len(joined(old, new).trials) == len(joined(new, old).trials) == 1


def test_targets_are_merged_unless_they_contradict(make: Callable[..., Path], spec: Callable[..., TrialSpec]) -> None:
    first = make("a", spec(DETECTION), targets={"drawn": 0.5})
    assert joined(first, make("b", spec(IPR), targets={"drawn": 0.5})).targets == {"drawn": 0.5}
    assert joined(first, make("c", spec(IPR))).targets == {"drawn": 0.5}
    with pytest.raises(InputError, match=r"report.targets.drawn: 0.5 in a and 0.6 in d: .*report the sweeps apart"):
        joined(first, make("d", spec(IPR), targets={"drawn": 0.6}))


def test_a_sweep_that_asha_cut_short_stamps_the_whole(
    make: Callable[..., Path], spec: Callable[..., TrialSpec]
) -> None:
    assert joined(make("a", spec(DETECTION)), make("b", spec(IPR), scheduler="asha")).truncated


def test_a_copy_without_its_trials_says_where_they_were(
    make: Callable[..., Path], spec: Callable[..., TrialSpec], tmp_path: Path
) -> None:
    sweep = make("a", spec(DETECTION))
    shutil.copytree(sweep, tmp_path / "links" / "a", symlinks=True)
    (trial,) = collect(tmp_path / "links" / "a").trials
    assert trial.state == "not run" and "is gone; a copy of a sweep takes it along with cp -rL" in trial.message
    shutil.copytree(sweep, tmp_path / "whole" / "a")
    assert [trial.state for trial in collect(tmp_path / "whole" / "a").trials] == ["finished"]
