"""The one door to other programs: a time limit, and their own words when they fail. Standard library only."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping, Sequence


class CommandFailed(RuntimeError):
    """A program that failed, is not there, or did not answer in time. code is None in the last two cases."""

    def __init__(self, command: Sequence[str], code: int | None, said: str) -> None:
        super().__init__(f"{command[0]} failed ({'no answer' if code is None else f'exit code {code}'}): {said}")
        self.code, self.said = code, said


def run_command(command: Sequence[str], timeout_s: float = 60, environment: Mapping[str, str] | None = None) -> str:
    """What a program printed. Raises CommandFailed."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env=environment, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise CommandFailed(command, None, f"{command[0]} is not installed here") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(command, None, f"no answer within {timeout_s:g} s") from error
    if done.returncode:
        raise CommandFailed(command, done.returncode, " ".join((done.stderr or done.stdout).split()))
    return done.stdout


def print_in_any_locale() -> None:
    """Letters that a terminal's or a log's encoding does not have, a `β` in Latin-1 say, are no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
