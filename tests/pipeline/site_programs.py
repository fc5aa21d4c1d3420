"""SLURM's commands as small programs first on PATH: they play a site that no testbed here can be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import planned

# What each says where a test does not care: an empty queue, no accounting, arrays of up to 1001 elements.
QUIET = {
    "sbatch": "echo Submitted batch job 4711",
    "srun": "exit 0",
    "squeue": "exit 0",
    "scancel": "exit 0",
    "sinfo": "exit 0",
    "sacct": "echo Slurm accounting storage is disabled >&2; exit 1",
    "sacctmgr": "echo Slurm accounting storage is disabled >&2; exit 1",
    "scontrol": "echo 'MaxArraySize            = 1001'",
}


class SitePrograms:
    """A folder of programs first on PATH. Each writes down how it was called, and with which environment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        for program, body in QUIET.items():
            self.says(program, body)

    def says(self, program: str, body: str) -> None:
        """body: shell lines; `$*` are the arguments."""
        record = f'echo "$*" >> {self.folder}/{program}.calls; env > {self.folder}/{program}.env\n'
        path = self.folder / program
        path.write_text(f"#!/bin/bash\n{record}{body}\n")
        path.chmod(0o755)

    def refuses(self, message: str, code: int = 1) -> None:
        """sbatch answers with a message and sends nothing."""
        (self.folder / "message").write_text(message)
        self.says("sbatch", f"cat {self.folder}/message >&2; exit {code}")

    def calls(self, program: str) -> list[str]:
        path = self.folder / f"{program}.calls"
        return path.read_text().splitlines() if path.exists() else []

    def environment(self, program: str) -> dict[str, str]:
        """Of its last call."""
        lines = (self.folder / f"{program}.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


def waiting_trials(sweep: Path, count: int) -> list[RunFolder]:
    """Run folders that a cluster can be asked to send."""
    return [planned(sweep / f"{number:016x}") for number in range(count)]


def arrays_sent(sweep: Path) -> list[dict[str, object]]:
    """What stands in <sweep>/arrays, oldest first."""
    found = [json.loads(path.read_text()) for path in (sweep / "arrays").glob("*.json")]
    return sorted(found, key=lambda array: array["time"])
