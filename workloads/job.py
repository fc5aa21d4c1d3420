"""What a job executes: one rank of one trial, from its spec file to its result or to a failure that says why.

python -m heatmark.workloads.job SPEC.json            one trial
python -m heatmark.workloads.job --array ARRAY.json   the trial of this element of a SLURM array
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from heatmark.foundation.clock import utc_now
from heatmark.foundation.command import print_in_any_locale
from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.ends import EndKind
from heatmark.workloads.run_folder.events import Ended, How, Started
from heatmark.workloads.run_folder.failure import Failure
from heatmark.workloads.run_folder.folder import RunFolder

if TYPE_CHECKING:
    from heatmark.workloads.launch import Launch
    from heatmark.workloads.process_group import Ranks
    from heatmark.workloads.spec import TrialSpec

EXIT_FAILED = 1
EXIT_USER_ERROR = 2
# submitit's local controller starts the tasks again on this code (LOCAL_REQUEUE_RETURN_CODE).
EXIT_RUN_AGAIN = 144
# Interruptions in a row without a single step: the time limit is too short for one.
NO_PROGRESS_LIMIT = 3
# CUDA's words, and those of torch on a CPU.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
KINDS: dict[str, EndKind | Literal["lease"]] = {
    "InputError": "user",
    "DivergedError": "diverged",
    "LeaseHeld": "lease",
    "LeaseLost": "lease",
}


class Interruption:
    """A signal only sets a flag; the training loop looks at it between steps, on every rank.

    SIGUSR2 is submitit's warning before preemption or the time limit, SIGTERM everybody's.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is not None

    def listen(self) -> None:
        """From now on; signals that were held back until here (pipeline/submit.py) are delivered at once."""
        numbers = (signal.SIGUSR2, signal.SIGTERM)
        for number in numbers:
            signal.signal(number, self._handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.signal = number


def _say(line: str) -> None:
    """In this rank's own log."""
    print(f"{utc_now()} {line}", flush=True)


def run_trial(spec_file: Path, sent_by_sweep: bool = False) -> int:
    """Run one rank of a trial. Returns 0 finished or stopped, 144 run me again, 1 failed, 2 bad input.

    sent_by_sweep: a sweep sent this very job to SLURM; any other allocation is somebody else's to put into the queue.
    """
    # First of all: from here on no signal ends the job without a checkpoint.
    interruption = Interruption()
    interruption.listen()
    from heatmark.workloads.launch import Launch
    from heatmark.workloads.run_folder.spec_file import read_spec

    launch = Launch.from_environment(sent_by_sweep)
    # Where it really is: the sweep that sent this job may be removed, while the trial is another's as well.
    folder = RunFolder(Path(os.path.realpath(spec_file.parent)))

    def log(line: str) -> None:
        if launch.rank == 0:
            _say(line)

    if folder.finished:
        log(f"{folder.path} is finished; nothing to do")
        return 0
    try:
        _use_scratch()
        return _run_rank(read_spec(spec_file), folder, launch, interruption, log)
    except (Exception, SystemExit) as error:
        return _fail(folder, launch, error)


def _use_scratch() -> None:
    """TMPDIR as the site file says, on this node. Raises InputError where there is no such folder to be had."""
    given = os.environ.get("HEATMARK_SCRATCH")
    if not given:
        return
    from heatmark.foundation.errors import InputError
    from heatmark.foundation.variables import expand_variables

    folder = Path(expand_variables(given)).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"scratch: {given}: no folder {folder} on {socket.gethostname()} ({error.strerror}); mend the site file"
        ) from error
    os.environ["TMPDIR"] = str(folder)


def _run_rank(spec: TrialSpec, folder: RunFolder, launch: Launch, interruption: Interruption, log: Any) -> int:
    from heatmark.workloads.lease import hold_lease
    from heatmark.workloads.run_folder.heartbeats import clear_beats
    from heatmark.workloads.stage import staged

    folder.log.mkdir(parents=True, exist_ok=True)
    _limit_threads(spec.runtime.threads)
    holding = hold_lease(folder, launch.job, launch.restart) if launch.rank == 0 else nullcontext()
    with holding as lease, staged(spec, _say) as spec:
        if launch.rank == 0:
            clear_beats(folder.path)  # those of an earlier attempt, which may have had more ranks
        return _in_process_group(spec, folder, launch, interruption, lease, log)


def _in_process_group(
    spec: TrialSpec, folder: RunFolder, launch: Launch, interruption: Interruption, lease: Any, log: Any
) -> int:
    from heatmark.workloads.process_group import process_group

    with process_group(launch, folder.log) as ranks:
        attempt = ranks.gather(len(folder.attempts()))[0]
        if ranks.is_first:
            _announce(folder, launch, attempt)
        ranks.barrier()
        log(f"attempt {attempt + 1}: {spec.label} on {ranks.world_size} rank(s), {ranks.device.type}")
        return _train(spec, folder, launch, ranks, attempt, lease, interruption, log)


