"""What a job executes: one trial, from its spec file to its result or to a failure that says why."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError

from heatmark.datasets.errors import InputError
from heatmark.workloads.run_folder import RunFolder, utc_now, write_json
from heatmark.workloads.spec import TrialSpec

EXIT_FAILED = 1
EXIT_USER_ERROR = 2
# submitit's local controller starts the tasks again on this code (LOCAL_REQUEUE_RETURN_CODE).
EXIT_REQUEUE_LOCAL = 144


def read_spec(path: Path) -> TrialSpec:
    """The TrialSpec in a file. Raises InputError naming the file and the field."""
    try:
        text = path.read_text()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the spec.json of a run folder") from error
    try:
        return TrialSpec.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path}: {where}: {first['msg']}") from error


class Interruption:
    """A signal only sets a flag; the training loop looks at it between steps, on every rank."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is not None

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.signal = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGUSR2 is submitit's warning before preemption or the time limit, SIGTERM everybody's."""
        numbers = (signal.SIGUSR2, signal.SIGTERM)
        before = {number: signal.signal(number, self._handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class TrialJob:
    """What submitit pickles: the path of a spec, nothing else."""

    def __init__(self, spec_file: str) -> None:
        self.spec_file = spec_file

    def __call__(self) -> None:
        code = run_trial(Path(self.spec_file))
        if code:
            sys.stdout.flush()
            os._exit(code)  # submitit would turn a SystemExit into a result, and a controller does not see it

    def checkpoint(self) -> Any:
        """submitit asks for it on a signal that arrives before the training loop listens."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(TrialJob(self.spec_file))


def run_trial(spec_file: Path) -> int:
    """Run one rank of a trial. Returns 0 finished or stopped, 144 run me again, 1 failed, 2 bad input."""
    from heatmark.workloads.lease import lease
    from heatmark.workloads.process_group import Launch, process_group

    folder = RunFolder(spec_file.parent)
    launch = Launch.from_environment()

    def log(line: str) -> None:
        if launch.rank == 0:
            print(f"{utc_now()} {line}", flush=True)

    if folder.result() is not None:
        log(f"{folder.path} is finished; nothing to do")
        return 0
    interruption = Interruption()
    try:
        spec = read_spec(spec_file)
        _limit_threads(spec.runtime.threads)
        holding = lease(folder, launch.job) if launch.rank == 0 else nullcontext()
        with interruption.listening(), holding, process_group(launch, folder.log) as ranks:
            return _train(spec, folder, ranks, launch, interruption, log)
    except Exception as error:
        return _fail(folder, launch, error)


def _train(spec: TrialSpec, folder: RunFolder, ranks: Any, launch: Any, interruption: Interruption, log: Any) -> int:
    from heatmark.workloads.train import Interrupted, Trial

    attempt = len(folder.attempts())
    ranks.barrier()
    if ranks.is_first:
        folder.failure_file.unlink(missing_ok=True)
        folder.append_attempt({"attempt": attempt, "job": launch.job, "time": utc_now(), "ranks": ranks.world_size})
    log(f"attempt {attempt + 1}: {spec.label} on {ranks.world_size} rank(s), {ranks.device.type}")
    try:
        Trial(spec, folder, ranks, attempt, interruption, log).run()
    except Interrupted:
        # The signal may have reached one rank only; what follows must be the same on all.
        again = ranks.maximum([float(interruption.signal == signal.SIGUSR2)])[0] > 0
        log("state saved; " + ("the job will run again" if again else "the job stops, its folder can be resumed"))
        return EXIT_REQUEUE_LOCAL if again else 0
    return 0


def _limit_threads(threads: int) -> None:
    if threads:
        import torch

        torch.set_num_threads(threads)


def _fail(folder: RunFolder, launch: Any, error: Exception) -> int:
    """Say why, once: the first rank to fail has the cause, the others only lost their peer."""
    kind = {"InputError": "user", "DivergedError": "diverged", "LeaseHeld": "lease"}.get(type(error).__name__, "crash")
    text = "".join(traceback.format_exception(error))
    print(text if kind == "crash" else f"{kind}: {error}", file=sys.stderr, flush=True)
    if kind == "lease":
        return EXIT_FAILED
    if folder.failure() is None or kind != "crash":
        message = str(error) or type(error).__name__
        failure = {"schema_version": 1, "kind": kind, "message": message, "rank": launch.rank, "job": launch.job}
        write_json(folder.failure_file, failure | {"time": utc_now(), "traceback": text})
    return EXIT_USER_ERROR if kind == "user" else EXIT_FAILED
