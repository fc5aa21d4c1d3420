"""Costs from sacct's own lines: all attempts of a requeued job count, and what a bad end wasted is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heatmark.pipeline import accounting
from heatmark.pipeline.accounting import Attempt, account, cost, parse_attempts
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord

# Two attempts of one array element, as `sacct -X -D` of SLURM 22.05 prints them: 2 CPUs and 4 GPUs each.
SACCT = """\
31_0|PREEMPTED|2026-01-01T10:00:00|2026-01-01T10:30:00|1800|2|billing=2,cpu=2,gres/gpu=4,mem=8G,node=2
31_0|COMPLETED|2026-01-01T11:00:00|2026-01-01T12:00:00|3600|2|billing=2,cpu=2,gres/gpu=4,mem=8G,node=2
31_0|PENDING|Unknown|Unknown|0|0|
32_0|CANCELLED by 0|2026-01-01T10:00:00|2026-01-01T10:06:00|360|1|billing=1,cpu=1,node=1
"""
TEN_20 = 1767262800.0  # 2026-01-01T10:20:00Z


def test_every_attempt_counts_and_what_came_after_the_last_checkpoint_is_wasted() -> None:
    attempts = parse_attempts(SACCT)
    assert [attempt.state for attempt in attempts] == ["PREEMPTED", "COMPLETED", "CANCELLED"]
    spent = cost(attempts[:2], checkpoints=[TEN_20, TEN_20 - 300])
    assert spent.cpu_hours == pytest.approx(1.5 * 2) and spent.gpu_hours == pytest.approx(1.5 * 4)
    # 10:20 to 10:30 on 2 CPUs and 4 GPUs.
    assert spent.wasted_cpu_hours == pytest.approx(2 / 6) and spent.wasted_gpu_hours == pytest.approx(4 / 6)


def test_an_attempt_without_a_checkpoint_is_wasted_whole() -> None:
    spent = cost(parse_attempts(SACCT)[2:], checkpoints=[])
    assert spent.wasted_cpu_hours == spent.cpu_hours == pytest.approx(0.1)


# What sacct prints at its first, second and every later call.
LATE = """\
#!/bin/sh
n=$(cat {calls} 2>/dev/null || echo 0)
echo $((n + 1)) > {calls}
case $n in
  0) echo "sacct: error: Problem talking to the database: Connection refused" >&2; exit 1 ;;
  1) echo "31_0|RUNNING|2026-01-01T10:00:00|Unknown|60|2|cpu=2" ;;
  *) echo "31_0|COMPLETED|2026-01-01T10:00:00|2026-01-01T10:30:00|1800|2|cpu=2" ;;
esac
"""


@pytest.fixture
def ended(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "trial")
    JobRecord.new("slurm").submitted("31_0", adopted=False).ended("finished", None).write(folder.job_file)
    return folder


def write_sacct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    calls = tmp_path / "calls"
    (tmp_path / "sacct").write_text(script.format(calls=calls))
    (tmp_path / "sacct").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return calls


def test_a_database_that_comes_late_is_waited_for(
    ended: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting, "WAIT_S", 0.1)
    calls, said = write_sacct(tmp_path, monkeypatch, LATE), list[str]()
    assert account([ended], said.append) == 1 and not said and int(calls.read_text()) == 3
    assert json.loads(ended.accounting_file.read_text())["cpu_hours"] == pytest.approx(1.0)


def test_what_it_never_knows_is_told_and_what_it_knew_once_is_kept(
    ended: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting, "LAG_S", -1.0)
    said: list[str] = []
    write_sacct(tmp_path, monkeypatch, "#!/bin/sh\n")
    assert account([ended], said.append) == 0
    assert said == ["accounting lacks the end of jobs 31_0; the same sweep, run again, fills it in"]
    cost([Attempt("31_0", "COMPLETED", 0, 1800, 1800, 2, 0)], []).write(ended.accounting_file)
    assert account([ended], said.append) == 0 and json.loads(ended.accounting_file.read_text())["cpu_hours"] == 1.0


def test_a_cluster_without_accounting_is_asked_once(
    ended: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    write_sacct(tmp_path, monkeypatch, "#!/bin/sh\necho Slurm accounting storage is disabled >&2; exit 1\n")
    assert account([ended], said.append) == 0
    assert said == ["no CPU-hours, as accounting does not answer: Slurm accounting storage is disabled"]
