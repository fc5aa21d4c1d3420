"""`heatmark sweep status`: what needs attention first, on 80 columns, with sums; and trials by their labels."""

from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from heatmark.pipeline import trial_status
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.decisions import decide_cancel
from heatmark.pipeline.local_cluster import LocalCluster
from heatmark.pipeline.status_view import duration, print_status, totals, watch_status
from heatmark.pipeline.trial_labels import label_of, names_in, shared_parts
from heatmark.pipeline.trial_status import StatusReader, TrialStatus, sweep_status
from heatmark.workloads.run_folder.ends import End
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.spec import TrialSpec
from tests.made_up import finish, made_epoch, made_spec, planned, planned_sweep, start, until

BACKBONE = "sbl-r18-w16"
SPECS = [
    made_spec({"name": "ipr+l_de", "t_o": 2} if method == "ipr+l_de" else method, seed, BACKBONE)
    for seed in (0, 1)
    for method in ("detection", "bcir", "ipr+l_de")
]


def begun(folder: RunFolder, epochs: int, epoch_s: float) -> None:
    for number in range(epochs):
        folder.append_epoch(
            made_epoch(number, {"gtbox/AP": 0.1 * number, "gtbox/EPE": 9.87}, wall_s=epoch_s * (number + 1))
        )


def submitted(folder: RunFolder, waits_for: str | None = None) -> JobRecord:
    job = JobRecord.new("local").pending().submitted("4711", adopted=False).waiting_for(waits_for)
    job.write(folder.job_file)
    return job


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Of three epochs each: one finished, one that has run one, one failed, one that SLURM lets wait, two untouched."""
    place = tmp_path / "runs" / "a"
    planned_sweep(place, SPECS, cluster={"parallel": 2})
    folders = [planned(place / spec.signature, spec) for spec in SPECS]
    begun(folders[0], 3, 1200)
    finish(folders[0])
    begun(folders[1], 1, 2400)
    submitted(folders[1])
    start(folders[1])
    submitted(folders[2]).ended("failed", End(kind="oom", message="out of memory")).write(folders[2].job_file)
    submitted(folders[3], "Resources")
    return place


def shown(sweep: Path) -> list[str]:
    out = io.StringIO()
    print_status(sweep, False, Console(file=out, width=80))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_what_needs_attention_comes_first_and_nothing_is_said_twice(sweep: Path) -> None:
    lines = shown(sweep)
    heading = next(number for number, line in enumerate(lines) if "state" in line)
    rows = [re.split(r"\s{2,}", line) for line in lines[heading + 2 : heading + 8]]
    states = ["failed", "running", "submitted", "waiting", "waiting", "finished"]
    assert [row[1] for row in rows] == states
    assert [row[0] for row in rows[:2]] == ["IPR + L_de β 10 seed 0", "BCIR β 10 seed 0"]
    assert rows[-1] == ["Detection seed 0", "finished", "3/3", "0.200", "9.87", "10"]
    table = "\n".join(lines[heading:])
    assert BACKBONE not in table and "drawn" not in table
    assert BACKBONE in " ".join(lines[:heading]) and "drawn" in " ".join(lines[:heading])
    assert "AP and EPE in GT boxes" in " ".join(lines[:heading])
    assert any(line.startswith("IPR + L_de β 10 seed 0: failed: oom") for line in lines)
    assert any(line.startswith("1 waiting: Resources (Detection seed 1)") for line in lines)


def test_eighty_columns_hold_the_table(sweep: Path) -> None:
    lines = shown(sweep)
    heading = next(number for number, line in enumerate(lines) if "state" in line)
    assert all(len(line) <= 80 for line in lines[heading:])
    assert sum("seed" in line for line in lines[heading + 2 : heading + 8]) == 6, "no row is broken in two"


def test_hours_are_those_on_record_and_those_that_likes_have_taken(sweep: Path) -> None:
    """Epochs took 20 and 40 minutes: 4/3 h used; two left at 40 min, and three trials of three at the mean of 30."""
    status = sweep_status(sweep)
    assert status.used_s == pytest.approx(3 * 1200 + 2400)
    assert status.ahead_s == pytest.approx(2 * 2400 + 3 * 3 * 1800)
    first, second = totals(status).splitlines()
    assert first == "6 trials: 1 finished, 1 running, 3 waiting, 1 failed"
    assert second == "1.67 hours of training used, about 5.83 left (2.92 with 2 at a time)"


def test_before_any_epoch_nothing_is_promised(tmp_path: Path) -> None:
    planned_sweep(tmp_path / "a", SPECS[:1])
    planned(tmp_path / "a" / SPECS[0].signature, SPECS[0])
    status = sweep_status(tmp_path / "a")
    assert totals(status).endswith("0.00 hours of training used, those left are not known yet")
    assert status.shared == () and status.trials[0].short_label == SPECS[0].label, "alone it keeps its whole name"


def test_another_backbone_makes_the_hours_a_lower_bound(sweep: Path) -> None:
    other = made_spec("bcir", 2, "hrnet-w32")
    planned_sweep(sweep, [*SPECS, other], cluster={"parallel": 1})
    planned(sweep / other.signature, other)
    assert "at least 5.83 left" in totals(sweep_status(sweep))
    assert sweep_status(sweep).shared == ("drawn",)


def test_read_again_only_what_changed_is_read(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = StatusReader(sweep)
    read: list[str] = []
    status_of = trial_status._status

    def counted(folder: RunFolder, *about: Any) -> TrialStatus:
        read.append(folder.signature)
        return status_of(folder, *about)

    monkeypatch.setattr(trial_status, "_status", counted)
    before = reader.read()
    assert len(read) == len(before.trials) == 6
    read.clear()
    assert reader.read() == before and read == []
    running = next(trial for trial in before.trials if trial.state == "running")
    folder = RunFolder(sweep / running.signature)
    folder.append_epoch(made_epoch(running.epoch))
    after = {trial.signature: trial for trial in reader.read().trials}
    assert read == [running.signature] and after[running.signature].epoch == running.epoch + 1
    read.clear()
    decide_cancel(folder, by="user", reason="enough")
    assert reader.read() == sweep_status(sweep)


def test_json_keeps_the_order_of_the_grid(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_status(sweep, True, Console())
    found = json.loads(capsys.readouterr().out)
    assert [trial["signature"] for trial in found["trials"]] == [spec.signature for spec in SPECS]
    assert found["hours_used"] == pytest.approx(5 / 3) and found["hours_left"] == pytest.approx(35 / 6)


def test_watching_ends_when_all_have_ended_and_tells_each_change_once(sweep: Path) -> None:
    out = io.StringIO()
    watcher = threading.Thread(target=watch_status, args=(sweep, Console(file=out, width=80), 0.01), daemon=True)
    watcher.start()
    until(lambda: "1 running" in out.getvalue())
    for spec in SPECS:
        folder = RunFolder(sweep / spec.signature)
        if not folder.finished and spec is not SPECS[2]:
            finish(folder)
    watcher.join(60)
    assert not watcher.is_alive()
    lines = out.getvalue().splitlines()
    assert lines[-2] == "6 trials: 5 finished, 0 running, 0 waiting, 1 failed"
    assert lines.count("6 trials: 1 finished, 1 running, 3 waiting, 1 failed") == 1


def test_a_terminal_sees_the_table_while_it_is_watched(sweep: Path) -> None:
    out = io.StringIO()
    for spec in SPECS:
        finish(RunFolder(sweep / spec.signature))
    watch_status(sweep, Console(file=out, width=80, force_terminal=True), 0.01)
    assert "BCIR β 10 seed 1" in out.getvalue() and "6 finished" in out.getvalue()


def test_a_label_keeps_the_fields_that_differ() -> None:
    spec = SPECS[2]
    label = label_of(spec, f"{spec.label}, method.t_o 2")
    assert str(label) == f"{spec.label}, method.t_o 2" == f"IPR + L_de β 10 {BACKBONE} drawn seed 0, method.t_o 2"
    assert label.without((BACKBONE, "drawn", "seed 0")) == "IPR + L_de β 10, method.t_o 2"
    in_depth = made_spec("bcir", train={"depth": True}, data={"format": "rhd", "name": "hands"})
    assert label_of(in_depth).parts[0] == "BCIR β 10 2.5D"
    assert shared_parts([label_of(spec), label_of(in_depth)]) == ("seed 0",)


def test_a_duration_is_read_at_a_glance() -> None:
    assert [duration(seconds) for seconds in (5, 245, 3600, 4 * 3600 + 65.9)] == ["0:05", "4:05", "1:00:00", "4:01:05"]


def test_the_driver_names_trials_by_their_labels(sweep: Path) -> None:
    said: list[str] = []
    folder = RunFolder(sweep / SPECS[0].signature)
    broker = Broker(LocalCluster(ClusterSection()), 2, 0.01, said.append, names=names_in(sweep))
    broker.start()
    broker.want(folder)
    broker.wait_until_ended()
    broker.close()
    assert said == [f"Detection {BACKBONE} drawn seed 0 ({folder.signature[:8]}): finished"]
    assert names_in(sweep)("0" * 16) == "0" * 16, "one that the sweep has no label for"


def test_trials_of_one_label_differ_by_their_folders(sweep: Path) -> None:
    names = names_in(sweep)
    specs: list[TrialSpec] = SPECS
    assert len({names(spec.signature) for spec in specs}) == len(specs)
