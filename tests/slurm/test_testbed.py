"""What the rest of heatmark relies on, seen on a real SLURM; preemption and a node's death are seen on trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.slurm.conftest import Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]


def test_all_nodes_are_idle_and_the_status_is_healthy(testbed: Slurm, live: str) -> None:
    settings = json.loads((Path(live).parent.parent / "testbed.json").read_text())
    idle = [f"node{index} idle" for index in range(settings["nodes"])]
    ask = ("sinfo", "-h", "-N", "-p", "normal", "-o", "%N %T")
    # Jobs of tests before this one may still be leaving.
    testbed.wait("all nodes idle", lambda: testbed.answer(*ask).splitlines() == idle)
    assert testbed.testbed("status").endswith("healthy")
    assert testbed.testbed("up").startswith("export SLURM_CONF=")


def test_two_tasks_on_two_nodes(slurm: Slurm) -> None:
    job = slurm.submit("srun bash -c 'echo $SLURM_PROCID $SLURMD_NODENAME'", "-N2", "--ntasks-per-node=1")
    slurm.wait("a job over two nodes", lambda: slurm.state(job) == "COMPLETED")
    (rank, one), (other_rank, other) = sorted(line.split() for line in slurm.output(job).splitlines())
    assert (rank, other_rank) == ("0", "1")
    assert one != other
    assert {one, other} <= {f"node{index}" for index in range(100)}


def test_an_array_has_one_name_and_an_id_per_element(slurm: Slurm) -> None:
    body = "echo $SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID"
    job = slurm.submit(body, "-n1", "--array=0-2", "--job-name=three")
    slurm.wait("an array of three", lambda: slurm.state(job).split() == ["COMPLETED"] * 3)
    assert [slurm.output(f"{job}_{index}") for index in range(3)] == [f"{job} {index}\n" for index in range(3)]
    ids = slurm.answer("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%i %F %K %j").splitlines()
    assert sorted(ids) == [f"{job}_{index} {job} {index} three" for index in range(3)]


def test_an_element_of_an_array_requeues_itself(slurm: Slurm) -> None:
    body = 'echo ${SLURM_RESTART_COUNT:-0}; [ -n "$SLURM_RESTART_COUNT" ] || scontrol requeue ${SLURM_ARRAY_JOB_ID}_1'
    job = slurm.submit(f"{body}; sleep 1", "-n1", "--array=1", "--requeue")
    slurm.wait("an element requeued by itself", lambda: slurm.output(f"{job}_1").endswith("\n1\n"), 60)


def test_singleton_holds_between_arrays_and_not_within_one(slurm: Slurm) -> None:
    options = ("-n1", "--array=0-1", "--dependency=singleton", "--job-name=twins")
    first, second = slurm.submit("sleep 60", *options), slurm.submit("sleep 60", *options)
    slurm.wait("both elements run", lambda: slurm.state(first).split() == ["RUNNING"] * 2)
    reasons = slurm.answer("squeue", "-h", "-r", "-j", second, "-o", "%T %r").splitlines()
    assert reasons == ["PENDING Dependency"] * 2


def test_an_array_beyond_the_limit_is_refused(slurm: Slurm) -> None:
    config = slurm.answer("scontrol", "show", "config")
    limit = int(next(line.split()[-1] for line in config.splitlines() if line.startswith("MaxArraySize")))
    (slurm.folder / "job.sh").write_text("#!/bin/bash\n")
    refused = slurm.run("sbatch", f"--array={limit}", "job.sh")
    assert refused.returncode == 1
    assert "Invalid job array specification" in refused.stderr
    slurm.submit("", "--hold", f"--array={limit - 1}")


def test_scancel(slurm: Slurm) -> None:
    job = slurm.submit("sleep 100", "-n1")
    slurm.wait("running", lambda: slurm.state(job) == "RUNNING")
    slurm.answer("scancel", job)
    slurm.wait("cancelled", lambda: slurm.state(job) == "CANCELLED")
    slurm.wait("accounted", lambda: slurm.records(job) == ["CANCELLED by 0"])


def test_jobs_outlive_the_controller(testbed: Slurm) -> None:
    job = testbed.submit("sleep 12; echo done", "-n1")
    held = testbed.submit("", "-n1", "--hold")
    testbed.wait("running", lambda: testbed.state(job) == "RUNNING")
    testbed.testbed("daemon", "stop", "slurmctld")
    refused = testbed.run("squeue")
    assert refused.returncode == 1
    assert "Unable to contact slurm controller" in refused.stderr
    testbed.testbed("daemon", "start", "slurmctld")
    assert testbed.state(held) == "PENDING"
    testbed.wait("ended after a restart", lambda: testbed.state(job) == "COMPLETED")
    assert testbed.output(job) == "done\n"


def test_jobs_run_while_accounting_is_down(testbed: Slurm) -> None:
    testbed.testbed("daemon", "stop", "slurmdbd")
    try:
        job = testbed.submit("echo done", "-n1")
        testbed.wait("a job without slurmdbd", lambda: testbed.state(job) == "COMPLETED")
        assert testbed.run("sacct", "-j", job).returncode == 1
    finally:
        testbed.testbed("daemon", "start", "slurmdbd")
    testbed.wait("accounted later", lambda: testbed.records(job) == ["COMPLETED"])
