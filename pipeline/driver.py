"""`heatmark sweep run`: one driver per sweep that starts Ray, the broker and the mirror, and ends with the report.

It may die at any moment: jobs go on, and the same command adopts them, or the driver of another sweep that wants the
same trials.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from heatmark.foundation.errors import InputError
from heatmark.foundation.file_lock import Held, hold
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.claims import Claims, is_looked_after, is_sent_from_here, this_driver
from heatmark.pipeline.clusters import make_cluster
from heatmark.pipeline.decisions import decide_cancel, end_cancelled, reopen
from heatmark.pipeline.interrupt import beside_signals
from heatmark.pipeline.mirror_failure import without_passwords
from heatmark.pipeline.mirror_process import mirror_beside
from heatmark.pipeline.plan import Plan, data_notes, draw_missing_data
from heatmark.pipeline.progress import live_progress
from heatmark.pipeline.ray_head import ray_head
from heatmark.pipeline.ray_page import how_to_sign_in
from heatmark.pipeline.relay_count import affordable_relays
from heatmark.pipeline.shared_cluster import SharedCluster, cluster_of
from heatmark.pipeline.tracking_uri import silence, tracking_uri
from heatmark.pipeline.trial_labels import names_in
from heatmark.workloads.run_folder.drivers import driver_lock
from heatmark.workloads.run_folder.ends import EndKind
from heatmark.workloads.run_folder.folder import RunFolder, run_folders

Log = Callable[[str], None]
# How often a sweep's lock is tried: another sweep may be looking at it.
LOCK_TRIES, LOCK_PAUSE_S = 4, 0.1
# A cluster that takes longer to take its jobs goes on while Ray starts.
SENT_BEFORE_RAY_S = 60.0


def run_sweep(plan: Plan, console: Console) -> int:
    """Run a plan to its end. Returns the exit code: 0 all finished, 1 some failed, 2 all that failed by bad input."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    with _only_driver(plan):
        draw_missing_data(plan, partial(console.print, soft_wrap=True))
        for note in [*plan.write(), *data_notes(plan)]:
            console.print(note, soft_wrap=True)
        claims = Claims(plan.trials)
        folders = [plan.run_folder(trial) for trial in plan.unfinished()]
        open_folders = [folder for folder in folders if _takes_up(folder, claims)]
        # First what has a job already; last what another sweep's driver is at, which takes none of this one's places.
        open_folders.sort(key=lambda folder: (is_looked_after(folder), not _has_a_job(folder)))
        claims.want(open_folders)
        console.print(
            f"sweep {plan.sweep.name}: {len(plan.trials)} trials, {len(plan.trials) - len(folders)} finished before, "
            f"{len(open_folders)} to run; folder {plan.folder}",
            soft_wrap=True,
        )
        with _mirror(plan, console) as end_mirror:
            _run_trials(plan, open_folders, claims, console)
            _account(plan, console)
            report(plan, console)
            code = _exit_code(plan, console)
            end_mirror("FINISHED" if code == 0 else "FAILED")
    return code


def _takes_up(folder: RunFolder, claims: Claims) -> bool:
    """Whether an unfinished trial is to be run. One that another sweep's driver looks after is left as it is."""
    with claims.for_a_moment(folder) as ours:
        if ours:
            return reopen(folder, by_user=True)
    given_up = folder.given_up()
    if given_up is not None and given_up.by == "user":
        folder.given_up_file.unlink(missing_ok=True)
    return given_up is None or given_up.by == "user"


def _run_trials(plan: Plan, folders: list[RunFolder], claims: Claims, console: Console) -> None:
    """Every trial to its end, and every job: one may still be ending though its result is there."""
    ending = [folder for trial in plan.trials if _is_ending(folder := plan.run_folder(trial))]
    if not folders and not ending:
        return
    cluster = plan.sweep.cluster
    where = SharedCluster(make_cluster(cluster, plan.folder), plan.folder)
    with live_progress(plan.folder, console) as log:
        decides = plan.sweep.tune.stops_trials
        # Packed jobs take what waits by themselves, and there are no more of them than have `parallel` places.
        places = None if decides or cluster.trials_per_job > 1 else cluster.parallel
        broker = Broker(where, cluster.retries, cluster.interval_s, log, claims, names_in(plan.folder), places)
        broker.start()
        try:
            broker.want(*ending)
            if folders:
                if not decides:  # all at once: Tune only follows
                    broker.want(*folders)
                _tune(plan, folders, broker, log)
            broker.wait_until_ended()
        finally:
            broker.close()


def _has_a_job(folder: RunFolder) -> bool:
    job = folder.job()
    return job is not None and job.state in ("pending", "submitted")


def _is_ending(folder: RunFolder) -> bool:
    """A trial with a result whose job no driver has seen end."""
    job = folder.job()
    return folder.finished and job is not None and not job.has_ended


