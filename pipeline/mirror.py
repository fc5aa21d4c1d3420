"""MLflow as a mirror of the run folders: a process beside the driver, never on the training path.

One parent run for the sweep, one child per trial, found again by the tags `identity` (of the sweep's folder) and
`signature`. A trial that several sweeps share is a run of each, whoever trained it. Each epoch is uploaded in one batch
with the step and the time of its record, from an offset that the sweep keeps for the trial (RunFolder.mirror_file): an
epoch that was sent twice is the same row, and a server that is away for a while gets what it missed. A trial that
cannot be sent is tried again and holds up no other.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from heatmark.foundation.errors import InputError
from heatmark.foundation.file_lock import locked
from heatmark.pipeline.mirror_failure import ADVICE, OnceAMinute, Outcome, meaning, without_passwords
from heatmark.pipeline.mirror_identity import identity_of
from heatmark.pipeline.mirror_inputs import log_data, log_model
from heatmark.pipeline.mirror_metrics import flat, further_metrics, machine_metrics, metrics_of
from heatmark.pipeline.mirror_report import log_report
from heatmark.pipeline.mirror_summary import epochs_to_80, summary
from heatmark.pipeline.mirror_times import begun_ms, ended_ms, milliseconds
from heatmark.pipeline.mlflow_links import signatures_in
from heatmark.pipeline.mlflow_runs import DELETED, PARENT, SweepRuns
from heatmark.pipeline.mlflow_view import EPOCHS_TO_80, store_view
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.mirrored import Mirrored, SentState
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file

INTERVAL_S = 3.0
# How long a server that is away is waited for when the sweep has ended.
LAST_S = 30.0
# What failures call the parent.
OWN_RUN = "the sweep's own run"
# How often it is looked for runs that somebody deleted, though nothing of theirs is to be sent.
LOOK_S = 60.0
# How a sweep ends whose driver came as far as the report.
REPORTED = frozenset({"FINISHED", "FAILED"})
# The parts of a spec that are parameters of its run.
PARAMETERS = {"method", "backbone", "data", "train", "seed"}
# In one call, as MLflow limits it.
MOST_PARAMETERS = 100
ENDED = {"finished": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}


def default_uri(sweep: Path) -> str:
    """SQLite in the sweep's folder, behind this one process."""
    return f"sqlite:///{(sweep / 'mlflow.db').absolute()}"


class Incomplete(RuntimeError):
    """Some of the sweep could not be sent. failures: why, by the trial's signature or OWN_RUN."""

    def __init__(self, failures: dict[str, Exception]) -> None:
        super().__init__("; ".join(f"{who}: {error}" for who, error in failures.items()))
        self.failures = failures


