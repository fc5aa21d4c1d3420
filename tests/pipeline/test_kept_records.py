"""Finished trials kept as small files and restored: the same report, and nothing of where they ran."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from heatmark.foundation.errors import InputError
from heatmark.pipeline.cli import app
from heatmark.pipeline.kept_records import keep_records, restore_records
from heatmark.pipeline.plan import Plan, make_plan
from heatmark.pipeline.sweep import load_sweep
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.sections.document import assemble
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.measured import Measured, Measurement
from tests.made_up import finish, made_epoch, made_result, start
from tests.reports.recorded import made_up_people, with_errors, with_kinds, write_records

SWEEP = """
name: study
grid: {method: [detection, ipr], backbone: sbl-r18-w8, dataset: drawn, seed: [0, 1, 2]}
train: {epochs: 3}
data: {drawn: {format: lspet, synthetic: {people_train: 4, people_val: 4}}}
"""
PEOPLE = made_up_people(60, "lspet")


def planned(out: Path) -> Plan:
    file = out / "study.yaml"
    out.mkdir(exist_ok=True)
    file.write_text(SWEEP)
    return make_plan(load_sweep(file), out, file)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with five finished trials of six; their notes name the folder of their data, as a job's do."""
    plan = planned(tmp_path_factory.mktemp("ran"))
    plan.write()
    for number, trial in enumerate(plan.trials[:5]):
        run = plan.run_folder(trial)
        error = 3.0 + 0.3 * number
        values = {"gtbox/PCK@0.2": 0.5 - 0.01 * number, "gtbox/EPE": error}
        for epoch in range(3):
            run.append_epoch(made_epoch(epoch, values))
            columns = with_kinds(with_errors(PEOPLE, error, seed=number, oks=False), ("exact", "soft@10"))
            write_records(run.path, columns, epoch=epoch, data_format="lspet")
        notes = [f"{trial.runtime.data_root}/images: 2 listed images absent"]
        finish(run, values, notes=notes)
        run.predictions_file.write_text("[]")
        start(run)
    return plan.folder


@pytest.fixture
def kept(ran: Path, tmp_path: Path) -> Path:
    keep_records(ran, tmp_path / "records")
    return tmp_path / "records"


def numbers_of(sweep: Path) -> dict[str, pd.DataFrame]:
    """Every table of the report but the one that says where trials ran."""
    exports = assemble(Study(collect(sweep))).exports
    return {each.table.name: each.numbers for each in exports if each.table.name != "environment"}


def test_the_report_of_restored_records_has_the_same_numbers(ran: Path, kept: Path, tmp_path: Path) -> None:
    plan = planned(tmp_path / "runs")
    plan.write()
    restore_records(kept, plan.folder)
    expected, found = numbers_of(ran), numbers_of(plan.folder)
    assert found.keys() == expected.keys() >= {"accuracy", "verdict", "findings", "readings", "comparisons"}
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(found[name], frame, obj=name)


def test_restored_trials_have_finished_and_the_other_is_still_to_run(ran: Path, kept: Path, tmp_path: Path) -> None:
    plan = planned(tmp_path / "runs")
    found = restore_records(kept, plan.folder)
    assert set(found.written) == {run.signature for run in run_folders(ran) if run.result()}
    assert [trial.signature for trial in plan.unfinished()] == [plan.trials[5].signature]
    plan.write()
    assert planned(tmp_path / "runs").unfinished() == [plan.trials[5]]


def test_only_the_last_records_are_kept_and_lose_nothing(ran: Path, kept: Path) -> None:
    for run in run_folders(kept):
        assert {path.name for path in run.path.iterdir()} == {
            "spec.json",
            "result.json",
            "metrics.jsonl",
            "evaluations",
        }
        (last,) = run.records_files().values()
        original = RunFolder(ran / run.signature).records_files()[2]
        found, expected = pq.read_table(last), pq.read_table(original)
        assert found.schema.equals(expected.schema, check_metadata=True)
        for name in expected.column_names:  # NaN is where it was
            assert [*map(str, found[name].to_pylist())] == [*map(str, expected[name].to_pylist())], name
        assert last.stat().st_size < original.stat().st_size


