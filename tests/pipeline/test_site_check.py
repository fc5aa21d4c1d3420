"""`heatmark site check` without SLURM: small programs in its place, and what ranks may have written."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.errors import InputError
from heatmark.pipeline import site_exchange, site_facts
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.site_check import BEGIN_S, CHECKS, REQUEUE_S, overdue
from heatmark.pipeline.site_jobs import SiteJob, SiteJobs
from heatmark.pipeline.site_run import Seen
from heatmark.pipeline.site_settings import site_settings
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.workloads.site_probe import PINGS, Findings, folder_of, try_lock

ANSWERS = {
    "srun": "exit 0",
    "scontrol": 'echo "ClusterName = small"; echo "MaxArraySize = 11"',
    "squeue": "exit 0",
    "sacctmgr": "exit 1",
    "scancel": 'echo "$*" >> "$LOG"',
}
REFUSAL = "sbatch: error: Batch job submission failed: Invalid partition name specified"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in ANSWERS.items():
        write(folder, name, body)
    return folder


def write(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def waiting(reason: str) -> str:
    """A squeue that shows every job that was sent as waiting."""
    line = f"7_0|7|0|PENDING|{reason}|||${{name%.json}}|"
    return f'for file in "$PWD"/runs/site-check/*/arrays/*.json; do name=${{file##*/}}; echo "{line}"; done'


def site_check(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Nothing but these programs is on the PATH."""
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "site", "check", *arguments]
    kept = {name: os.environ[name] for name in ("HOME", "PYTHONPATH") if name in os.environ}
    environment = kept | {"PATH": str(programs), "LOG": str(programs / "scancel.log")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, env=environment, cwd=programs, stdin=subprocess.DEVNULL
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {line["check"]: line for line in json.loads(done.stdout)["lines"]}


def test_what_sbatch_refuses_is_told_in_its_words_and_the_rest_is_not_guessed(programs: Path) -> None:
    write(programs, "sbatch", f"echo '{REFUSAL}' >&2; exit 1")
    done = site_check(programs, "--json", "--set", "cluster.nodes=2", "--set", "tracking.uri=http://127.0.0.1:9")
    assert done.returncode == 2, done.stderr
    lines = lines_of(done)
    assert lines["slurm"]["verdict"] == "ok" and "small" in lines["slurm"]["words"]
    assert lines["sbatch"]["verdict"] == "no" and "Invalid partition name specified" in lines["sbatch"]["words"]
    assert lines["accounting"]["verdict"] == "no" and "sacct is not installed here" in lines["accounting"]["words"]
    assert lines["mlflow"]["verdict"] == "no" and not lines["mlflow"]["needed"]
    assert all(lines[name]["verdict"] == "?" for name in ("queue", "srun", "locks", "rendezvous", "notice", "requeue"))
    assert all(line["todo"] for line in lines.values() if line["verdict"] == "no")


def test_a_job_that_waits_is_told_and_cancelled(programs: Path) -> None:
    write(programs, "sbatch", 'echo "Submitted batch job 7"')
    write(programs, "squeue", waiting("Resources"))
    done = site_check(programs, "--wait", "0.05")
    assert done.returncode == 2, done.stderr
    assert "?   srun         still waiting in the queue: Resources (--wait 0.05 is over)" in done.stdout
    cancelled = (programs / "scancel.log").read_text()
    assert all(f"--name=site-check-{part}" in cancelled for part in ("limits", "probe", "notice"))


def test_a_reason_that_never_clears_is_not_waited_for(programs: Path) -> None:
    write(programs, "sbatch", 'echo "Submitted batch job 7"')
    write(programs, "squeue", waiting("PartitionTimeLimit"))
    done = site_check(programs, "--wait", "10")
    assert done.returncode == 2
    assert "no  queue        the job can never start: PartitionTimeLimit; do: " in done.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("cluster.nodez=2", "--set: cluster.nodez: unknown key; did you mean 'nodes'?"),
        ("train.epochs=2", "--set: train: unknown key"),
        ("cluster.nodes=0", "--set: cluster.nodes: 0: "),
        ("cluster.executor=local", "a site is checked through SLURM"),
        ("cluster", "write it as section.key=value"),
    ],
)
def test_a_bad_key_is_named(change: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        site_settings(None, [change])
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_bad_input_is_one_line(programs: Path) -> None:
    done = site_check(programs, "--site", "none.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none.yaml: cannot be read" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_machine_without_slurm_is_named(programs: Path) -> None:
    (programs / "srun").unlink()
    done = site_check(programs)
    assert done.returncode == 2 and "there is no SLURM on this machine" in done.stderr


@pytest.fixture
def seen(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Two ranks on two nodes have begun."""
    monkeypatch.setenv("PATH", str(programs))
    cluster = SlurmCluster(ClusterSection(executor="slurm", nodes=2), tmp_path / "check")
    seen = Seen(SiteJobs(cluster), None, 60.0)
    seen.probe = SiteJob("probe", tmp_path / "check" / "probe", 10, 20, True, "7", started_at=time.monotonic())
    for rank in (0, 1):
        tell(seen, rank, "start", node=f"n{rank}")
    return seen


def tell(seen: Seen, rank: int, step: str, **facts: Any) -> None:
    assert seen.probe is not None
    seen.probe.facts.append({"step": step, "rank": rank, "restart": 0, "time": time.time(), **facts})


@pytest.mark.parametrize(
    ("other", "here", "verdict", "words"),
    [
        ({"got": False}, {"got": False}, "ok", "rank 0 on n0 held, 1 other rank(s) and this machine did not get it"),
        ({"got": True}, {"got": False}, "no", "rank 1 on n1 got the lock that rank 0 on n0 holds"),
        ({"got": False}, {"got": True}, "no", "this machine got the lock"),
        ({"got": False, "errno": "ENOSYS", "error": "Function not implemented"}, {"got": False}, "no", "flock: ENOSYS"),
    ],
)
def test_locks_that_do_not_exclude_are_none(
    seen: Seen, other: dict[str, Any], here: dict[str, Any], verdict: str, words: str
) -> None:
    tell(seen, 0, "lock", got=True)
    assert site_exchange.locks(seen) is None
    tell(seen, 1, "lock", **other)
    seen.lock_here, seen.locked_at = here, time.monotonic()
    line = site_exchange.locks(seen)
    assert line is not None and line.verdict == verdict and words in line.words


@pytest.mark.parametrize(("ahead", "verdict"), [(0.0, "ok"), (-5.0, "ok"), (90.0, "no")])
def test_a_nodes_clock_is_between_question_and_answer(seen: Seen, ahead: float, verdict: str) -> None:
    """The driver writes at t, the node sees it 0.2 s later, and the answer is seen 0.2 s after that."""
    for number in range(PINGS):
        sent = 1000.0 + number
        seen.pings[number] = sent
        for node, off in (("n0", 0.0), ("n1", ahead)):
            seen.pongs[node, number] = (sent + 0.2 + off, sent + 0.4)
    line = site_exchange.clock(seen)
    assert line is not None and line.verdict == verdict
    assert f"{ahead:+.1f} s off this machine (+- 0.2 s)" in line.words


def test_a_torch_that_is_absent_or_crashes_is_a_line(seen: Seen) -> None:
    tell(seen, 1, "torch", error="ModuleNotFoundError: No module named 'torch'")
    line = site_facts.torch(seen)
    assert line is not None and line.verdict == "no" and line.words.startswith("rank 1 on n1: ModuleNotFoundError")
    seen.probe.facts.pop()  # type: ignore[union-attr]
    tell(seen, 0, "torch_end", code=-4, said="Illegal instruction")
    seen.probe.facts[-1]["time"] -= 10  # type: ignore[union-attr]
    line = site_facts.torch(seen)
    assert line is not None and "rank 0 on n0: torch: ended with exit code -4: Illegal instruction" in line.words


def test_what_hangs_is_not_told_and_says_why(seen: Seen) -> None:
    probe, now = seen.probe, time.monotonic()
    assert probe is not None
    srun, requeue = (next(check for check in CHECKS if check.name == name) for name in ("srun", "requeue"))
    assert overdue(srun, seen) is None
    probe.started_at = now - BEGIN_S - 1
    for check in (srun, requeue):
        line = overdue(check, seen)
        assert line is not None and line.verdict == "?" and "no rank began within 300 s" in line.words
    probe.began_at = now - srun.within_s - 1
    line = overdue(srun, seen)
    assert line is not None and "nothing heard of it within 120 s; see " in line.words
    assert overdue(requeue, seen) is None
    seen.requeue_at = now - REQUEUE_S - 1
    line = overdue(requeue, seen)
    assert line is not None and "the job has not come to it" in line.words


def test_a_rank_that_lost_its_environment_is_told(seen: Seen) -> None:
    seen.probe.facts.clear()  # type: ignore[union-attr]
    for rank in (0, 1):
        tell(seen, rank, "start", node=f"n{rank}", cores=1, variables={"SUBMITIT_EXECUTOR": None})
    line = site_facts.srun(seen)
    assert line is not None and line.verdict == "no" and "has lost the job's environment" in line.words


@pytest.mark.parametrize(
    ("counts", "wanted", "verdict", "words"),
    [
        ((0, 0), None, "ok", "no GPUs"),
        ((0, 0), 4, "no", "torch sees no GPU although gpus_per_node is 4"),
        ((4, 0), 4, "no", "some ranks see no GPU"),
        ((4, 4), 4, "ok", "4 GPU(s) seen by each rank (A100), NCCL adds up over 2 rank(s)"),
    ],
)
def test_gpus_are_counted_by_rank(
    seen: Seen, counts: tuple[int, int], wanted: int | None, verdict: str, words: str
) -> None:
    seen.cluster.keys = seen.cluster.keys.model_copy(update={"gpus_per_node": wanted})
    for rank, count in enumerate(counts):
        tell(seen, rank, "torch", gpus=count, names=["A100"] if count else [])
        tell(seen, rank, "meet", total=2.0, device="cuda", nodes=["n0", "n1"], address="n0:1", seconds=1.0)
    line = site_facts.gpus(seen)
    assert line is not None and (line.verdict, line.words) == (verdict, words)


def _try(path: Path) -> dict[str, Any]:
    with path.open("a+") as lock:
        return try_lock(lock.fileno())


def test_a_probe_finds_a_lock_of_another_process_and_a_folder_it_cannot_make(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a+") as lock, multiprocessing.get_context("spawn").Pool(1) as pool:
        assert try_lock(lock.fileno()) == {"got": True}
        assert pool.apply(_try, (tmp_path / "lock",)) == {"got": False}
    findings = Findings(tmp_path, "rank")
    (tmp_path / "file").touch()
    findings.find("stage", lambda: folder_of(str(tmp_path / "file" / "stage")))
    findings.find("scratch", lambda: folder_of("$NOT_SET_ANYWHERE/x"))
    stage, scratch = map(json.loads, findings.file.read_text().splitlines())
    assert stage["error"].startswith("NotADirectoryError")
    assert "NOT_SET_ANYWHERE is not set" in scratch["error"]
