"""SLURM as its administrator sees it, beside the sweep: the real programs in an environment of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TESTBED = Path(__file__).resolve().parents[2] / "slurm" / "testbed"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# In squeue, and not ended.
ALIVE = frozenset({"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD"})


class SlurmFailed(RuntimeError):
    """A command that failed, with its own words."""


class SlurmSilent(SlurmFailed):
    """No answer in time."""


@dataclass(frozen=True)
class Element:
    """A trial's job in the queue. size: of its array."""

    job_id: str
    index: int
    size: int
    signature: str
    state: str
    reason: str


@dataclass(frozen=True)
class Run:
    """A record of sacct: one attempt of a trial's job. name: of its array. end: None while accounting has none."""

    job_id: str
    name: str
    state: str
    start: str
    end: str | None


class Slurm:
    """A testbed, by its SLURM_CONF."""

    def __init__(self, conf: Path) -> None:
        self.conf, self.state = conf, conf.parent.parent
        self.nodes = [f"node{index}" for index in range(json.loads((self.state / "testbed.json").read_text())["nodes"])]

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PATH": PATH, "LANG": "C.UTF-8", "SLURM_CONF": str(self.conf), "TZ": "UTC", "HOME": "/"}

    def ask(self, *command: str, timeout: float = 60) -> str:
        """What a command prints. Raises SlurmFailed."""
        try:
            done = subprocess.run(
                command, env=dict(self.environment), cwd="/", capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise SlurmSilent(f"{' '.join(command)}: no answer within {timeout:.0f} s") from error
        if done.returncode:
            raise SlurmFailed(f"{' '.join(command)}: {' '.join((done.stderr or done.stdout).split())}")
        return done.stdout

    def testbed(self, verb: str, *arguments: str) -> None:
        """One of the scripts of slurm/testbed. Raises SlurmFailed."""
        self.ask(str(TESTBED / verb), *arguments, "--state", str(self.state), timeout=150)

    def elements(self, sweep: Path) -> list[Element]:
        """Every job of a sweep's trials that squeue remembers. Raises SlurmFailed."""
        arrays = read_arrays(sweep)
        found = []
        for line in self.ask("squeue", "-h", "-r", "-t", "all", "-o", "%i|%K|%T|%r|%j").splitlines():
            job_id, index, state, reason, name = line.split("|", 4)
            if name in arrays:
                at = int(index) if index.isdigit() else 0
                found.append(Element(job_id, at, len(arrays[name]), arrays[name][at], state, reason))
        return found

    def runs(self, ids: Mapping[str, str]) -> list[Run]:
        """What accounting has of arrays and jobs (name -> id). A number that was given out again has another name."""
        command = ["sacct", "-X", "-D", "-n", "-P", "-S", "now-1days", "-o", "JobID,JobName,State,Start,End"]
        found = []
        for line in self.ask(*command, "-j", ",".join(sorted(set(ids.values())) or ["0"])).splitlines():
            job_id, name, state, start, end = line.split("|")
            if ids.get(name) == job_id.partition("_")[0] and start[:1].isdigit():
                found.append(Run(job_id, name, state.split()[0], start, end if end[:1].isdigit() else None))
        return found


def read_arrays(sweep: Path) -> dict[str, list[str]]:
    """Name -> signatures of every array that the driver has written down."""
    found = {}
    for path in (sweep / "arrays").glob("*.json"):
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        found[content["name"]] = content["signatures"]
    return found