class Mirror:
    """The upload of one sweep. Every call may fail and be made again."""

    def __init__(self, sweep: Path, uri: str | None) -> None:
        from mlflow import MlflowClient

        self.sweep, self.uri = sweep, uri or default_uri(sweep)
        record = SweepRecord.read(sweep_file(sweep))
        self.name = record.name if record else sweep.name
        self.client = MlflowClient(tracking_uri=self.uri)
        self.identity = identity_of(sweep)
        artifacts = (sweep / "mlartifacts").absolute() if self.uri == default_uri(sweep) else None
        self.runs = SweepRuns(self.client, self.name, self.identity, artifacts)
        self._look_again = 0.0
        self._look()
        self._adopt()
        self._failures: dict[str, Exception] = {}
        self._sent_news = self._ended_news = False
        self._created_ms = milliseconds(record.created) if record else None
        self.parent = ""
        self._attempt(OWN_RUN, self._open_parent)
        self._attempt(OWN_RUN, self._store_view)

    def sync(self) -> None:
        """Upload what is new in every run folder. Raises Incomplete once every other trial is sent.

        Raises what MLflow says where it answers nothing at all: no trial is tried then.
        """
        self._failures, self._sent_news, self._ended_news = {}, False, False
        if time.monotonic() >= self._look_again:
            self._look()
        self._attempt(OWN_RUN, self._open_parent)
        for folder in run_folders(self.sweep):
            self._attempt(folder.signature, partial(self._sync_trial, folder))
        if self._sent_news:
            self._attempt(OWN_RUN, self._check_parent)
        if self._ended_news:
            self._attempt(OWN_RUN, self._summarize)
        if self._failures:
            raise Incomplete(self._failures)

    def close(self, status: str) -> None:
        """End the parent run, with the report as its artifacts and its verdict as its note."""
        # First of all: where artifacts cannot be stored, the run is not left RUNNING.
        self.client.set_terminated(self.parent, status)
        self._summarize()
        if status in REPORTED:
            log_report(self.client, self.experiment, self.parent, self.sweep)

    @property
    def experiment(self) -> str:
        return self.runs.experiment

    @property
    def target(self) -> str:
        """What was sent is remembered for this very database, not for another of the same address."""
        return f"{self.uri} {self.runs.experiment} {self.runs.created}"

    def _attempt(self, who: str, step: Callable[[], None]) -> None:
        """Take a step, a second time after a look: somebody may have deleted a run. A failure is kept for later.

        Raises where even the look fails, which is then the server's failure and not the step's.
        """
        with suppress(Exception):
            step()
            return
        self._look()
        try:
            step()
        except Exception as error:
            self._failures[who] = error

    def look_now(self) -> None:
        """Look for deleted runs in the next round, however short ago it was done."""
        self._look_again = 0.0

    def _look(self) -> None:
        self.runs.look(folder.signature for folder in run_folders(self.sweep))
        self._look_again = time.monotonic() + LOOK_S

    def _adopt(self) -> None:
        """Go on in the runs of an earlier version, which a run folder knows by their id."""
        for folder in run_folders(self.sweep):
            with suppress(InputError):  # of a damaged file, which is told when the trial is sent
                saved = Mirrored.read(folder.mirror_file)
                if saved is not None and saved.target == self.target and saved.identity is None:
                    self.runs.adopt(saved.run_id)

    def _open_parent(self) -> None:
        """The sweep's own run; RUNNING when this mirror first meets it, and named by where it runs now."""
        known = self.runs.found.get(PARENT)
        if known is None:
            self.parent = self.runs.make(PARENT, self.name, {}, self._created_ms)
        elif known != self.parent:
            self.client.update_run(known, status="RUNNING")
            for key, value in self.identity.tags.items():
                self.client.set_tag(known, key, value)
            self.parent = known

    def _summarize(self) -> None:
        """On the sweep's own run, where there is one, and on the page of all experiments."""
        for key, value in summary(self.sweep).items():
            if self.parent:
                self.client.set_tag(self.parent, key, value)
            self.client.set_experiment_tag(self.experiment, key, value)

    def _store_view(self) -> None:
        specs = [RunFolder(self.sweep / signature).spec() for signature in signatures_in(self.sweep)]
        store_view(self.client, self.experiment, self.runs.created, specs)

    def _check_parent(self) -> None:
        """While trials go on nothing is written into the sweep's own run: that it was deleted would go unseen."""
        self._open_parent()
        if self.client.get_run(self.parent).info.lifecycle_stage == DELETED:
            raise RuntimeError("deleted, and not to be restored")

    def _sync_trial(self, folder: RunFolder) -> None:
        from mlflow.entities import Metric, RunTag

        sent = self._sent(folder)
        state = _trial_state(folder)
        records, offset = folder.epochs_since(sent.offset if sent else 0)
        further, measured = folder.measured_since(sent.measured if sent else 0)
        under_parent = not self.parent or (sent is not None and sent.parent == self.parent)
        if not (records or further) and sent is not None and sent.state == state and under_parent:
            return
        if sent is None and folder.signature not in self.runs.found and begun_ms(folder) is None:
            return  # MLflow takes the start of a run when it is made, and never again
        self._sent_news = True
        run_id = sent.run_id if sent else self._child(folder)
        points = [(record.time, record.epoch + 1, metrics_of(record)) for record in records]
        busy = folder.machine_use() if records else {}
        of_machine = ((record, busy[record.epoch]) for record in records if record.epoch in busy)
        points += [(record.time, record.epoch + 1, machine_metrics(use)) for record, use in of_machine]
        points += [(each.time, each.epoch, further_metrics(each)) for each in further]
        for when, step, values in points:
            stamp = milliseconds(when)
            batch = [Metric(name, value, stamp, step) for name, value in values.items()]
            self.client.log_batch(run_id, metrics=batch)
        about = {"attempts": str(state.attempts), "job_id": str(state.job_id), **_hours(folder)}
        if not under_parent:
            about["mlflow.parentRunId"] = self.parent
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in about.items()])
        self._set_state(folder, run_id, state)
        Mirrored(
            target=self.target,
            run_id=run_id,
            offset=offset,
            measured=measured,
            state=state,
            identity=self.identity.number,
            parent=self.parent or (sent.parent if sent else None),
        ).write(folder.mirror_file)

    def _sent(self, folder: RunFolder) -> Mirrored | None:
        """What this database has of a trial: nothing of what another folder sent, or of a run that is gone."""
        saved = Mirrored.read(folder.mirror_file)
        if saved is None or saved.target != self.target or saved.identity not in (None, self.identity.number):
            return None
        return saved if saved.run_id == self.runs.found.get(folder.signature) else None

    def _child(self, folder: RunFolder) -> str:
        """The trial's run, with its parameters."""
        from mlflow.entities import Param

        spec = folder.spec()
        beta = getattr(spec.method, "beta", None)
        tags = {
            "method": spec.method.name,
            "backbone": spec.backbone,
            "dataset": spec.data.name,
            "seed": str(spec.seed),
            **({"beta": f"{beta:g}"} if beta else {}),
            **{f"plugin.{each.of}": f"{each.name} {each.source}" for each in spec.plugins},
        }
        known = self.runs.found.get(folder.signature)
        run_id = known or self.runs.make(folder.signature, spec.label, tags, begun_ms(folder))
        parameters = [Param(*pair) for pair in flat(spec.model_dump(mode="json", include=PARAMETERS))]
        # Each call is a transaction, or a way to a server and back.
        for first in range(0, len(parameters), MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[first : first + MOST_PARAMETERS])
        log_data(self.client, run_id, spec)
        return run_id

    def _set_state(self, folder: RunFolder, run_id: str, state: SentState) -> None:
        if state.state in ENDED:
            self._ended_news = True
            self.client.set_terminated(run_id, ENDED[state.state], ended_ms(folder))
        else:
            self.client.update_run(run_id, status="RUNNING" if state.attempts else "SCHEDULED")
        if state.state == "finished":
            self._log_end(folder, run_id)

    def _log_end(self, folder: RunFolder, run_id: str) -> None:
        spec, result = folder.spec(), folder.result()
        epochs = epochs_to_80(folder, spec)
        if epochs is not None and result is not None:
            self.client.log_metric(run_id, EPOCHS_TO_80, epochs, milliseconds(result.finished), result.epochs)
        log_model(self.client, self.experiment, run_id, folder, spec)


