"""A trial that is sent to SLURM by the driver's own broker, without Ray above it: two nodes with one rank each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from heatmark.foundation.clock import moment
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heartbeats import Beat, beat_file
from heatmark.workloads.run_folder.job_record import JobRecord
from tests.made_up import made_spec, planned, until

TIMES = {"time", "wall_s", "epoch_s", "images_per_s", "data_s", "attempt"}
HANG_S = 30.0


def prepare(sweep: Path, people: Path, epochs: int, seed: int = 0, **runtime: Any) -> RunFolder:
    spec = made_spec(
        {"name": "bcir", "t_o": 3},
        seed,
        train={"epochs": epochs, "milestones": [3], "flip_test": False},
        runtime={"data_root": str(people), "zero_stage": 1, "hang_s": HANG_S, **runtime},
    )
    return planned(sweep / spec.signature, spec)


class Sent:
    """One trial in a sweep folder of its own, looked after by a broker of its own."""

    alive: ClassVar[list[Sent]] = []

    def __init__(
        self, sweep: Path, people: Path, epochs: int = 4, runtime: dict[str, Any] | None = None, **cluster: Any
    ) -> None:
        """runtime: fields of the trial's RuntimeSpec. cluster: fields of the sweep's ClusterSection."""
        self.sweep, self.run = sweep, prepare(sweep, people, epochs, **(runtime or {}))
        self.lines: list[str] = []
        settings = {"executor": "slurm", "nodes": 2, "timeout_min": 10, **cluster}
        self.cluster = SlurmCluster(ClusterSection(**settings), sweep)
        self.cluster.gather_s = 0.1
        self.broker = Broker(self.cluster, retries=2, poll_s=1.0, log=self.lines.append)
        self.broker.start()
        self.broker.want(self.run)
        Sent.alive.append(self)

    @property
    def job(self) -> JobRecord:
        return self.run.job() or JobRecord.new("slurm")

    @property
    def job_id(self) -> str:
        return str(self.job.job_id)

    def until(self, condition: Callable[[], object], timeout_s: float = 150) -> None:
        until(condition, timeout_s, self.story, every_s=0.05)

    def until_epoch(self, count: int) -> None:
        self.until(lambda: len(self.run.epochs()) >= count)

    def until_ended(self, timeout_s: float = 200) -> None:
        self.until(lambda: not self.broker.open_trials(), timeout_s)
        self.broker.close()

    def pid_of(self, rank: int) -> int:
        beat = Beat.read(beat_file(self.run.path, rank))
        assert beat is not None
        return beat.pid

    def epoch_s(self) -> float:
        """Seconds from the end of an epoch to the end of the next."""
        ends = [moment(record.time) for record in self.run.epochs()]
        return (ends[-1] - ends[0]) / (len(ends) - 1)

    def accounted(self) -> list[str]:
        """The states of the job's attempts, as accounting has them."""
        command = ["sacct", "-X", "-D", "-n", "-P", "-j", self.job_id, "-o", "State"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def numbers(self) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in record.plain().items() if key not in TIMES} for record in self.run.epochs()
        ]

    def story(self) -> str:
        logs = "".join(path.read_text()[-1500:] for path in sorted((self.sweep / "log").glob("*_0_log.out")))
        failure = self.run.failure()
        records = [self.job, *self.run.events(), *([failure] if failure else [])]
        return json.dumps([self.lines, *(record.plain() for record in records)], indent=1) + logs

    @classmethod
    def end_all(cls) -> None:
        """Whatever a test leaves behind when it fails does not disturb the next one."""
        for sent in cls.alive:
            sent.broker.close()
            if sent.run.result() is None:
                sent.cluster.cancel(sent.run)
        cls.alive.clear()
