"""A live SLURM for the tests: the one SLURM_CONF names, else they are skipped. slurm/testbed/up starts one."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.made_up import until

TESTBED = Path(__file__).resolve().parents[2] / "slurm" / "testbed"
START_IT = 'eval "$(slurm/testbed/up | tail -1)" starts one'


@dataclasses.dataclass
class Slurm:
    """Jobs in a folder of their own, cancelled when the test ends."""

    folder: Path
    jobs: list[str] = dataclasses.field(default_factory=list)

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=outside_any_job(), capture_output=True, text=True, timeout=timeout
        )

    def answer(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def submit(self, body: str, *options: str) -> str:
        """Send a batch script; its output goes to <job id>.out, or <array id>_<index>.out."""
        output = "%A_%a.out" if any(option.startswith("--array") for option in options) else "%j.out"
        script = self.folder / f"job{len(self.jobs)}.sh"
        script.write_text(f"#!/bin/bash\n{body}")
        job = self.answer("sbatch", "--parsable", "--open-mode=append", f"--output={output}", *options, str(script))
        self.jobs.append(job)
        return job

    def output(self, job: str) -> str:
        file = self.folder / f"{job}.out"
        return file.read_text() if file.exists() else ""

    def state(self, job: str) -> str:
        """The state squeue knows, which is empty once the job is older than MinJobAge."""
        return self.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").stdout.strip()

    def records(self, job: str) -> list[str]:
        """The states of a job's attempts, as accounting has them."""
        return self.answer("sacct", "-X", "-D", "-n", "-P", "-j", job, "-o", "State").splitlines()

    def testbed(self, verb: str, *arguments: str) -> str:
        """One of the scripts of slurm/testbed."""
        return self.answer(str(TESTBED / verb), *arguments)

    def wait(self, what: str, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until ready() holds, and print how long that took."""
        began = time.monotonic()
        until(ready, seconds, what, every_s=0.2)
        print(f"{what}: {time.monotonic() - began:.1f} s", file=sys.stderr)


def outside_any_job() -> dict[str, str]:
    """An sbatch within a job would hand that job's variables on."""
    return {key: value for key, value in os.environ.items() if key == "SLURM_CONF" or not key.startswith("SLURM_")}


@pytest.fixture(scope="session")
def live() -> str:
    """SLURM_CONF of a SLURM that answers."""
    conf = os.environ.get("SLURM_CONF", "")
    if not conf:
        pytest.skip(f"no SLURM: SLURM_CONF is not set; {START_IT}")
    try:
        ping = subprocess.run(["scontrol", "ping"], capture_output=True, text=True, timeout=60)
    except OSError as error:
        pytest.skip(f"no SLURM: {error}; {START_IT}")
    if ping.returncode:
        pytest.skip(f"no SLURM: the controller of {conf} does not answer; {START_IT}")
    return conf


@pytest.fixture
def slurm(live: str, tmp_path: Path) -> Iterator[Slurm]:  # noqa: ARG001 - usefixtures does nothing for a fixture
    cluster = Slurm(tmp_path)
    yield cluster
    if cluster.jobs:
        cluster.run("scancel", *cluster.jobs)
        jobs = ",".join(cluster.jobs)
        cluster.wait("jobs gone", lambda: not cluster.run("squeue", "-h", "-j", jobs).stdout.strip(), 60)


@pytest.fixture
def testbed(slurm: Slurm, live: str) -> Slurm:
    """The same, and its daemons may be killed: it is a testbed."""
    if not (Path(live).parent.parent / "testbed.json").is_file():
        pytest.skip(f"{live} is not a testbed's: its daemons are not ours to kill")
    return slurm