def _hours(folder: RunFolder) -> dict[str, str]:
    """CPU-hours and GPU-hours of all attempts, and those wasted, as tags: they have no step."""
    cost = folder.cost()
    return {name: f"{value:.4f}" for name, value in cost.hours.items()} if cost else {}


def _trial_state(folder: RunFolder) -> SentState:
    job = folder.job()
    state = "cancelled" if folder.is_left_to_others() else job.state if job else "new"
    return SentState(
        state="finished" if folder.finished else state,
        job_id=job.job_id if job else None,
        attempts=len(folder.attempts()),
        costed=folder.accounting_file.exists(),
    )


def main(sweep: Path, uri: str | None) -> int:
    """Follow a sweep until stdin closes, which it does however the driver ends; then once more, and end the parent.

    The last line on stdin is the sweep's final status; a driver that was killed could not write one. Returns the exit
    code: 1 if MLflow has not got everything, and then the last line of the log says what to do.
    """
    # A round that fails is followed by another: MLflow's own patience of minutes would only hold up the driver's end.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A mirror that a killed driver left behind ends within seconds; the next one waits for it.
    with locked(sweep / "mirror.lock"):
        mirror: Mirror | None = None
        last_words = ""
        open_ended = True
        while open_ended:
            ready, _, _ = select.select([sys.stdin], [], [], INTERVAL_S)
            if ready:
                line = sys.stdin.readline()
                last_words, open_ended = line.strip() or last_words, bool(line)
            if open_ended:
                mirror, _ = _try_sync(mirror, sweep, uri)
        outcome = _end(mirror, sweep, uri, last_words or "KILLED")
    if outcome is Outcome.COMPLETE:
        return 0
    where = uri or default_uri(sweep)
    print(without_passwords(f"MLflow at {where} has not got everything: {ADVICE[outcome]}"), file=sys.stderr)
    return 1


def _end(mirror: Mirror | None, sweep: Path, uri: str | None, status: str) -> Outcome:
    """The last round is tried for LAST_S, but not where the server has refused for good."""
    deadline = time.monotonic() + LAST_S
    while True:
        mirror, outcome = _round(mirror, sweep, uri, status)
        refused = outcome in (Outcome.UNAUTHORIZED, Outcome.NO_MLFLOW)
        if outcome is Outcome.COMPLETE or refused or time.monotonic() >= deadline:
            return outcome
        time.sleep(INTERVAL_S)


def _try_sync(
    mirror: Mirror | None, sweep: Path, uri: str | None, end: str | None = None
) -> tuple[Mirror | None, bool]:
    """One round, and whether all of it went well; a server that is away is asked again in the next."""
    mirror, outcome = _round(mirror, sweep, uri, end)
    return mirror, outcome is Outcome.COMPLETE


def _round(
    mirror: Mirror | None, sweep: Path, uri: str | None, end: str | None = None
) -> tuple[Mirror | None, Outcome]:
    """One round, and what came of it. The parent is ended whatever became of the trials."""
    failures: dict[str, Exception] = {}
    try:
        if mirror is None:
            mirror = Mirror(sweep, uri)
        elif end is not None:
            mirror.look_now()
        try:
            mirror.sync()
        except Incomplete as incomplete:
            failures = incomplete.failures
        if end is not None:
            mirror.close(end)
    except Exception as error:
        failures = {**failures, "": error}
    for who, failure in failures.items():
        _say(f"{who + ': ' if who else ''}{failure}", uri or default_uri(sweep))
    meanings = [meaning(failure) for failure in failures.values()]
    return mirror, meanings[-1] if meanings else Outcome.COMPLETE


def _say(failure: str, uri: str) -> None:
    line = _once_a_minute(without_passwords(f"MLflow at {uri}: {failure}"))
    if line:
        print(f"{line}; trying again", file=sys.stderr, flush=True)


_once_a_minute = OnceAMinute()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