def _announce(folder: RunFolder, launch: Launch, attempt: int) -> None:
    folder.failure_file.unlink(missing_ok=True)
    folder.append_event(
        Started(
            attempt=attempt,
            time=utc_now(),
            job=launch.job,
            restart=launch.restart,
            ranks=launch.world_size,
            nodes=launch.nodes,
        )
    )


def _train(
    spec: TrialSpec,
    folder: RunFolder,
    launch: Launch,
    ranks: Ranks,
    attempt: int,
    lease: Any,
    interruption: Interruption,
    log: Any,
) -> int:
    from heatmark.workloads.heartbeat import Heartbeat
    from heatmark.workloads.plug_in_check import check_plug_ins
    from heatmark.workloads.train import Interrupted, Trial

    check_plug_ins(spec)
    trial = Trial(spec, folder, ranks, attempt, interruption, log, lease)
    trial.heartbeat = Heartbeat(folder, ranks.rank, spec.runtime.hang_s, lease.renew if lease else lambda: None)
    how: How = "finished"
    code = 0
    try:
        trial.run()
    except Interrupted:
        how, code = _after_interruption(folder, launch, ranks, interruption, progressed=trial.progressed)
    finally:
        trial.heartbeat.close()
    if ranks.is_first:
        folder.append_event(Ended(attempt=attempt, time=utc_now(), how=how, step=trial.position.step))
        log(f"attempt {attempt + 1} ends: {how}")
    ranks.barrier()
    if how == "requeue" and launch.in_slurm:
        _requeue(launch)
    return code


def _after_interruption(
    folder: RunFolder, launch: Launch, ranks: Ranks, interruption: Interruption, progressed: bool
) -> tuple[How, int]:
    """What follows once the state is saved, the same on all ranks: the signal may have reached one of them only."""
    warned = ranks.maximum([float(interruption.signal == signal.SIGUSR2)])[0] > 0
    if not (warned or launch.in_slurm):
        return "stopped", 0
    ends = [event for event in folder.events() if isinstance(event, Ended)]
    idle = [end.how == "requeue" and end.step == ends[-1].step for end in ends[-NO_PROGRESS_LIMIT:]]
    if not progressed and len(idle) == NO_PROGRESS_LIMIT and all(idle):
        raise RuntimeError(
            f"interrupted {NO_PROGRESS_LIMIT + 1} times in a row without a single step: "
            f"the time limit is too short for a start, a step and a save"
        )
    return "requeue", EXIT_RUN_AGAIN


def _requeue(launch: Launch) -> None:
    """Put this job back into SLURM's queue, by its first rank."""
    from heatmark.workloads.requeue import requeue, wait_for_the_end

    if launch.rank == 0:
        requeue(launch.job)
    else:
        wait_for_the_end()


def _limit_threads(threads: int) -> None:
    if threads:
        import torch

        torch.set_num_threads(threads)


def _fail(folder: RunFolder, launch: Launch, error: Exception | SystemExit) -> int:
    """Say why, once: the first rank to fail has the cause, the others only lost their peer."""
    from heatmark.foundation.plug_ins import blame

    kind, message = _kind_of(error)
    if at := blame(error):
        message = f"{at}: {type(error).__name__}: {message}"
    text = "".join(traceback.format_exception(error))
    print(text if kind in ("crash", "oom") else f"{kind}: {message}", file=sys.stderr, flush=True)
    if kind == "lease":
        return EXIT_FAILED
    if folder.failure() is None or kind != "crash":
        failure = Failure(kind=kind, message=message, rank=launch.rank, time=utc_now(), job=launch.job, traceback=text)
        with suppress(OSError):  # the disk may be full: it is in the log then, if anywhere
            failure.write(folder.failure_file)
    return EXIT_USER_ERROR if kind == "user" else EXIT_FAILED


def _kind_of(error: BaseException) -> tuple[EndKind | Literal["lease"], str]:
    """The kind of a failure and what to say. A full disk has other names by the time that torch has written to it."""
    message = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return "user", f"{cause}; make room on the disk of the run folder and run the same sweep again"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, MemoryError) or any(words in message.lower() for words in OUT_OF_MEMORY):
        return "oom", message
    return KINDS.get(type(error).__name__, "crash"), message


def main(arguments: list[str]) -> int:
    """The command of a job."""
    print_in_any_locale()
    if arguments[0] == "--array":
        array = ArrayRecord.read(Path(arguments[1]))
        assert array is not None, f"no array file {arguments[1]}"
        # A job of its own may carry the index of another array, in which its driver runs.
        index = int(os.environ.get("SLURM_ARRAY_TASK_ID", "0")) if array.array else 0
        return run_trial(Path(array.specs[index]), sent_by_sweep=True)
    return run_trial(Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