def test_further_measurements_are_kept_with_their_own_records(ran: Path, tmp_path: Path) -> None:
    sweep, kept = tmp_path / "study", tmp_path / "records"
    shutil.copytree(ran, sweep)
    run = next(run for run in run_folders(sweep) if run.result())
    flipped = Measurement(boxes="gt", flip_test=True)
    metrics, when = {"gtbox flip/EPE": 2.5}, "2026-01-01T00:00:00.000Z"
    measured = Measured(source="gt flip", measurement=flipped, epoch=3, step=30, time=when, metrics=metrics)
    measured.append(run.measurements_file)
    for epoch in (1, 2):
        write_records(run.of_source("gt flip").path, with_errors(PEOPLE, 2.5, oks=False), epoch, "lspet")
    keep_records(sweep, kept)
    place = RunFolder(kept / run.signature)
    assert place.measured() == run.measured()
    assert list(place.of_source("gt flip").records_files()) == [2]


def test_nothing_tells_where_the_trials_ran(ran: Path, kept: Path) -> None:
    run = next(run for run in run_folders(ran) if run.result())
    root = run.spec().runtime.data_root
    assert root in run.result_file.read_text()
    for path in kept.rglob("*.json*"):
        assert root not in path.read_text()
        assert '"host"' not in path.read_text()
    result = RunFolder(kept / run.signature).result()
    assert result is not None
    assert result.notes == ["drawn/images: 2 listed images absent"]
    assert result.machine["cpu"] == made_result().machine["cpu"]


def test_keeping_again_adds_what_has_finished_since(ran: Path, tmp_path: Path) -> None:
    sweep, kept = tmp_path / "study", tmp_path / "records"
    shutil.copytree(ran, sweep)
    assert len(keep_records(sweep, kept).written) == 5
    last = next(run for run in run_folders(sweep) if run.result() is None)
    finish(last, {"gtbox/EPE": 1.0})
    last.append_epoch(made_epoch(0, {"gtbox/EPE": 1.0}))
    found = keep_records(sweep, kept)
    assert (found.written, len(found.there)) == ((last.signature,), 5)


def test_what_is_there_stays_and_what_has_begun_is_not_written_over(kept: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "runs" / "study"
    restore_records(kept, sweep)
    first, second, *_ = run_folders(sweep)
    made_result(first.signature, {"gtbox/EPE": 7.0}).write(first.result_file)
    assert restore_records(kept, sweep).written == ()
    result = first.result()
    assert result is not None
    assert result.final == {"gtbox/EPE": 7.0}
    second.result_file.unlink()
    assert restore_records(kept, sweep).written == (second.signature,)
    second.result_file.unlink()
    start(second)
    with pytest.raises(InputError, match=f"{second.signature}: begun here and not finished"):
        restore_records(kept, sweep)


def test_the_commands_tell_sizes_and_what_is_wrong(ran: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["records", "keep", str(ran), str(tmp_path / "records")])
    lines = run.stdout.splitlines()
    assert len(lines) == 6
    assert all(line.endswith(" kB") for line in lines[:5])
    assert lines[5].startswith("kept 5 trials, ")
    run = CliRunner().invoke(app, ["records", "restore", str(tmp_path / "records"), str(tmp_path / "new")])
    assert run.stdout == f"restored 5 trials into {tmp_path / 'new'}; 0 were there\n"
    for arguments in (["keep", str(tmp_path), str(tmp_path / "a")], ["restore", str(tmp_path), str(tmp_path / "a")]):
        failed = CliRunner().invoke(app, ["records", *arguments])
        assert isinstance(failed.exception, InputError)
        assert "no sweep.json here" in str(failed.exception)