def _tune(plan: Plan, folders: list[RunFolder], broker: Broker, log: Log) -> None:
    epochs = max(trial.train.epochs for trial in plan.trials)

    def walk(leave_if_asked: Callable[[], None]) -> None:
        _send_first(broker, leave_if_asked)
        with ray_head(plan.folder, plan.sweep.tune.dashboard) as dashboard:
            if dashboard:
                host, port = socket.gethostname(), dashboard.rpartition(":")[2]
                log(f"Ray dashboard: {dashboard}  ({how_to_sign_in(plan.folder)})")
                log(f"from another machine: ssh -L {port}:127.0.0.1:{port} {host}")
            from heatmark.pipeline.tune import run_tune

            relays = affordable_relays(plan.sweep, log)
            run_tune(folders, plan.folder / "tune", plan.sweep.tune, broker, relays, epochs, leave_if_asked)

    beside_signals(walk)


def _send_first(broker: Broker, leave_if_asked: Callable[[], None]) -> None:
    """Ray's start keeps this process and machine busy: hundreds of jobs would be sent over minutes beside it."""
    deadline = time.monotonic() + SENT_BEFORE_RAY_S
    while not broker.has_turned() and time.monotonic() < deadline:
        leave_if_asked()
        time.sleep(0.05)


def _account(plan: Plan, console: Console) -> None:
    """What the trials cost that were sent from here. Whatever accounting answers, the report is built."""
    settings = plan.sweep.cluster
    folders = [folder for trial in plan.trials if is_sent_from_here(folder := plan.run_folder(trial))]
    settings.kind.account(settings, plan.folder, folders, partial(console.print, soft_wrap=True))


def report(plan: Plan, console: Console) -> None:
    """Build the report of a sweep's folder."""
    if not plan.sweep.report.enabled:
        return
    from heatmark.reports.build import build_report

    for path in build_report(plan.folder):
        console.print(f"wrote {path}", soft_wrap=True)


def _exit_code(plan: Plan, console: Console) -> int:
    """Say what did not finish and which images were left out."""
    kinds: set[EndKind | None] = set()
    labels = plan.labels
    for trial in plan.trials:
        folder = plan.run_folder(trial)
        job = folder.job()
        if not folder.finished and folder.given_up() is None and (job is None or job.state != "cancelled"):
            kinds.add(job.end.kind if job and job.end else None)
            state, reason = (job.state, job.reason) if job else ("waiting", None)
            console.print(f"{labels[trial.signature]}: {state}: {reason}", soft_wrap=True)
    for path in unreadable_images(plan):
        console.print(f"unreadable image, left out: {path}", soft_wrap=True)
    if not kinds:
        return 0
    return 2 if kinds == {"user"} else 1


def unreadable_images(plan: Plan) -> list[str]:
    """Images that the finished trials could not decode."""
    results = [plan.run_folder(trial).result() for trial in plan.trials]
    return sorted({path for result in results if result for path in result.unreadable_images})


@contextmanager
def _only_driver(plan: Plan) -> Iterator[None]:
    """Raises InputError naming the other driver while one works on this sweep's folder."""
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            file = hold(driver_lock(plan.folder), this_driver(plan.folder))
        except Held as held:
            if not tries_left:
                raise InputError(
                    f"{plan.folder}: another driver runs this sweep ({held}); "
                    f"follow it with: heatmark sweep status {plan.folder}"
                ) from None
            time.sleep(LOCK_PAUSE_S)
        else:
            break
    with file:
        yield


@contextmanager
def _mirror(plan: Plan, console: Console) -> Iterator[Callable[[str], None]]:
    """The MLflow mirror beside this driver. It ends when its stdin closes, however this process ends."""
    tracking = plan.sweep.tracking
    if not tracking.enabled:
        yield lambda _status: None
        return
    uri = tracking_uri(tracking.uri, "tracking.uri") if tracking.uri is not None else None
    if uri is not None and (silent := silence(uri)):
        console.print(
            f"MLflow at {without_passwords(uri)} does not answer now ({silent}); the sweep goes on, and what it "
            f"misses is sent as soon as it does",
            soft_wrap=True,
        )
    with mirror_beside(plan.folder, uri, partial(console.print, soft_wrap=True)) as say:
        yield say


def cancel_sweep(sweep: Path, log: Log) -> int:
    """`heatmark sweep cancel`: from any shell of the cluster, with or without a driver. Returns how many trials.

    A trial that another sweep wants, whose driver lives, is given up by this sweep alone: its job goes on.
    """
    unfinished = [folder for folder in run_folders(sweep) if not folder.finished]
    folders, names = [], names_in(sweep)
    for folder in unfinished:
        others = decide_cancel(folder, by="user", reason="cancelled by heatmark sweep cancel")
        if others:
            log(f"{names(folder.signature)}: left to sweep {', '.join(others)}, which wants it")
        else:
            folders.append(folder)
    cluster = SharedCluster(make_cluster(cluster_of(sweep), sweep, supplies=False), sweep)
    for signature, status in cluster.jobs(folders).items():
        if status.alive:
            log(f"{names(signature)}: job {status.job_id} is asked to save and stop")
            cluster.cancel(RunFolder(sweep / signature))
    for folder in folders:
        end_cancelled(folder, cluster.name)
    return len(unfinished)
