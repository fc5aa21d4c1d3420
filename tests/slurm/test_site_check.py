"""`heatmark site check` on a real SLURM: every line but those that wait for a time limit, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from heatmark.pipeline.cluster_section import ClusterSection, StageSection
from heatmark.pipeline.site_check import check_site
from heatmark.pipeline.slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(480)]
EXPECTED = {
    "sbatch": "a job of 2 node(s) x 1 rank(s), 60 min is accepted",
    "srun": "2 rank(s) on node",
    "environment": "jobs get the environment",
    "heatmark": "the same sources as here",
    "signals": "USR2 of scancel reaches every rank",
    "locks": "1 other rank(s) and this machine did not get it",
    "shared": "a file is seen on the nodes after ",
    "clock": "off this machine",
    "stage": "/stage can be written",
    "gpus": "no GPUs",
    "rendezvous": "over gloo",
    "requeue": "came back as restart 1",
}


@pytest.mark.usefixtures("live")
def test_every_line_is_ok_on_a_testbed_and_no_job_is_left(tmp_path: Path) -> None:
    settings = ClusterSection(executor="slurm", nodes=2, timeout_min=60, stage=StageSection(to=f"{tmp_path}/stage"))
    told: dict[str, tuple[str, str]] = {}
    checks = check_site(SlurmCluster(settings, tmp_path / "check"), None, 120, print)
    for check, line in checks:
        told[check.name] = (line.verdict, line.words)
        print(f"{line.verdict:3} {check.name:12} {line.words}")
        if {"requeue", "accounting"} <= set(told):
            break
    checks.close()
    assert {name: words for name, (verdict, words) in told.items() if verdict != "ok"} == {}
    assert all(words in told[name][1] for name, words in EXPECTED.items())
    assert {"slurm", "limits", "array", "queue", "python", "interface", "scratch", "compiler", "torch"} <= set(told)
    assert alive(tmp_path) == []


def alive(tmp_path: Path) -> list[str]:
    """The jobs of this check that still live, some seconds after its end."""
    names = {path.stem for path in (tmp_path / "check" / "arrays").glob("*.json")}
    for _ in range(20):
        out = subprocess.run(
            ["squeue", "-h", "-u", str(os.getuid()), "-o", "%j"], capture_output=True, text=True, check=True
        )
        left = sorted(names & set(out.stdout.split()))
        if not left:
            break
        time.sleep(1)
    return left
