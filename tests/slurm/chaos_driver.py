"""The driver under fire: `heatmark sweep run` as a user starts it, with an environment that a user may have."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# What a user may have set for SLURM's commands, of which heatmark parses the answers.
SETTINGS: dict[str, tuple[str | None, ...]] = {
    "SLURM_TIME_FORMAT": (None, "%d.%m.%Y %H:%M", "relative"),
    "SQUEUE_FORMAT": (None, "%.18i %.9P %.8j"),
    "SQUEUE_SORT": (None, "-t,i"),
    "SACCT_FORMAT": (None, "jobid,elapsed"),
}
END_S = 240.0


class Driver:
    """One process at a time; everything it starts carries `mark` in its environment, jobs included."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.command, self.folder, self.environment, self.log = command, folder, dict(environment), log
        self.process: subprocess.Popen[bytes] | None = None
        self._said_from = 0

    def start(self, rng: random.Random | None = None) -> str:
        """Returns what is unusual in its environment."""
        drawn = {name: rng.choice(values) if rng else None for name, values in SETTINGS.items()}
        given = {name: value for name, value in drawn.items() if value is not None}
        self._said_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "heatmark.pipeline.cli", *self.command],
                cwd=self.folder,
                env={**self.environment, **given},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return " ".join(f"{name}={value!r}" for name, value in given.items()) or "a plain environment"

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll() if self.process is not None else None

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        """What it printed since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._said_from)
            return log.read().decode(errors="replace")

    def end(self, number: signal.Signals) -> int | None:
        """Signal it and wait. Its exit code, or None where it had to be killed after END_S."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
